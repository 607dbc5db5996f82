import { fireEvent, render, screen } from "@testing-library/react-native";
import type { ReactNode } from "react";
import { PaperProvider } from "react-native-paper";

import { instantOf, pickedTime } from "@/rules/clock";
import { TimePicker as OfAndroid } from "@/ui/time-picker.android";
import { TimePicker as OfIos } from "@/ui/time-picker.ios";

interface Asked {
  mode: string;
  timeZoneName: string;
  value: Date;
  onValueChange: (event: unknown, picked: Date) => void;
}
const mockOpen = jest.fn<void, [Asked]>();
jest.mock("@react-native-community/datetimepicker", () => {
  const { View } = jest.requireActual<typeof import("react-native")>("react-native");
  return { __esModule: true, default: View, DateTimePickerAndroid: { open: (asked: Asked) => mockOpen(asked) } };
});

const show = (children: ReactNode) => render(<PaperProvider settings={{ icon: () => null }}>{children}</PaperProvider>);
const at = (time: string) => new Date(`2026-11-26T${time}+05:30`);

test("times of day become instants in India and come back, wherever the phone is", () => {
  const now = Date.parse("2026-11-26T20:00:00Z");
  expect(instantOf("09:30:15", now).toISOString()).toBe("2026-11-27T04:00:15.000Z");
  expect(instantOf(null, now).getTime()).toBe(now);
  expect(pickedTime(new Date("2026-11-27T04:05:59Z"))).toBe("09:35:00");
});

test("Android's clock opens at the field's time in India, and what is picked goes into the field", () => {
  const onPicked = jest.fn();
  show(<OfAndroid label="Buy time (IST)" time="09:30:00" onPicked={onPicked} />);
  fireEvent.press(screen.getByLabelText("Buy time (IST) Pick"));
  const asked = mockOpen.mock.calls[0]?.[0];
  expect(asked).toMatchObject({ mode: "time", timeZoneName: "Asia/Kolkata" });
  expect(pickedTime(asked?.value ?? new Date(0))).toBe("09:30:00");
  expect(onPicked).not.toHaveBeenCalled();
  asked?.onValueChange({}, at("14:45:00"));
  expect(onPicked).toHaveBeenCalledWith("14:45:00");
});

test("the wheel of iOS changes nothing before it is confirmed", () => {
  const onPicked = jest.fn();
  show(<OfIos label="Buy time (IST)" time="09:30:00" onPicked={onPicked} />);
  fireEvent.press(screen.getByLabelText("Buy time (IST) Pick"));
  fireEvent(screen.getByTestId("time-wheel"), "valueChange", {}, at("10:05:00"));
  fireEvent.press(screen.getByText("Cancel"));
  expect(onPicked).not.toHaveBeenCalled();
  fireEvent.press(screen.getByLabelText("Buy time (IST) Pick"));
  expect(pickedTime(screen.getByTestId("time-wheel").props.value as Date)).toBe("09:30:00");
  fireEvent(screen.getByTestId("time-wheel"), "valueChange", {}, at("10:05:00"));
  fireEvent.press(screen.getByTestId("time-picked"));
  expect(onPicked).toHaveBeenCalledWith("10:05:00");
});
