import { Pressable, type StyleProp, type TextStyle, type ViewStyle } from "react-native";
import { Switch, Text } from "react-native-paper";

/** A switch that its words turn, too: a thumb is larger than the switch. Keyboards and screen readers have the switch. */
export function LabelledSwitch({
  label,
  aloud = label,
  value,
  onChange,
  variant = "bodySmall",
  isDisabled = false,
  style,
  textStyle,
  testID,
}: {
  label: string;
  /** What a screen reader says, where the words around it are not enough. */
  aloud?: string;
  value: boolean;
  onChange: (value: boolean) => void;
  variant?: "bodySmall" | "bodyMedium" | "titleMedium";
  isDisabled?: boolean;
  style?: StyleProp<ViewStyle>;
  textStyle?: StyleProp<TextStyle>;
  testID: string;
}) {
  return (
    // In a browser a press of the switch arrives here as well, and asks for the same value.
    <Pressable accessible={false} tabIndex={-1} disabled={isDisabled} onPress={() => onChange(!value)} style={[{ flexDirection: "row", alignItems: "center", gap: 6, minHeight: 48 }, style]}>
      <Text variant={variant} style={textStyle}>
        {label}
      </Text>
      <Switch value={value} disabled={isDisabled} onValueChange={onChange} accessibilityLabel={aloud} testID={testID} />
    </Pressable>
  );
}
