/** The broker account that a strategy trades in: told and chosen where there are several, unheard of where there is one. */
import { act, fireEvent, screen, within } from "@testing-library/react-native";

import type { BrokerAccount, Standing, Strategy } from "@/api/queries";
import EditStrategy from "@/app/strategy/[id]/edit";
import StrategyControl from "@/app/strategy/[id]/index";
import NewStrategy from "@/app/strategy/new";
import Today from "@/app/(tabs)/index";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, refused, show, type Answers } from "./stage";

jest.mock("@/ui/leaving", () => ({ useAskedBeforeLeaving: () => ({ question: null, letGo: () => undefined }) }));
jest.mock("expo-router", () => ({
  router: { push: jest.fn(), replace: jest.fn(), dismissTo: jest.fn() },
  usePathname: () => "/strategy/s1",
  useLocalSearchParams: () => ({ id: "s1" }),
}));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const recorded: Record<string, unknown> = day.answers;
const [first] = (recorded["/strategy"] as { strategies: [Strategy] }).strategies;
const OWN = day.answers["/broker/accounts"].accounts[0] as BrokerAccount;
const HUF: BrokerAccount = { ...OWN, account_id: "a2", name: "HUF", is_default: false };
const STORED: Strategy = { ...first, strategy_id: "s1", account_id: "a2", status: "stopped" };
const STANDING: Standing = { ...(recorded[`/strategy/status/${first.strategy_id}`] as Standing), strategy_id: "s1", account_id: "a2", status: "stopped" };

beforeEach(() => jest.useFakeTimers({ now: Date.parse(day.at) }));
afterEach(() => jest.useRealTimers());
const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));

async function open(screenOf: React.ReactNode, accounts: readonly BrokerAccount[], answers: Answers = {}) {
  const all = api({
    "GET /strategy/s1": () => ok(STORED),
    "GET /strategy/status/s1": () => ok(STANDING),
    "GET /strategy/s1/preflight": () => ok({ strategy_id: "s1", is_ready: true, checks: [], as_of: day.at }),
    "GET /strategy": () => ok({ strategies: [STORED] }),
    "GET /risk/profile": () => ok(recorded["/risk/profile"]),
    "GET /broker/accounts": () => ok({ accounts }),
    "GET /instruments": () => ok({ instruments: [] }),
    ...answers,
  });
  await show(screenOf);
  await later(1);
  return all;
}

async function save() {
  await act(async () => fireEvent.press(screen.getByTestId("save")));
  await later(1);
}

describe.each([
  ["the list", <Today key="today" />],
  ["its own screen", <StrategyControl key="control" />],
])("on %s", (_, shown) => {
  test("it is told where there are several", async () => {
    await open(shown, [OWN, HUF]);
    expect(screen.getByText(en.control.inAccount("HUF"))).toBeTruthy();
  });

  test("it is not where there is one", async () => {
    await open(shown, [{ ...OWN, account_id: "a2" }]);
    expect(screen.getByText(shown.type === Today ? "TCS · 10" : /^Buys 10 at/)).toBeTruthy();
    expect(screen.queryByText(/^Trades in/)).toBeNull();
  });
});

test("a change names the strategy's own account where there are several", async () => {
  const asked = await open(<EditStrategy />, [OWN, HUF], { "PUT /strategy/s1": () => ok({ ...STORED, warnings: [] }) });
  expect(screen.getByRole("radio", { checked: true })).toBe(screen.getByRole("radio", { name: "HUF" }));
  await save();
  expect(asked.find(({ what }) => what === "PUT /strategy/s1")?.body).toMatchObject({ account_id: "a2" });
});

test("where there is one it sends what it has always sent", async () => {
  const asked = await open(<EditStrategy />, [{ ...OWN, account_id: "a2" }], { "PUT /strategy/s1": () => ok({ ...STORED, warnings: [] }) });
  expect(screen.queryByTestId("account")).toBeNull();
  await save();
  const sent = asked.find(({ what }) => what === "PUT /strategy/s1")?.body as object;
  expect(Object.keys(sent).sort()).toEqual(["broker_stop", "buy_time", "exchange", "product", "quantity", "sell_time", "stop_loss", "symbol"]);
});

test("a move that the API refuses while a position is open is told at the choice", async () => {
  await open(<EditStrategy />, [OWN, HUF], { "PUT /strategy/s1": () => refused(409, "CONFLICT", [{ field: "account_id", problem: "cannot change while a position is open" }]) });
  fireEvent.press(screen.getByRole("radio", { name: en.plan.isDefault(OWN.name) }));
  await save();
  expect(within(screen.getByTestId("account")).getByText("Cannot change while a position is open")).toBeTruthy();
});

test("what was entered and what was refused stay while the plan is read anew, however long that takes", async () => {
  await open(<EditStrategy />, [OWN, HUF], { "PUT /strategy/s1": () => refused(409, "CONFLICT", [{ field: "account_id", problem: "cannot change while a position is open" }]) });
  const spied = jest.mocked(globalThis.fetch);
  const answer = spied.getMockImplementation() as typeof fetch;
  spied.mockImplementation(async (...sent) => {
    if (sent[0] instanceof Request && sent[0].method === "GET") await new Promise((done) => setTimeout(done, 3_000));
    return answer(...sent);
  });
  fireEvent.press(screen.getByRole("radio", { name: en.plan.isDefault(OWN.name) }));
  await save();
  expect(screen.queryByLabelText(en.common.loading)).toBeNull();
  await later(10);
  expect(screen.getByRole("radio", { checked: true })).toBe(screen.getByRole("radio", { name: en.plan.isDefault(OWN.name) }));
  expect(screen.getByText("Cannot change while a position is open")).toBeTruthy();
});

test("accounts that are read while a new plan is being entered are offered then", async () => {
  let isThere = false;
  await open(<NewStrategy />, [], { "GET /broker/accounts": () => (isThere ? ok({ accounts: [OWN, HUF] }) : refused(400, "REQUEST_INVALID")) });
  expect(screen.queryByTestId("account")).toBeNull();
  isThere = true;
  await later(31);
  expect(screen.getByRole("radio", { checked: true })).toBe(screen.getByRole("radio", { name: en.plan.isDefault(OWN.name) }));
});
