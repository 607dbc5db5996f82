import type { ComponentProps } from "react";
import { useWindowDimensions } from "react-native";
import { SegmentedButtons } from "react-native-paper";

import { PickOne } from "./pick-one";
import { useTextScale } from "./theme";

/** What a letter of a button takes at the usual size, what stands around its word, and around all of them on a screen. */
const LETTER = 7.2;
const AROUND_WORD = 20;
const AROUND_ALL = 64;

/** One of a few: beside each other, or below where their words would be cut off. */
export function Choice<T extends string>({ buttons, ...props }: Single<T>) {
  const scale = useTextScale();
  const { width } = useWindowDimensions();
  const longest = Math.max(...buttons.map(({ label }) => label?.length ?? 0));
  const isCut = longest * LETTER * scale + AROUND_WORD > (width - AROUND_ALL) / buttons.length;
  if (isCut) {
    return <PickOne value={props.value} options={buttons.map(({ value, label = value, testID }) => ({ value, label, testID }))} onPicked={(value) => props.onValueChange(value as T)} />;
  }
  return <SegmentedButtons {...props} buttons={buttons.map((button) => ({ ...button, style: { minWidth: 0 } }))} />;
}

type Single<T extends string> = {
  value: T;
  onValueChange: (value: T) => void;
  buttons: Omit<ComponentProps<typeof SegmentedButtons<T>>["buttons"][number], "labelStyle" | "style">[];
};
