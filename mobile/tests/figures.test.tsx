/** Figures and colours, each from what it says it is from; and the buttons that sell. */
import { act, fireEvent, screen, within } from "@testing-library/react-native";
import { StyleSheet } from "react-native";

import type { OrderEvent, RiskProfile, Standing, Strategy } from "@/api/queries";
import StrategyControl from "@/app/strategy/[id]/index";
import Orders from "@/app/strategy/[id]/orders";
import Today from "@/app/(tabs)/index";
import Risk from "@/app/(tabs)/risk";
import { openResult, type Exposure } from "@/rules/positions";
import { makeTheme } from "@/ui/theme";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, show, type Answers } from "./stage";

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/", useLocalSearchParams: () => ({ id: "s1" }) }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

// The stage has the library's own theme, without the app's colours.
const mockColors = makeTheme(false, "normal").colors;
jest.mock("@/ui/theme", () => {
  const theme = jest.requireActual<typeof import("@/ui/theme")>("@/ui/theme");
  return { ...theme, useAppTheme: () => theme.makeTheme(false, "normal") };
});

const recorded: Record<string, unknown> = day.answers;
const first = (recorded["/strategy"] as { strategies: Strategy[] }).strategies[0] as Strategy;
const RISK = recorded["/risk/profile"] as RiskProfile;
const STORED: Strategy = { ...first, strategy_id: "s1", status: "running" };
const HELD: Standing = {
  ...(recorded[`/strategy/status/${first.strategy_id}`] as Standing),
  strategy_id: "s1",
  status: "running",
  position: "bought",
  cycle: { trading_day: "2026-11-27", state: "long" },
  last_price: 3000,
  stop_loss: 2900,
  last_price_at: day.at,
  net_pnl: -70.25,
  realised_pnl: 12.5,
};
let standing: Standing;
let risk: RiskProfile;
const ANSWERS: Answers = {
  "GET /strategy": () => ok({ strategies: [STORED] }),
  "GET /strategy/s1": () => ok(STORED),
  "GET /strategy/s1/preflight": () => ok({ strategy_id: "s1", is_ready: true, checks: [], as_of: day.at }),
  "GET /strategy/s1/candles": () => ok({ ...(recorded[`/strategy/${first.strategy_id}/candles`] as object), strategy_id: "s1" }),
  "GET /strategy/status/s1": () => ok(standing),
  "GET /risk/profile": () => ok(risk),
  "GET /broker/accounts": () => ok(recorded["/broker/accounts"]),
};

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse(day.at) });
  [standing, risk] = [HELD, RISK];
});
afterEach(() => void jest.useRealTimers());
const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));
const colorOf = (text: string, where: Pick<typeof screen, "getByText"> = screen) => (StyleSheet.flatten(where.getByText(text).props.style as object) as { color: string }).color;

describe("a strategy's row", () => {
  test("shows the net result, in the colour of its sign, and how far the stop is", async () => {
    api(ANSWERS);
    await show(<Today />);
    await later(1);
    const row = within(screen.getByTestId(`strategy-${STORED.symbol}`));
    expect(row.getByText("-₹70.25")).toBeTruthy();
    expect(row.queryByText("+₹12.50")).toBeNull();
    expect(row.getByText("₹100.00 (3.33 %)")).toBeTruthy();
    expect(colorOf("-₹70.25", row)).toBe(mockColors.bad);
    standing = { ...HELD, net_pnl: 70.25 };
    await later(5);
    expect(colorOf("+₹70.25", row)).toBe(mockColors.good);
  });

  test.each(["none", "sold"] as const)("shows no distance to the stop when nothing is held: %s", async (position) => {
    standing = { ...HELD, position, cycle: { trading_day: "2026-11-27", state: "flat" } };
    api(ANSWERS);
    await show(<Today />);
    await later(1);
    const row = within(screen.getByTestId(`strategy-${STORED.symbol}`));
    expect(row.getByText("₹3,000.00")).toBeTruthy();
    expect(row.queryByText(/3\.33 %/)).toBeNull();
    expect(row.getByText("–")).toBeTruthy();
  });
});

describe("what sells", () => {
  const ASKS: [string, string, string, "entering" | "long"][] = [
    ["sell now, while it holds", en.control.squareOff, "POST /strategy/square-off", "long"],
    ["sell now, while it buys", en.control.squareOff, "POST /strategy/square-off", "entering"],
    ["stop", en.control.stop, "POST /strategy/stop", "long"],
  ];
  test.each(ASKS)("%s: is asked for once, after the question was answered", async (_what, label, what, state) => {
    standing = { ...HELD, position: state === "long" ? "bought" : "none", cycle: { trading_day: "2026-11-27", state } };
    const taken = () => ok({ strategy_id: "s1", status: "running", warnings: [] });
    const sent = api({ ...ANSWERS, "POST /strategy/square-off": taken, "POST /strategy/stop": taken, "POST /strategy/start": taken });
    await show(<StrategyControl />);
    await later(1);
    const asked = () => sent.filter((one) => one.what.startsWith("POST")).map((one) => [one.what, one.body]);
    fireEvent.press(screen.getByText(label));
    await later(1);
    expect(asked()).toEqual([]);
    fireEvent.press(screen.getByTestId("confirm"));
    await later(1);
    expect(asked()).toEqual([[what, { strategy_id: "s1" }]]);
    expect(screen.getByText(en.control.asked)).toBeTruthy();
  });

  test("sell now is not offered when there is nothing to sell", async () => {
    standing = { ...HELD, position: "sold", cycle: { trading_day: "2026-11-27", state: "flat" } };
    api(ANSWERS);
    await show(<StrategyControl />);
    await later(1);
    expect(screen.getByText(en.control.stop)).toBeTruthy();
    expect(screen.queryByText(en.control.squareOff)).toBeNull();
  });
});

describe("limits", () => {
  const withDay = (net: number): RiskProfile => ({ ...RISK, limits: { ...RISK.limits, daily_loss_limit: 5000 }, usage: { ...RISK.usage, today: { ...RISK.usage.today, net } } });
  test.each([
    [500.5, "₹0.00 of ₹5,000.00"],
    [-500.5, "₹500.50 of ₹5,000.00"],
  ])("a day's result of %d uses %s", async (net, used) => {
    risk = withDay(net);
    api(ANSWERS);
    await show(<Risk />);
    await later(1);
    expect(screen.getByText(used)).toBeTruthy();
  });

  test("are stored to the paisa", async () => {
    const sent = api({ ...ANSWERS, "PUT /risk/profile": () => ok(RISK) });
    await show(<Risk />);
    await later(1);
    for (const [name, text] of [["daily_loss_limit", "4000.55"], ["position_size_limit", "0.07"]] as const) fireEvent.changeText(screen.getByTestId(name), text);
    fireEvent.press(screen.getByTestId("save-limits"));
    await later(1);
    expect(sent.find(({ what }) => what === "PUT /risk/profile")?.body).toMatchObject({ daily_loss_limit: 4000.55, position_size_limit: 0.07 });
  });
});

test.each([
  [[0.29], 0.29],
  [[0.1, 0.2], 0.3],
  [[-1.15, -0.29], -1.44],
])("the open result of %j is %d, to the paisa", (results, sum) => {
  const positions = results.map((open_pnl) => ({ symbol: "TCS", held: 1, open_pnl }) as Exposure);
  expect(openResult(positions)).toEqual({ result: sum, unknown: [] });
});

test.each([
  ["answer", "accepted", en.truths.accepted, mockColors.busy],
  ["final", "COMPLETE", en.truths.filled, mockColors.good],
  ["answer", "refused", en.truths.refused, mockColors.bad],
  ["answer", "unknown", en.truths.unknown, mockColors.bad],
] as const)("an order's %s %s has its colour", async (event, outcome, words, color) => {
  const order = { order_id: "o1", order_type: "BUY", timestamp: day.at, event, outcome, broker_order_id: "b1", tag: "t1", execution_time_ms: 1, raw_response: {} } as OrderEvent;
  api({ "GET /strategy/s1/orders": () => ok({ orders: [order], trades: [] }) });
  await show(<Orders />);
  await later(1);
  expect(colorOf(`Buy: ${words}`)).toBe(color);
});
