/** Text of every size on narrow and low screens: nothing is cut off that could be wrapped or put elsewhere. */
import { render, screen } from "@testing-library/react-native";
import { StyleSheet } from "react-native";
import { PaperProvider } from "react-native-paper";
import type { ReactNode } from "react";

import { Choice } from "@/ui/choice";
import { Screen } from "@/ui/screen";
import { TextInput } from "@/ui/text-input";
import { makeTheme } from "@/ui/theme";
import type { Preferences } from "@/ui/preferences";
import { en } from "@/words/en";

let mockWidth = 360;
jest.mock("react-native/Libraries/Utilities/useWindowDimensions", () => ({ __esModule: true, default: () => ({ width: mockWidth, height: 800, scale: 1, fontScale: 1 }) }));
jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/" }));
jest.mock("@/api/session", () => ({ useSession: () => ({ state: "in" }) }));

function show(children: ReactNode, size: Preferences["size"], width: number) {
  mockWidth = width;
  render(
    <PaperProvider theme={makeTheme(false, size)} settings={{ icon: () => null }}>
      {children}
    </PaperProvider>,
  );
}

const styleOf = (text: string) => StyleSheet.flatten(screen.getByText(text, { includeHiddenElements: true }).props.style as object) as { fontSize?: number };

test.each([
  ["normal", 360, false],
  ["normal", 195, true],
  ["large", 390, false],
  ["huge", 320, true],
] as const)("the three products in %s text at %i px stand below each other: %s", (size, width, isBelow) => {
  const buttons = Object.entries(en.plan.products).map(([value, label]) => ({ value, label, testID: value }));
  show(<Choice value="MIS" onValueChange={jest.fn()} buttons={buttons} />, size, width);
  expect(screen.queryByTestId("pick-one") !== null).toBe(isBelow);
  expect(screen.getByText("Overnight")).toBeTruthy();
});

test.each([
  ["large", 1.2],
  ["huge", 1.45],
] as const)("in %s text what is typed grows as much as everything else, and so does its label", (size, scale) => {
  show(<TextInput mode="outlined" label="Quantity" value="12" testID="field" />, size, 360);
  const typed = StyleSheet.flatten(screen.getByTestId("field").props.style as object) as { fontSize?: number };
  expect(typed.fontSize).toBeCloseTo(16 * scale);
  expect(styleOf("Quantity").fontSize).toBeCloseTo(12 * scale);
  expect(screen.getByLabelText("Quantity")).toBeTruthy();
});

test.each([
  [360, "normal", true],
  [195, "normal", false],
] as const)("at %i px the kill switch leaves room for the title, and keeps its name", (width, size, isWritten) => {
  show(<Screen title="Today">{null}</Screen>, size, width);
  expect(screen.queryByText(en.kill.open) !== null).toBe(isWritten);
  expect(isWritten ? screen.getByText(en.kill.open) : screen.getByLabelText(en.kill.open)).toBeTruthy();
});
