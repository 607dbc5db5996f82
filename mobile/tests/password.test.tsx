/** Another password by the old one: every answer that the API gives, and none. */
import { act, fireEvent, screen } from "@testing-library/react-native";
import { Pressable } from "react-native";

import { useSession } from "@/api/session";
import ChangePassword from "@/app/password";
import { PasswordNotice } from "@/ui/password-notice";
import { en } from "@/words/en";

import { api, ok, refused, show, type Answers } from "./stage";

const mockPush = jest.fn();
jest.mock("expo-router", () => ({ router: { push: (to: string) => mockPush(to) }, usePathname: () => "/password", Redirect: () => null }));
const mockKept = new Map<string, string>();
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => mockKept.get(name) ?? null,
  writeKept: async (name: string, value: string | null) => void (value === null ? mockKept.delete(name) : mockKept.set(name, value)),
}));

beforeEach(() => {
  mockKept.clear();
  mockKept.set("token", "t");
});

const CHANGE = "POST /auth/password";
const BOTH = { old_password: "a long passphrase", new_password: "an even longer one" };

const enter = (id: string, text: string) => fireEvent.changeText(screen.getByTestId(id), text);
const press = (id: string) => act(async () => fireEvent.press(screen.getByTestId(id)));

function LogIn() {
  const session = useSession();
  return <Pressable testID="log-in" onPress={() => void session.logIn("a@example.com", "password1")} />;
}

async function change() {
  enter("old-password", BOTH.old_password);
  enter("password", BOTH.new_password);
  await press("submit");
}

test.each([
  [0, /No other device was logged in\./],
  [1, /1 other device was logged out\./],
  [3, /3 other devices were logged out\./],
])("the old and the new one are sent, and %s other logins are said to have ended; this one goes on", async (ended, words) => {
  const sent = api({ [CHANGE]: () => ok({ status: "changed", ended }) });
  await show(<ChangePassword />);
  await change();
  await screen.findByText(words);
  expect(sent.map(({ what, body }) => [what, body])).toEqual([[CHANGE, BOTH]]);
  expect(mockKept.get("token")).toBe("t");
  expect(screen.queryByTestId("old-password")).toBeNull();
});

test("the field of the new one says how hard it is to guess, the other does not", async () => {
  api({});
  await show(<ChangePassword />);
  enter("old-password", "qwertyuiopasdf");
  expect(screen.queryByTestId("old-password-strength")).toBeNull();
  expect(screen.queryByTestId("password-strength")).toBeNull();
  for (const [text, words] of [
    ["short", en.account.strength.short],
    ["qwertyuiopasdf", en.account.strength.weak],
    ["correct horse battery staple", en.account.strength.good],
  ] as const) {
    enter("password", text);
    expect(screen.getByText(words)).toBeTruthy();
  }
});

test("whoever logged in with a common one is asked for another until there is one", async () => {
  mockKept.clear();
  const login = { token: "t", refresh_token: "r", expires_in: 900, device_id: "d", password_is_common: true };
  api({ "POST /auth/login": () => ok(login), [CHANGE]: () => ok({ status: "changed", ended: 0 }) });
  await show(
    <>
      <LogIn />
      <PasswordNotice />
      <ChangePassword />
    </>,
  );
  expect(screen.queryByText(en.account.common)).toBeNull();
  await press("log-in");
  await screen.findByText(en.account.common);
  await press("change-common");
  expect(mockPush).toHaveBeenCalledWith("/password");
  await change();
  await screen.findByText(en.account.changed(0));
  expect(screen.queryByText(en.account.common)).toBeNull();
});

test("without both nothing is sent", async () => {
  const sent = api({});
  await show(<ChangePassword />);
  enter("old-password", BOTH.old_password);
  await press("submit");
  enter("old-password", "");
  enter("password", BOTH.new_password);
  await press("submit");
  fireEvent(screen.getByTestId("password"), "submitEditing");
  expect(sent).toEqual([]);
});

test("a weak one is marked with the reason", async () => {
  api({ [CHANGE]: () => refused(400, "REQUEST_INVALID", [{ field: "new_password", problem: "is the old one: choose another" }]) });
  await show(<ChangePassword />);
  await change();
  await screen.findByText("Is the old one: choose another");
  expect(screen.getByTestId("password").props.value).toBe(BOTH.new_password);
});

test.each([
  [401, "CREDENTIALS_INVALID"],
  [429, "TOO_MANY_TRIES"],
  [500, "INTERNAL"],
  [503, "DATABASE_UNAVAILABLE"],
] as const)("%s %s is told, nothing is called changed, and the login stays", async (status, code) => {
  api({ [CHANGE]: () => refused(status, code) });
  await show(<ChangePassword />);
  await change();
  await screen.findByText(en.problems[code]);
  expect(screen.queryByText(/^Your password is changed/)).toBeNull();
  expect(mockKept.get("token")).toBe("t");
});

test("where a fresh code is asked for, it is taken, and the password is changed after it", async () => {
  const answers: Answers = {
    [CHANGE]: () => refused(403, "FRESH_CODE_NEEDED"),
    "POST /auth/second-factor/verify": () => {
      answers[CHANGE] = () => ok({ status: "changed", ended: 0 });
      return ok({ fresh_until: "2026-11-27T10:00:00Z" });
    },
  };
  const sent = api(answers);
  await show(<ChangePassword />);
  await change();
  enter("code", "492039");
  await press("show-code");
  await screen.findByText(en.account.changed(0));
  expect(sent.map(({ what }) => what)).toEqual([CHANGE, "POST /auth/second-factor/verify", CHANGE]);
  expect(sent[2]?.body).toEqual(BOTH);
});

test("a second press while the first is under way sends nothing", async () => {
  let answer: (response: Response) => void = () => undefined;
  const urls: string[] = [];
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    urls.push(request.url);
    return new Promise<Response>((resolve) => (answer = resolve));
  }) as typeof fetch);
  await show(<ChangePassword />);
  await change();
  await act(async () => void fireEvent(screen.getByTestId("password"), "submitEditing"));
  expect(urls).toHaveLength(1);
  await act(async () => answer(new Response("{}", { status: 400, headers: { "Content-Type": "application/json" } })));
});
