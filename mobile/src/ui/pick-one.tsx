import { Platform, StyleSheet, View } from "react-native";
import { Icon, Text, TouchableRipple } from "react-native-paper";

import { useAppTheme } from "./theme";

interface Option {
  value: string;
  label: string;
  testID?: string | undefined;
}

/** One of a few below each other, whose words may be long. */
export function PickOne({ label, value, options, onPicked }: { label?: string; value: string | null; options: readonly Option[]; onPicked: (value: string) => void }) {
  const { colors } = useAppTheme();
  return (
    <View role="radiogroup" aria-label={label} testID="pick-one" {...SPACE_PICKS}>
      {options.map((one) => {
        const isPicked = one.value === value;
        return (
          <TouchableRipple key={one.value} role="radio" aria-checked={isPicked} aria-label={one.label} onPress={() => onPicked(one.value)} style={styles.option} testID={one.testID}>
            <View style={styles.line}>
              <Icon source={isPicked ? "radiobox-marked" : "radiobox-blank"} size={24} color={isPicked ? colors.primary : colors.onSurfaceVariant} />
              <Text style={styles.text}>{one.label}</Text>
            </View>
          </TouchableRipple>
        );
      })}
    </View>
  );
}

/** A browser's Enter presses what can be pressed, but its Space buttons alone, and Space is how a radio is picked. */
const SPACE_PICKS =
  Platform.OS === "web"
    ? {
        onKeyDown: (event: { key: string; target: HTMLElement; preventDefault: () => void }) => {
          if (event.key !== " ") return;
          event.preventDefault();
          event.target.click();
        },
      }
    : {};

const styles = StyleSheet.create({
  option: { minHeight: 48, justifyContent: "center" },
  line: { flexDirection: "row", alignItems: "center", gap: 12 },
  /** A name without a blank breaks anywhere rather than push its radio button aside. */
  text: { flex: 1, minWidth: 0, ...(Platform.OS === "web" ? ({ overflowWrap: "anywhere" } as object) : {}) },
});
