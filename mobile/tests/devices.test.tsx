import { screen } from "@testing-library/react-native";

import Devices from "@/app/devices";
import { en } from "@/words/en";

import { api, ok, show } from "./stage";

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/devices" }));
const mockKept: Record<string, string> = { token: "t", device: "d2" };
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => mockKept[name] ?? null, writeKept: async () => undefined }));

test("whoever ends logins sees which one is their own", async () => {
  const at = "2026-11-27T08:35:08.045Z";
  api({
    "GET /auth/devices": () =>
      ok({
        devices: ["d1", "d2", "d3"].map((id) => ({ device_id: id, name: "Browser", created_at: at, used_at: at })),
      }),
  });
  await show(<Devices />);
  const lines = await screen.findAllByText(/^Browser/);
  expect(lines.map((line) => line.props.children as string)).toEqual(["Browser", `Browser · ${en.devices.thisOne}`, "Browser"]);
});
