import { act, fireEvent, screen } from "@testing-library/react-native";

import type { Preferences } from "@/api/notices";
import Settings from "@/app/(tabs)/settings";

import { api, ok, show } from "./stage";

const mockPush = jest.fn();
jest.mock("expo-router", () => ({ router: { push: (path: string) => mockPush(path) }, usePathname: () => "/settings" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const OFF = { status: "off", target: null } as const;

async function open(status: Preferences["email"]["status"]) {
  api({ "GET /notifications/preferences": () => ok({ kinds: {}, email: { status, target: "a@example.com" }, webhook: OFF, telegram: OFF, push: { status: "off", devices: [] }, sms: OFF }) });
  await show(<Settings />);
  await act(async () => void (await new Promise((done) => setTimeout(done, 0))));
}

test("whoever has not confirmed the e-mail is led to where that is done", async () => {
  await open("unconfirmed");
  fireEvent.press(await screen.findByTestId("to-verify"));
  expect(mockPush).toHaveBeenCalledWith("/verify");
});

test("the password is changed from here", async () => {
  await open("on");
  fireEvent.press(screen.getByTestId("to-password"));
  expect(mockPush).toHaveBeenCalledWith("/password");
});

test("whoever has is not asked again", async () => {
  await open("on");
  expect(screen.getByTestId("to-notices")).toBeTruthy();
  expect(screen.queryByTestId("to-verify")).toBeNull();
});
