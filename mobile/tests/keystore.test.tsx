/** A phone whose keystore fails: whoever has it can log in, pull the kill switch and log out. */
import { act, fireEvent, screen } from "@testing-library/react-native";
import { Pressable, Text } from "react-native";

import { useSession } from "@/api/session";
import Login from "@/app/login";
import { en } from "@/words/en";

import { api, ok, show } from "./stage";

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/login", Link: () => null }));
let mockFails: (name: string) => boolean = () => true;
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => {
    if (mockFails(name)) throw new Error("the keystore cannot decrypt it");
    return null;
  },
  writeKept: async () => {
    throw new Error("the keystore cannot be written");
  },
}));

function Door() {
  const session = useSession();
  return (
    <>
      <Text>{`door ${session.state}`}</Text>
      <Pressable accessibilityLabel="read" onPress={() => void session.api.GET("/api/v1/account")} />
      <Pressable accessibilityLabel="log out" onPress={() => void session.logOut()} />
      {session.state === "out" ? <Login /> : null}
    </>
  );
}

test.each(["token", "refresh", "device", "email", "known"])("when %s cannot be read nobody looks at an empty page", async (broken) => {
  mockFails = (name) => name === broken || name === "push";
  const sent = api({
    "POST /auth/login": () => ok({ token: "t1", refresh_token: "r1", expires_in: 900, device_id: "d", password_is_common: false }),
    "GET /account": () => ok({ user_id: "u" }),
    "POST /auth/logout": () => ok({ ended: 1 }),
  });
  await show(<Door />);
  expect(screen.getByText("door out")).toBeTruthy();
  expect(screen.queryAllByText(en.account.unreadable)).toHaveLength(broken === "known" ? 0 : 1);
  fireEvent.changeText(screen.getByTestId("email"), "a@example.com");
  fireEvent.changeText(screen.getByTestId("password"), "a long passphrase");
  await act(async () => fireEvent.press(screen.getByTestId("submit")));
  expect(await screen.findByText("door in")).toBeTruthy();
  await act(async () => fireEvent.press(screen.getByLabelText("read")));
  await act(async () => fireEvent.press(screen.getByLabelText("log out")));
  expect(await screen.findByText("door out")).toBeTruthy();
  expect(screen.queryByText(en.account.unreadable)).toBeNull();
  expect(sent.map(({ what }) => what)).toEqual(["POST /auth/login", "GET /account", "POST /auth/logout"]);
});
