/** The broker accounts: one is as plain as ever; several are told apart, logged in to, named, chosen and removed. */
import { act, fireEvent, screen, waitFor, within } from "@testing-library/react-native";
import { StyleSheet } from "react-native";

import type { Broker, BrokerAccount } from "@/api/queries";
import BrokerScreen from "@/app/broker";
import { accountMeant, nameWhereSeveral, statusOf, withoutBroker, withoutLogin } from "@/rules/broker-accounts";
import { BrokerNotice } from "@/ui/broker-notice";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, refused, show, type Answers } from "./stage";

let mockHeight = 800;
jest.mock("react-native/Libraries/Utilities/useWindowDimensions", () => ({ __esModule: true, default: () => ({ width: 750, height: mockHeight, scale: 1, fontScale: 1 }) }));
jest.mock("expo-router", () => ({ router: { push: jest.fn() }, usePathname: () => "/broker" }));
const mockOpened = jest.fn();
jest.mock("expo-web-browser", () => ({ openBrowserAsync: async (url: string) => void mockOpened(url) }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const NOW = Date.parse(day.at);
const FIRST = day.answers["/broker/accounts"].accounts[0] as BrokerAccount;
const CONNECTED = FIRST.connection as Broker;
const ENDED: Broker = { ...CONNECTED, status: "login_required", token_expires_at: null, token_refused_at: null };
const OWN: BrokerAccount = { ...FIRST, name: "Own" };
const HUF: BrokerAccount = { ...FIRST, account_id: "a2", name: "HUF", is_default: false, strategies: 0, connection: { ...CONNECTED, account_id: "a2", broker_user_id: "HUF01" } };
const ended = (account: BrokerAccount, refusedAt: string | null = null): BrokerAccount => ({ ...account, connection: { ...ENDED, token_refused_at: refusedAt } });

let accounts: readonly BrokerAccount[];

beforeEach(() => {
  jest.useFakeTimers({ now: NOW });
  mockOpened.mockClear();
});
afterEach(() => jest.useRealTimers());

const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));

async function open(given: readonly BrokerAccount[], answers: Answers = {}) {
  accounts = given;
  const all = api({ "GET /broker/accounts": () => ok({ accounts }), "GET /risk/profile": () => ok(day.answers["/risk/profile"]), ...answers });
  await show(
    <>
      <BrokerNotice />
      <BrokerScreen />
    </>,
  );
  await later(1);
  return all;
}

const cards = () => screen.getAllByTestId("broker-account");
const card = (name: string) => {
  const found = cards().find((one) => within(one).queryByRole("heading", { name }) !== null);
  if (found === undefined) throw new Error(`no card of ${name}`);
  return within(found);
};
const more = (name: string) => act(async () => fireEvent.press(card(name).getByTestId("more")));
const press = async (id: string) => {
  await act(async () => fireEvent.press(screen.getByTestId(id)));
  await later(0.1);
};

test.each([
  [800, "column"],
  [375, "row"],
])("at a height of %i what is connected stands in a %s", async (height, direction) => {
  mockHeight = height;
  await open([OWN, { ...OWN, account_id: "second", name: "HUF", is_default: false }]);
  const { flexDirection = "column" } = StyleSheet.flatten(screen.getByTestId("connected").props.style as object) as { flexDirection?: string };
  expect(flexDirection).toBe(direction);
  mockHeight = 800;
});

describe("one account", () => {
  test("is shown without a name, and what it is asked for names it for the API alone", async () => {
    const asked = await open([OWN], { "GET /broker/login": () => ok({ login_url: "https://broker/login" }) });
    for (const name of [OWN.name, en.broker.accounts.more, en.broker.accounts.isDefault, en.broker.accounts.rename]) expect(screen.queryByText(name, { exact: false })).toBeNull();
    expect(screen.getAllByTestId("broker-connected")[0]).toHaveTextContent(/^Connected as APP001\. The login ends in/);
    await press("broker-login");
    expect(mockOpened).toHaveBeenCalledWith("https://broker/login");
    expect(asked.find(({ what }) => what === "GET /broker/login")?.query.get("account_id")).toBe(OWN.account_id);
  });

  test("that is not connected yet is asked for its keys, and no other is offered before", async () => {
    const asked = await open([{ ...OWN, connection: null }], { "POST /broker/connect": () => ok({ login_url: null }) });
    expect(screen.queryByTestId("add-account")).toBeNull();
    expect(screen.getAllByText(en.broker.none)).toHaveLength(2);
    fireEvent.changeText(screen.getByTestId("apiKey"), "k");
    fireEvent.changeText(screen.getByTestId("apiSecret"), "s");
    await press("connect");
    expect(asked.find(({ what }) => what === "POST /broker/connect")?.body).toEqual({ account_id: OWN.account_id, api_key: "k", api_secret: "s", access_token: null });
  });

  test("whose login the broker refuses says since when, in the words of ever", async () => {
    await open([ended(OWN, "2026-11-27T08:31:02Z")]);
    expect(screen.getAllByText(en.broker.refused("14:01:02"))).toHaveLength(2);
  });
});

describe("another account", () => {
  test("gets a name, then its keys are asked for", async () => {
    const opened = { ...HUF, connection: null };
    const asked = await open([OWN], {
      "POST /broker/accounts": () => {
        accounts = [OWN, opened];
        return { status: 201, body: opened };
      },
      "POST /broker/connect": () => ok({ login_url: "https://broker/huf" }),
    });
    await press("add-account");
    fireEvent.changeText(screen.getByTestId("account-name"), "  HUF ");
    await press("open-account");
    await later(1);
    expect(asked.find(({ what }) => what === "POST /broker/accounts")?.body).toEqual({ name: "HUF" });
    fireEvent.changeText(card("HUF").getByTestId("apiKey"), "k");
    fireEvent.changeText(card("HUF").getByTestId("apiSecret"), "s");
    await press("connect");
    expect(asked.find(({ what }) => what === "POST /broker/connect")?.body).toMatchObject({ account_id: "a2" });
    expect(mockOpened).toHaveBeenCalledWith("https://broker/huf");
  });

  test.each(["EMAIL_UNVERIFIED", "SECOND_FACTOR_REQUIRED", "BROKER_ACCOUNTS_FULL"] as const)("that is refused by %s says what to do", async (code) => {
    await open([OWN], { "POST /broker/accounts": () => refused(403, code) });
    await press("add-account");
    fireEvent.changeText(screen.getByTestId("account-name"), "HUF");
    await press("open-account");
    expect(screen.getByText(en.problems[code])).toBeTruthy();
  });

  test("asks for a fresh code where the API does, and is opened with it", async () => {
    let isFresh = false;
    const asked = await open([OWN], {
      "POST /broker/accounts": () => (isFresh ? { status: 201, body: HUF } : refused(403, "FRESH_CODE_NEEDED")),
      "POST /auth/second-factor/verify": () => {
        isFresh = true;
        return ok({ fresh_until: day.at });
      },
    });
    await press("add-account");
    fireEvent.changeText(screen.getByTestId("account-name"), "HUF");
    await press("open-account");
    fireEvent.changeText(screen.getByTestId("code"), "123456");
    await press("show-code");
    await later(1);
    expect(asked.filter(({ what }) => what === "POST /broker/accounts")).toHaveLength(2);
    expect(screen.queryByTestId("account-name")).toBeNull();
  });

  test("of a name that another has is told at the name", async () => {
    await open([OWN], { "POST /broker/accounts": () => refused(409, "CONFLICT", [{ field: "name", problem: "is the name of another account of yours" }]) });
    await press("add-account");
    fireEvent.changeText(screen.getByTestId("account-name"), "own");
    await press("open-account");
    expect(screen.getByText("Is the name of another account of yours")).toBeTruthy();
    expect(screen.queryByText(en.problems.CONFLICT)).toBeNull();
  });

  test("is not offered to whoever has five", async () => {
    await open([OWN, ...[2, 3, 4, 5].map((n) => ({ ...HUF, account_id: `a${n}`, name: `HUF ${n}` }))]);
    expect(cards()).toHaveLength(5);
    expect(screen.getByText(en.broker.accounts.full(5))).toBeTruthy();
    expect(screen.queryByTestId("add-account")).toBeNull();
  });
});

describe("of several", () => {
  test("both logins that are missing are in sight and begun where they belong, and home names both", async () => {
    const asked = await open([ended(OWN), ended(HUF)], { "GET /broker/login": ({ query }) => ok({ login_url: `https://broker/${query.get("account_id")}` }) });
    expect(screen.getByText(en.broker.requiredOf(["Own", "HUF"]))).toBeTruthy();
    for (const name of ["Own", "HUF"]) await act(async () => fireEvent.press(screen.getByRole("button", { name: en.broker.of(en.broker.logIn, name) })));
    expect(mockOpened.mock.calls).toEqual([[`https://broker/${OWN.account_id}`], ["https://broker/a2"]]);
    expect(card("HUF").getByText(en.broker.waiting)).toBeTruthy();
    const read = () => asked.filter(({ what }) => what === "GET /broker/accounts").length;
    const before = read();
    accounts = [OWN, ended(HUF)];
    await later(5);
    expect(read()).toBeGreaterThanOrEqual(before + 2);
    expect(card("Own").getByText(/^Connected as APP001/)).toBeTruthy();
    expect(screen.getByText(en.broker.requiredOf(["HUF"]))).toBeTruthy();
    // A login that is missing again is begun anew: what was begun before is over.
    accounts = [ended(OWN), ended(HUF)];
    await later(31);
    expect(card("Own").queryByText(en.broker.waiting)).toBeNull();
    expect(card("Own").getByRole("button", { name: en.broker.of(en.broker.logIn, "Own") })).toBeTruthy();
    await more("HUF");
    for (const label of [en.broker.change, en.broker.disconnect, en.broker.accounts.rename, en.broker.accounts.makeDefault, en.broker.accounts.remove]) {
      expect(card("HUF").getByLabelText(en.broker.of(label, "HUF"))).toBeTruthy();
    }
  });

  test("those without a login stand first, and stay there once they have one", async () => {
    await open([OWN, ended(HUF)]);
    const names = () => cards().map((one) => within(one).getAllByRole("heading")[0]?.props.children);
    expect(names()).toEqual(["HUF", "Own"]);
    accounts = [OWN, HUF];
    await later(31);
    expect(names()).toEqual(["HUF", "Own"]);
  });

  test("one whose login the broker refuses says since when, here and at home", async () => {
    await open([ended(OWN), ended(HUF, "2026-11-27T08:31:02Z")]);
    expect(card("HUF").getByText(en.broker.refusedHere("14:01:02"))).toBeTruthy();
    expect(screen.getByText(en.broker.refusedOf("HUF", "14:01:02"))).toBeTruthy();
    expect(screen.getByText(en.broker.requiredOf(["Own"]))).toBeTruthy();
  });

  test("each tells its broker, whether it is the default, and its strategies; at home its countdown has its name", async () => {
    await open([OWN, { ...HUF, strategies: 1 }]);
    expect(card("Own").getByText("Kite · default · 3 strategies")).toBeTruthy();
    expect(card("HUF").getByText("Kite · 1 strategy")).toBeTruthy();
    expect(screen.getByText(/^HUF: Connected as HUF01\. The login ends in/)).toBeTruthy();
  });

  test("one is renamed, and made the default", async () => {
    const asked = await open([OWN, HUF], { "PUT /broker/accounts/a2": () => ok(HUF) });
    await more("HUF");
    fireEvent.changeText(card("HUF").getByTestId("rename-to"), "Family");
    await press("rename");
    await later(1);
    await press("make-default");
    const changes = asked.filter(({ what }) => what === "PUT /broker/accounts/a2");
    expect(changes.map(({ body }) => body)).toEqual([{ name: "Family" }, { is_default: true }]);
    expect(changes.map(({ headers }) => headers?.get("If-Match"))).toEqual([HUF.etag, HUF.etag]);
  });

  test("one that another device has named meanwhile is not renamed unseen", async () => {
    const asked = await open([OWN, HUF], {
      "PUT /broker/accounts/a2": ({ headers }) => (headers?.get("If-Match") === '"mothers"' ? ok(HUF) : refused(412, "PRECONDITION_FAILED")),
    });
    await more("HUF");
    accounts = [OWN, { ...HUF, name: "Mother", etag: '"mothers"' }];
    fireEvent.changeText(card("HUF").getByTestId("rename-to"), "Family");
    await press("rename");
    await later(1);
    expect(screen.getByText(en.problems.PRECONDITION_FAILED)).toBeTruthy();
    // What it is called now was read by then; who still wants another name says so once more.
    expect(screen.getAllByText("Mother")).not.toEqual([]);
    expect(asked.filter(({ what }) => what === "PUT /broker/accounts/a2")).toHaveLength(1);
  });

  test.each(["BROKER_ACCOUNT_IN_USE", "BROKER_ACCOUNT_IS_DEFAULT"] as const)("one is not removed when the API refuses by %s, and that is told in it", async (code) => {
    const asked = await open([OWN, HUF], { "DELETE /broker/accounts/a2": () => refused(409, code) });
    await more("HUF");
    await act(async () => fireEvent.press(card("HUF").getByText(en.broker.accounts.remove)));
    expect(asked.some(({ what }) => what.startsWith("DELETE"))).toBe(false);
    expect(screen.getByText(en.broker.accounts.removeAsk("HUF"))).toBeTruthy();
    await press("confirm");
    await waitFor(() => expect(card("HUF").getByText(en.problems[code])).toBeTruthy());
    expect(card("HUF").getByText(`said: ${code}`)).toBeTruthy();
  });

  test("the last but one that is removed leaves the plain screen", async () => {
    await open([OWN, HUF], {
      "DELETE /broker/accounts/a2": () => {
        accounts = [OWN];
        return ok({ account_id: "a2", status: "removed" });
      },
    });
    await more("HUF");
    await act(async () => fireEvent.press(card("HUF").getByText(en.broker.accounts.remove)));
    await press("confirm");
    await later(1);
    expect(screen.queryByTestId("broker-account")).toBeNull();
    expect(screen.queryByText("HUF", { exact: false })).toBeNull();
  });

  test("one is disconnected, and no other", async () => {
    const asked = await open([OWN, HUF], { "DELETE /broker": () => ok({ status: "disconnected" }) });
    await more("HUF");
    await act(async () => fireEvent.press(card("HUF").getByText(en.broker.disconnect)));
    await press("confirm");
    expect(asked.filter(({ what }) => what === "DELETE /broker").map(({ query }) => query.get("account_id"))).toEqual(["a2"]);
  });
});

describe("the rules", () => {
  test("a login that has ended since it was read of is none", () => {
    const end = Date.parse(CONNECTED.token_expires_at ?? "");
    expect(statusOf(OWN, end - 1)).toBe("connected");
    expect(statusOf(OWN, end)).toBe("login_required");
    expect(withoutLogin([OWN, HUF], end)).toEqual([OWN, HUF]);
    expect(statusOf({ connection: null }, end)).toBe("not_connected");
  });

  test("a broker is missed where something is to trade, and in the default account", () => {
    const [idle, trading, chosen] = [HUF, { ...HUF, strategies: 1 }, { ...HUF, is_default: true }].map((one) => ({ ...one, connection: null })) as [BrokerAccount, BrokerAccount, BrokerAccount];
    expect(withoutBroker([idle, trading, chosen, OWN], NOW)).toEqual([trading, chosen]);
  });

  test("names and accounts are spoken of only where there are several", () => {
    expect(nameWhereSeveral(undefined, "a2")).toBeNull();
    expect(nameWhereSeveral([OWN], OWN.account_id)).toBeNull();
    expect(nameWhereSeveral([OWN, HUF], "a2")).toBe("HUF");
    expect(nameWhereSeveral([OWN, HUF], "gone")).toBeNull();
    expect([accountMeant("", [OWN]), accountMeant("a2", [OWN]), accountMeant("", [HUF, OWN]), accountMeant("a2", [OWN, HUF])]).toEqual([null, null, OWN.account_id, "a2"]);
  });
});
