/** A long list, of which only the rows around what is in sight exist. Which those are is reckoned from where the rows lie:
 * one that is sought where none lies, in a space between two, makes every row exist. So the space belongs to the rows. */
import { createContext, useCallback, useContext, useEffect, useRef, type ReactNode, type RefObject } from "react";
import { FlatList, Platform, View, type FlatListProps, type LayoutChangeEvent, type StyleProp, type ViewStyle } from "react-native";

type Remeasure = () => void;
/** The rows that exist, by what measures each anew; null where nothing has to. */
const Rows = createContext<RefObject<Set<Remeasure>> | null>(null);

type Props<Item> = Omit<FlatListProps<Item>, "ItemSeparatorComponent" | "CellRendererComponent" | "onContentSizeChange"> & {
  /** Between two rows. */
  space?: number;
};

export function RowList<Item>({ space = 12, ...props }: Props<Item>) {
  const Space = useCallback(() => <View style={{ height: space }} />, [space]);
  const rows = useRef(new Set<Remeasure>());
  // A browser tells when a row has got another size, and not when the one above it has moved it: there the rows would be
  // sought where they once lay, with spaces between them.
  const onWeb = { CellRendererComponent: Row, onContentSizeChange: () => rows.current.forEach((remeasure) => remeasure()) };
  return (
    <Rows.Provider value={rows}>
      <FlatList {...props} {...(Platform.OS === "web" ? onWeb : {})} ItemSeparatorComponent={Space} ListHeaderComponentStyle={{ paddingBottom: space }} ListFooterComponentStyle={{ paddingTop: space }} />
    </Rows.Provider>
  );
}

interface RowProps {
  readonly style?: StyleProp<ViewStyle>;
  readonly onLayout?: (event: LayoutChangeEvent) => void;
  readonly children?: ReactNode;
}

function Row({ style, onLayout, children, ...rest }: RowProps) {
  const view = useRef<View>(null);
  const rows = useContext(Rows)?.current;
  useEffect(() => {
    if (rows === undefined || onLayout === undefined) return undefined;
    const remeasure = () => view.current?.measure((x, y, width, height) => onLayout({ nativeEvent: { layout: { x, y, width, height } } } as LayoutChangeEvent));
    rows.add(remeasure);
    return () => void rows.delete(remeasure);
  }, [rows, onLayout]);
  return (
    <View {...rest} ref={view} style={style} onLayout={onLayout}>
      {children}
    </View>
  );
}
