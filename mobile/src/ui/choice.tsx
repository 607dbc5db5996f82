import type { ComponentProps } from "react";
import { SegmentedButtons } from "react-native-paper";

import { useAppTheme, useTextScale } from "./theme";

/** As much as three words beside each other can grow on a phone without being cut off. */
const MOST = 1.2;

/** One of a few, beside each other. */
export function Choice<T extends string>({ buttons, ...props }: Single<T>) {
  const { fonts } = useAppTheme();
  const scale = useTextScale();
  // The line stays as high as it was: a thumb needs it.
  const shrunk = scale > MOST ? { fontSize: (fonts.labelLarge.fontSize / scale) * MOST, marginHorizontal: 0 } : {};
  return <SegmentedButtons {...props} buttons={buttons.map((button) => ({ ...button, labelStyle: shrunk, style: { minWidth: 0 } }))} />;
}

type Single<T extends string> = {
  value: T;
  onValueChange: (value: T) => void;
  buttons: Omit<ComponentProps<typeof SegmentedButtons<T>>["buttons"][number], "labelStyle" | "style">[];
};
