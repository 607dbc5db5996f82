import { act, screen } from "@testing-library/react-native";

import { PushChannel } from "@/ui/push-channel";
import { Pushes } from "@/ui/pushes";
import { en } from "@/words/en";

import { api, show } from "./stage";

const DEVICE = "5a3c0f0e-0000-4000-8000-0000000000aa";
// In a browser the bundler takes this file instead.
jest.mock("@/api/push", () => jest.requireActual("@/api/push.web"));
jest.mock("expo", () => ({ ...jest.requireActual("expo"), isRunningInExpoGo: () => true }));
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => ({ token: "t", device: DEVICE, push: "on" })[name] ?? null,
  writeKept: async () => undefined,
}));
jest.mock("expo-router", () => ({ router: {}, useRootNavigationState: () => ({ key: "root" }) }));
jest.mock("expo-notifications", () => {
  throw new Error("a browser loads nothing of it");
});

test("a browser takes no pushes, says so, and tells on how many phones they are on", async () => {
  const sent = api({});
  await show(
    <>
      <Pushes />
      <PushChannel push={{ status: "on", devices: ["a", "b"] }} />
    </>,
  );
  await act(async () => undefined);
  expect(screen.getByText("On, on 2 phones")).toBeTruthy();
  expect(screen.getByText(en.notices.preferences.pushNowhere)).toBeTruthy();
  expect(screen.queryByTestId("push-here")).toBeNull();
  expect(sent).toEqual([]);
});

test("Expo Go, which refuses to load it, takes none either", () => {
  const { CAN_PUSH } = jest.requireActual("@/api/push") as { CAN_PUSH: boolean };
  expect(CAN_PUSH).toBe(false);
});
