import type { ComponentProps } from "react";
import { TextInput as KitInput } from "react-native-paper";

import { useTextScale } from "./theme";

/** A label stands in its empty field on one line: beyond this the longest is cut off on a phone. */
const MOST = 1.2;

function Sized({ style, ...props }: ComponentProps<typeof KitInput>) {
  const scale = Math.min(useTextScale(), MOST);
  return <KitInput style={[scale === 1 ? null : { fontSize: 16 * scale }, style]} {...props} />;
}

/** The kit's field with text that grows with the chosen size; the kit's own stays at 16. */
export const TextInput = Object.assign(Sized, { Icon: KitInput.Icon });
