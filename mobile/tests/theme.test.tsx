import { render, screen } from "@testing-library/react-native";
import { StyleSheet } from "react-native";
import { PaperProvider, Text } from "react-native-paper";

import { FieldError } from "@/ui/parts";
import { makeTheme } from "@/ui/theme";

function sizeOf(text: string): number {
  const { fontSize } = StyleSheet.flatten(screen.getByText(text).props.style as object) as { fontSize?: number };
  return fontSize ?? Number.NaN;
}

test.each([
  ["large", 1.2],
  ["huge", 1.45],
] as const)("%s text is larger everywhere, also where no kind of text is named", (size, scale) => {
  render(
    <PaperProvider theme={makeTheme(false, size)}>
      <Text>plain</Text>
      <Text variant="bodySmall">small</Text>
      <FieldError text="wrong" />
    </PaperProvider>,
  );
  expect(sizeOf("plain")).toBeCloseTo(14 * scale);
  expect(sizeOf("small")).toBeCloseTo(12 * scale);
  expect(sizeOf("Wrong")).toBeCloseTo(12 * scale);
});
