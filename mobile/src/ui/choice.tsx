import type { ComponentProps } from "react";
import { SegmentedButtons } from "react-native-paper";

import { useAppTheme, useTextScale } from "./theme";

/** As much as three words beside each other can grow on a phone without being cut off. */
const MOST = 1.2;

/** One of a few, beside each other. */
export function Choice<T extends string>({ buttons, ...props }: Single<T>) {
  const { fonts } = useAppTheme();
  const scale = useTextScale();
  const { fontSize, lineHeight } = fonts.labelLarge;
  const shrunk = scale > MOST ? { fontSize: (fontSize / scale) * MOST, lineHeight: (lineHeight / scale) * MOST, marginHorizontal: 0 } : {};
  return <SegmentedButtons {...props} buttons={buttons.map((button) => ({ ...button, labelStyle: shrunk, style: { minWidth: 0 } }))} />;
}

type Single<T extends string> = {
  value: T;
  onValueChange: (value: T) => void;
  buttons: Omit<ComponentProps<typeof SegmentedButtons<T>>["buttons"][number], "labelStyle" | "style">[];
};
