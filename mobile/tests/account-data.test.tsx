import { act, fireEvent, screen } from "@testing-library/react-native";

import AccountDataScreen from "@/app/account-data";
import { en } from "@/words/en";

import { api, ok, refused, show, type Answers } from "./stage";

const mockHandOver = jest.fn(async (_name: string, _text: string) => true);
const mockForget = jest.fn();
jest.mock("@/ui/hand-over", () => ({
  HANDED: "shared",
  handOver: (name: string, text: string) => mockHandOver(name, text),
  forgetHanded: (name: string) => mockForget(name),
}));
jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/account-data", Redirect: () => null }));
const mockKept = new Map<string, string>();
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => mockKept.get(name) ?? null,
  writeKept: async (name: string, value: string | null) => void (value === null ? mockKept.delete(name) : mockKept.set(name, value)),
}));

beforeEach(() => {
  mockHandOver.mockClear();
  mockKept.clear();
  mockKept.set("token", "t");
});

const QUIET: Answers = { "GET /auth/second-factor": () => ok({ is_on: false, recovery_codes_left: null }) };

test("every page of the export ends up in one file, and only then it can be handed over", async () => {
  const sent = api({
    ...QUIET,
    "GET /account/export": ({ query }) =>
      query.get("cursor") === "orders.1"
        ? ok({ sections: { orders: [{ id: 2 }], trades: [] }, next_cursor: null })
        : ok({ sections: { account: [{ email: "a@example.com" }], orders: [{ id: 1 }] }, next_cursor: "orders.1" }),
  });
  await show(<AccountDataScreen />);
  expect(screen.queryByTestId("hand-over")).toBeNull();
  await act(async () => fireEvent.press(screen.getByTestId("collect")));
  await screen.findByText("Complete: 3 rows in 3 sections, 1 KB.");
  expect(sent.filter(({ what }) => what.endsWith("/export"))).toHaveLength(2);
  expect(mockHandOver).not.toHaveBeenCalled();
  await act(async () => fireEvent.press(screen.getByTestId("hand-over")));
  await screen.findByText("Handed to the phone.");
  const [name, text] = mockHandOver.mock.calls[0] ?? ["", ""];
  expect(name).toMatch(/^algotrading-data-\d{4}-\d\d-\d\d\.json$/);
  expect(JSON.parse(text)).toMatchObject({ sections: { account: [{ email: "a@example.com" }], orders: [{ id: 1 }, { id: 2 }], trades: [] } });
  screen.unmount();
  expect(mockForget).toHaveBeenCalledWith(name);
});

test("an export that breaks off in between is not called complete", async () => {
  api({
    ...QUIET,
    "GET /account/export": ({ query }) => (query.get("cursor") === null ? ok({ sections: { account: [] }, next_cursor: "orders.1" }) : refused(404, "NOT_FOUND")),
  });
  await show(<AccountDataScreen />);
  await act(async () => fireEvent.press(screen.getByTestId("collect")));
  await screen.findByText(en.problems.NOT_FOUND);
  expect(screen.queryByText(/^Complete/)).toBeNull();
  expect(screen.getByTestId("collect")).toBeTruthy();
});

test("pages that lead in a circle end", async () => {
  const sent = api({ ...QUIET, "GET /account/export": () => ok({ sections: { account: [] }, next_cursor: "orders.1" }) });
  await show(<AccountDataScreen />);
  await act(async () => fireEvent.press(screen.getByTestId("collect")));
  await screen.findByText(en.problems.UNREADABLE);
  expect(sent.filter(({ what }) => what.endsWith("/export"))).toHaveLength(2);
});

async function press(label: string) {
  await act(async () => fireEvent.press(screen.getByText(label)));
}

const deletions = (sent: { what: string; body: unknown }[]) => sent.filter(({ what }) => what === "POST /account/delete").map(({ body }) => body);

test("an account is deleted by a switch, the password and two presses, and by nothing less", async () => {
  const sent = api({ ...QUIET, "POST /account/delete": () => ok({ status: "deleted" }) });
  await show(<AccountDataScreen />);
  const fire = en.accountData.fire;
  await press(fire);
  expect(screen.queryByTestId("confirm")).toBeNull();
  fireEvent.changeText(screen.getByTestId("password"), "a long passphrase");
  await press(fire);
  expect(screen.queryByTestId("confirm")).toBeNull();
  fireEvent(screen.getByTestId("deletion-arm"), "valueChange", true);
  await press(fire);
  expect(deletions(sent)).toEqual([]);
  await act(async () => fireEvent.press(screen.getByTestId("confirm")));
  await screen.findByText(en.accountData.deleted);
  expect(deletions(sent)).toEqual([{ password: "a long passphrase" }]);
  expect(mockKept.get("token")).toBeUndefined();
});

test("with a second factor the code is asked for before anything is sent", async () => {
  const sent = api({ "GET /auth/second-factor": () => ok({ is_on: true, recovery_codes_left: 10 }), "POST /account/delete": () => ok({ status: "deleted" }) });
  await show(<AccountDataScreen />);
  await screen.findByTestId("code");
  fireEvent.changeText(screen.getByTestId("password"), "a long passphrase");
  fireEvent(screen.getByTestId("deletion-arm"), "valueChange", true);
  await press(en.accountData.fire);
  expect(screen.queryByTestId("confirm")).toBeNull();
  fireEvent.changeText(screen.getByTestId("code"), " 123456 ");
  await press(en.accountData.fire);
  await act(async () => fireEvent.press(screen.getByTestId("confirm")));
  await screen.findByText(en.accountData.deleted);
  expect(deletions(sent)).toEqual([{ password: "a long passphrase", code: "123456" }]);
});

test.each([
  [401, "CREDENTIALS_INVALID"],
  [409, "CONFLICT"],
  [429, "TOO_MANY_TRIES"],
] as const)("%s %s deletes nothing, and the login stays", async (status, code) => {
  api({ ...QUIET, "POST /account/delete": () => refused(status, code) });
  await show(<AccountDataScreen />);
  fireEvent.changeText(screen.getByTestId("password"), "a long passphrase");
  fireEvent(screen.getByTestId("deletion-arm"), "valueChange", true);
  await press(en.accountData.fire);
  await act(async () => fireEvent.press(screen.getByTestId("confirm")));
  await screen.findByText(en.problems[code]);
  expect(screen.queryByText(en.accountData.deleted)).toBeNull();
  expect(mockKept.get("token")).toBe("t");
});
