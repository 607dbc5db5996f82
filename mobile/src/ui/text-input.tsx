import type { ComponentProps } from "react";
import { View } from "react-native";
import { Text, TextInput as KitInput } from "react-native-paper";

import { useAppTheme, useTextScale } from "./theme";

/** The kit's label stays at 12 above what is typed, and on one line inside an empty field: with larger text it stands above
 * the field instead, where it grows and wraps. */
function Sized({ label, ...props }: Omit<ComponentProps<typeof KitInput>, "style">) {
  const scale = useTextScale();
  const { colors } = useAppTheme();
  if (scale === 1) return <KitInput label={label} {...props} />;
  return (
    <View>
      {label === undefined ? null : (
        // The field itself has the name that is read aloud.
        <Text aria-hidden variant="bodySmall" style={{ color: colors.onSurfaceVariant }}>
          {label}
        </Text>
      )}
      <KitInput accessibilityLabel={typeof label === "string" ? label : undefined} {...props} style={{ fontSize: USUAL * scale }} />
    </View>
  );
}

/** The kit's own size of what is typed. */
const USUAL = 16;

/** The kit's field with text that grows with the chosen size. */
export const TextInput = Object.assign(Sized, { Icon: KitInput.Icon });
