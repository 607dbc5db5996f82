/** One strategy's screen and row: what another device did, what the API warned of, what is known while it is out of reach. */
import { act, fireEvent, screen, waitFor } from "@testing-library/react-native";

import type { Instrument, OrderEvent, RiskProfile, Standing, Strategy, Trade } from "@/api/queries";
import NewStrategy from "@/app/strategy/new";
import EditStrategy from "@/app/strategy/[id]/edit";
import StrategyControl from "@/app/strategy/[id]/index";
import Orders from "@/app/strategy/[id]/orders";
import Today from "@/app/(tabs)/index";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, refused, show, type Answers } from "./stage";

const mockWent = jest.fn();
jest.mock("@/ui/leaving", () => ({ useAskedBeforeLeaving: () => ({ question: null, letGo: () => undefined }) }));
jest.mock("expo-router", () => ({
  router: {
    push: (to: string) => mockWent("push", to),
    replace: (to: string) => mockWent("replace", to),
    dismissTo: (to: string) => mockWent("dismissTo", to),
    back: () => mockWent("back"),
    canGoBack: () => true,
  },
  usePathname: () => "/strategy/s1",
  useLocalSearchParams: () => ({ id: "s1" }),
}));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const recorded: Record<string, unknown> = day.answers;
const first = (recorded["/strategy"] as { strategies: Strategy[] }).strategies[0] as Strategy;
const STORED: Strategy = { ...first, strategy_id: "s1", status: "running" };
const STANDING: Standing = {
  ...(recorded[`/strategy/status/${first.strategy_id}`] as Standing),
  strategy_id: "s1",
  status: "running",
  position: "bought",
  last_price: 2950,
  held_quantity: 10,
  cycle: { trading_day: "2026-11-27", state: "long" },
};
const READY = { strategy_id: "s1", is_ready: true, checks: [], as_of: day.at };

const TCS: Instrument = { exchange: "NSE", symbol: "TCS", name: "Tata Consultancy", segment: "NSE", instrument_type: "EQ", tick_size: 0.05, lot_size: 1, last_price: 2930, last_price_at: day.at };
/** Found before it by a text that both contain. */
const INFY: Instrument = { ...TCS, symbol: "INFY", last_price: 1500 };

let stored: Strategy;
let standing: Standing;
const SCREEN: Answers = {
  "GET /strategy/s1": () => ok(stored),
  "GET /strategy/status/s1": () => ok(standing),
  "GET /strategy/s1/preflight": () => ok(READY),
  "GET /strategy/s1/candles": () => ok({ ...(recorded[`/strategy/${first.strategy_id}/candles`] as object), strategy_id: "s1" }),
  "GET /strategy": () => ok({ strategies: [stored] }),
  "GET /risk/profile": () => ok(recorded["/risk/profile"]),
  "GET /broker/accounts": () => ok(recorded["/broker/accounts"]),
  "GET /instruments": () => ok({ instruments: [INFY, TCS] }),
};

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse(day.at) });
  mockWent.mockClear();
  stored = STORED;
  standing = STANDING;
});
afterEach(() => jest.useRealTimers());

const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));

test("what another device stopped can be started here, without leaving the screen", async () => {
  api(SCREEN);
  await show(<StrategyControl />);
  await later(1);
  expect(screen.getByText(en.control.stop)).toBeTruthy();
  stored = { ...STORED, status: "stopped" };
  standing = { ...STANDING, status: "stopped", position: "sold", cycle: { trading_day: "2026-11-27", state: "flat" } };
  await later(6);
  expect(screen.getByTestId("start")).toBeTruthy();
  expect(screen.queryByText(en.control.stop)).toBeNull();
});

test("what tells programs a request tells people the way", async () => {
  stored = { ...STORED, status: "stopped" };
  standing = { ...STANDING, status: "stopped", position: "none", cycle: null };
  const warning = "the broker login ends before the sale: on Monday 30 November, after 06:00 IST, log in at the broker (GET /broker/login?account_id=7)";
  api({ ...SCREEN, "POST /strategy/start": () => ok({ ...STORED, warnings: [warning] }) });
  await show(<StrategyControl />);
  await later(1);
  expect(screen.queryByTestId("to-broker")).toBeNull();
  fireEvent.press(screen.getByTestId("start"));
  await later(1);
  expect(screen.getByText("the broker login ends before the sale: on Monday 30 November, after 06:00 IST, log in at the broker")).toBeTruthy();
  fireEvent.press(screen.getByTestId("to-broker"));
  expect(mockWent).toHaveBeenCalledWith("push", "/broker");
});

test("a plan that another device changed is shown as it is now", async () => {
  api(SCREEN);
  await show(<StrategyControl />);
  await later(1);
  stored = { ...STORED, stop_loss: 2955.5 };
  await later(16);
  expect(screen.getByText(/₹2,955\.50 and below/)).toBeTruthy();
});

test("a strategy that is gone says so once and is not called loading", async () => {
  const gone = () => refused(404, "NOT_FOUND");
  api({ "GET /strategy/s1": gone, "GET /strategy/status/s1": gone, "GET /strategy/s1/preflight": gone, "GET /strategy/s1/candles": gone });
  await show(<StrategyControl />);
  await later(1);
  expect(screen.getAllByText(en.problems.NOT_FOUND)).toHaveLength(1);
  // A notice of a deleted one leads here, and its orders are still there.
  fireEvent.press(screen.getByTestId("orders"));
  expect(mockWent).toHaveBeenCalledWith("push", "/strategy/s1/orders");
  expect(screen.queryByText(en.common.loading)).toBeNull();
});

test("out of reach it can still be stopped, for the list has told what it is", async () => {
  api(SCREEN);
  await show(<Today />);
  await later(1);
  screen.unmount();
  jest.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("Failed to fetch"));
  await show(<StrategyControl />);
  await later(12);
  expect(screen.getByText("TCS")).toBeTruthy();
  expect(screen.getByText(en.control.stop)).toBeTruthy();
  expect(screen.getAllByTestId("stale").length).toBeGreaterThan(0);
});

test("a stopped strategy whose sale is under way is read until it is sold", async () => {
  stored = { ...STORED, status: "stopped" };
  standing = { ...STANDING, status: "stopped", cycle: { trading_day: "2026-11-27", state: "exiting" } };
  api(SCREEN);
  await show(<Today />);
  await later(1);
  expect(screen.getByText(en.states.selling)).toBeTruthy();
  standing = { ...standing, position: "sold", cycle: { trading_day: "2026-11-27", state: "flat" } };
  await later(6);
  expect(screen.getByText(en.states.sold)).toBeTruthy();
  const sent = api(SCREEN);
  await later(12);
  expect(sent.filter(({ what }) => what === "GET /strategy/status/s1")).toEqual([]);
});

test("what the API warned of when the plan was made is read on the strategy's screen", async () => {
  const warning = "the stop-loss 3000 is not below the last price of TCS, 2930: at such a price nothing is bought, and what is held is sold at once";
  api({
    ...SCREEN,
    "POST /strategy/create": () => ({ status: 201, body: { ...STORED, warnings: [warning] } }),
  });
  await show(<NewStrategy />);
  fireEvent.changeText(screen.getByTestId("symbol"), "TCS");
  await later(1);
  await later(1);
  fireEvent.press(screen.getByTestId("match-NSE-TCS"));
  fireEvent.changeText(screen.getByTestId("stopValue"), "3000");
  fireEvent.press(screen.getByTestId("save"));
  await later(1);
  expect(mockWent).toHaveBeenCalledWith("replace", "/strategy/s1");
  screen.unmount();
  await show(<StrategyControl />);
  await later(1);
  expect(screen.getByText(warning)).toBeTruthy();
});

test.each([
  ["long", "bought", "2950"],
  ["flat", "sold", ""],
] as const)("of a cycle that is %s the price that was paid is what a change is reckoned from: %s, %j", async (state, position, expected) => {
  standing = { ...STANDING, position, cycle: { trading_day: "2026-11-27", state }, average_buy_price: 2950, last_price: 3500 };
  api(SCREEN);
  await show(<EditStrategy />);
  await later(1);
  expect(screen.getByTestId("expected").props.value).toBe(expected);
});

test("a saved change goes back to the screen that it came from, and does not stack another on it", async () => {
  api({ ...SCREEN, "PUT /strategy/s1": () => ok({ ...STORED, warnings: [] }) });
  await show(<EditStrategy />);
  await later(1);
  fireEvent.press(screen.getByTestId("save"));
  await later(1);
  expect(mockWent.mock.calls).toEqual([["dismissTo", "/strategy/s1"]]);
});

test("a change is made to the plan that was seen, and to no other", async () => {
  const tags: (string | null)[] = [];
  const headers = { "Content-Type": "application/json" };
  let tag = '"seen"';
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    const path = new URL(request.url).pathname.replace("/api/v1", "");
    if (request.method === "PUT") {
      tags.push(request.headers.get("If-Match"));
      const problem = refused(412, "PRECONDITION_FAILED");
      return request.headers.get("If-Match") === tag ? new Response(JSON.stringify({ ...stored, warnings: [] }), { headers }) : new Response(JSON.stringify(problem.body), { status: 412, headers });
    }
    const answer = SCREEN[`GET ${path}`];
    if (answer === undefined) throw new Error(`the test has no answer to ${path}`);
    return new Response(JSON.stringify(answer({ what: path, query: new URLSearchParams(), body: null }).body), { headers: { ...headers, ETag: tag } });
  }) as typeof fetch);
  await show(<EditStrategy />);
  await later(1);
  // Another device moves the stop; this form was opened before that.
  stored = { ...STORED, stop_loss: 2890 };
  tag = '"changed"';
  // Long enough for the plan to be read again behind the form.
  await later(16);
  fireEvent.press(screen.getByTestId("save"));
  await later(2);
  expect(tags).toEqual(['"seen"']);
  expect(screen.getByText(en.problems.PRECONDITION_FAILED)).toBeTruthy();
  expect(mockWent).not.toHaveBeenCalled();
  fireEvent.press(screen.getByTestId("load-again"));
  await later(1);
  await waitFor(() => expect(screen.getByTestId("stopValue").props.value).toBe("2890"));
  fireEvent.press(screen.getByTestId("save"));
  await later(1);
  expect(tags).toEqual(['"seen"', '"changed"']);
  expect(mockWent).toHaveBeenCalledWith("dismissTo", "/strategy/s1");
});

test("a change that sells at once what is held is asked about first, by the price of now", async () => {
  standing = { ...STANDING, average_buy_price: 2950, last_price: 2930 };
  const sent = api({ ...SCREEN, "PUT /strategy/s1": () => ok({ ...STORED, warnings: [] }) });
  await show(<EditStrategy />);
  await later(1);
  fireEvent.changeText(screen.getByTestId("stopValue"), "2925");
  expect(screen.queryByText(en.plan.sellsNow.stop)).toBeNull();
  standing = { ...standing, last_price: 2924.5 };
  await later(6);
  expect(screen.getByText(en.plan.sellsNow.stop)).toBeTruthy();
  fireEvent.press(screen.getByTestId("save"));
  await later(1);
  expect(sent.some(({ what }) => what === "PUT /strategy/s1")).toBe(false);
  fireEvent.press(screen.getByTestId("confirm"));
  await later(1);
  expect(sent.filter(({ what }) => what === "PUT /strategy/s1").map(({ body }) => (body as { stop_loss: number }).stop_loss)).toEqual([2925]);
});

test("a reason that is also the note is told once", async () => {
  const reason = "Insufficient funds. Required margin is 815629.50 but available margin is 484384.20.";
  standing = { ...STANDING, position: "none", note: reason, stop_reason: reason, cycle: { trading_day: "2026-11-27", state: "failed" } };
  api(SCREEN);
  await show(<StrategyControl />);
  await later(1);
  expect(screen.getAllByText(reason)).toHaveLength(1);
});

test("what was never read has no age", async () => {
  api({ ...SCREEN, "GET /strategy/status/s1": () => ({ status: 500, body: { error: "INTERNAL", message: "said", details: [] } }) });
  await show(<Today />);
  await later(1);
  expect(screen.getByText(en.common.neverKnown)).toBeTruthy();
  expect(screen.queryByText(/days old/)).toBeNull();
});

test("until a row is read it says so", async () => {
  api({ ...SCREEN, "GET /strategy/status/s1": () => ok(standing) });
  const answered = jest.mocked(globalThis.fetch).getMockImplementation() as typeof fetch;
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => (request.url.includes("/status/") ? new Promise(() => undefined) : answered(request))) as typeof fetch);
  await show(<Today />);
  await later(1);
  expect(screen.getByText(`${STORED.symbol} · ${STORED.quantity}`)).toBeTruthy();
  expect(screen.getByText(en.common.loading)).toBeTruthy();
});

test("an answer of the broker is not called open once its book has told the end", async () => {
  const answer = { order_id: "o1", order_type: "BUY", timestamp: day.at, event: "answer", outcome: "accepted", broker_order_id: "b1", tag: "t1", execution_time_ms: 1, raw_response: null };
  const final = { ...answer, order_id: "o2", event: "final", outcome: "REJECTED" };
  let orders = [answer];
  api({ ...SCREEN, "GET /strategy/s1/orders": () => ok({ orders, trades: [] }) });
  await show(<Orders />);
  await later(1);
  expect(screen.getByText(`Buy: ${en.truths.accepted}`)).toBeTruthy();
  orders = [answer, final, { ...answer, order_id: "o3", broker_order_id: "b2" }];
  await later(6);
  expect(screen.getByText(`Buy: ${en.orders.acceptedBefore}`)).toBeTruthy();
  expect(screen.getByText(`Buy: ${en.truths.refused}`)).toBeTruthy();
  expect(screen.getAllByText(`Buy: ${en.truths.accepted}`)).toHaveLength(1);
});

test("a part that is bought is told on the row, on the strategy's screen and of its order", async () => {
  standing = { ...STANDING, cycle: { trading_day: "2026-11-27", state: "entering" }, cycle_quantity: 10, bought_quantity: 3, held_quantity: 3 };
  api(SCREEN);
  await show(<Today />);
  await later(1);
  expect(screen.getByText("Buying · 3 of 10 bought")).toBeTruthy();
  standing = { ...standing, cycle: { trading_day: "2026-11-27", state: "long" } };
  await later(6);
  expect(screen.getByText("Holding · 3 of 10 bought")).toBeTruthy();
  // Its exit did not wait for the end of its buy.
  standing = { ...standing, position: "sold", held_quantity: 0, cycle: { trading_day: "2026-11-27", state: "entering" } };
  await later(6);
  expect(screen.getByText("Sold what was bought; the rest of the buy is being cancelled · 3 of 10 bought")).toBeTruthy();
  standing = { ...standing, position: "bought" };
  // What is to be bought tomorrow was changed meanwhile: today's part stays one of ten.
  standing = { ...standing, quantity: 20, held_quantity: 2, cycle: { trading_day: "2026-11-27", state: "exiting" } };
  await later(6);
  expect(screen.getByText("Selling: 2 left · 3 of 10 bought")).toBeTruthy();
  screen.unmount();
  standing = { ...standing, held_quantity: 3, cycle: { trading_day: "2026-11-27", state: "long" } };
  await show(<StrategyControl />);
  await later(1);
  expect(screen.getByText("Holding · 3 of 10 bought")).toBeTruthy();
  expect(screen.getByText(en.control.held)).toBeTruthy();
  expect(screen.getByText("3")).toBeTruthy();
});

const ORDER: OrderEvent = {
  order_id: "o1", order_type: "BUY", timestamp: day.at, event: "answer", outcome: "accepted", broker_order_id: "b1", tag: "t1",
  side: "BUY", quantity: 10, trigger_price: null, filled: 0, average_price: null, state: "accepted", execution_time_ms: 1, raw_response: {},
};

test("an order that is cancelled after a part of it says so, and every order and trade its side, quantity and price", async () => {
  const orders: OrderEvent[] = [
    { ...ORDER, order_id: "o2", event: "final", outcome: "CANCELLED", filled: 3, average_price: 1535.2, state: "done" },
    { ...ORDER, order_id: "o3", order_type: "SL", side: "SELL", quantity: 3, trigger_price: 1500, broker_order_id: "b2", tag: "t2" },
    { ...ORDER, order_id: "o4", quantity: 8, filled: 2, average_price: 1530, broker_order_id: "b3", tag: "t3" },
  ];
  const trade: Trade = { trade_id: "1", broker_order_id: "b1", exchange: "NSE", side: "BUY", quantity: 3, price: 1535.2, filled_at: day.at };
  const trades: Trade[] = [trade, { ...trade, trade_id: "2", broker_order_id: "b2", side: "SELL", price: 1519.9 }, { ...trade, trade_id: "3", side: null }];
  api({ ...SCREEN, "GET /strategy/s1/orders": () => ok({ orders, trades }) });
  await show(<Orders />);
  await later(1);
  for (const text of [
    "Buy: Cancelled after 3 of 10",
    "Buys 10 · 3 filled at ₹1,535.20",
    "Sells 3 at ₹1,500.00 and below",
    "Buy: Accepted by the broker, 2 of 8 filled",
    "Bought 3 at ₹1,535.20",
    "Sold 3 at ₹1,519.90",
    "3 at ₹1,535.20",
  ]) expect(screen.getByText(text)).toBeTruthy();
});

test.each([
  ["done", en.orders.unknownBefore.found],
  ["accepted", en.orders.unknownBefore.found],
  ["not_placed", en.orders.unknownBefore.notPlaced],
  ["unknown", en.truths.unknown],
  ["pending", en.truths.unknown],
] as const)("of a lost answer to an order that is %s now it is said: %s", async (state, said) => {
  const lost: OrderEvent = { ...ORDER, outcome: "unknown", broker_order_id: null, state };
  api({ ...SCREEN, "GET /strategy/s1/orders": () => ok({ orders: [lost], trades: [] }) });
  await show(<Orders />);
  await later(1);
  expect(screen.getByText(`Buy: ${said}`)).toBeTruthy();
});

const RED = { name: "limits", is_green: false, text: "the position would cost 1,530 rupees", remedy: "raise the limit", due_from: null };
const LATER = { ...RED, name: "login_lasts", text: "it ends before the sale", due_from: "2026-11-28T00:30:00Z" };
const WAITS: Standing = { ...STANDING, position: "none", cycle: null, note: null, next_buy_at: "2026-11-27T08:40:00Z", as_of: day.at };

test("what is red before a buy of today is told on its row, asked for now and then", async () => {
  standing = WAITS;
  const sent = api({ ...SCREEN, "GET /strategy/s1/preflight": () => ok({ ...READY, is_ready: false, checks: [RED, { ...RED, name: "feed" }, LATER] }) });
  await show(<Today />);
  await later(2);
  expect(screen.getByText(`Not ready: ${en.readiness.redChecks.limits}, and 1 more`)).toBeTruthy();
  await later(60);
  const asked = sent.filter(({ what }) => what === "GET /strategy/s1/preflight").length;
  expect(asked).toBeGreaterThan(1);
  expect(asked).toBeLessThan(5);
});

test("of a row that buys on another day, holds something or is not started nobody asks that", async () => {
  for (const other of [{ ...WAITS, next_buy_at: "2026-11-28T08:40:00Z" }, STANDING, { ...WAITS, status: "stopped" as const }]) {
    standing = other;
    const sent = api(SCREEN);
    await show(<Today />);
    await later(6);
    expect(screen.queryByTestId("not-ready")).toBeNull();
    expect(sent.filter(({ what }) => what.endsWith("/preflight"))).toEqual([]);
    screen.unmount();
  }
});

test("a row says why nothing was bought", async () => {
  const why = "not bought: the position would cost 1,530 rupees, and 1,000 is the limit";
  standing = { ...WAITS, cycle: { trading_day: "2026-11-27", state: "flat" }, note: why };
  api(SCREEN);
  await show(<Today />);
  await later(1);
  expect(screen.getByText(en.states.nothing_bought)).toBeTruthy();
  expect(screen.getByText(why)).toBeTruthy();
});

test("what is red stands above the day's chart, and below it once it is mended or only due later", async () => {
  let checks: (typeof RED | typeof LATER)[] = [RED];
  api({ ...SCREEN, "GET /strategy/s1/preflight": () => ok({ ...READY, is_ready: false, checks }) });
  await show(<StrategyControl />);
  await later(1);
  const isAbove = () => {
    const tree = JSON.stringify(screen.toJSON());
    return tree.indexOf(en.readiness.title) < tree.indexOf(en.chart.title);
  };
  expect(isAbove()).toBe(true);
  checks = [LATER];
  await later(16);
  expect(screen.getByText(en.readiness.later)).toBeTruthy();
  expect(isAbove()).toBe(false);
});

test.each(["own", "operator"] as const)("while the %s kill switch is on, no row and no screen counts down to a buy", async (which) => {
  standing = { ...WAITS, note: "buys next on Sunday 29 November 2026 at 14:10:00 IST" };
  const risk = recorded["/risk/profile"] as RiskProfile;
  const killSwitch = { ...risk.kill_switch, is_locked: true, [which]: { since: day.at, by: "somebody", reason: null } };
  api({ ...SCREEN, "GET /risk/profile": () => ok({ ...risk, kill_switch: killSwitch }) });
  await show(<Today />);
  await later(2);
  expect(screen.getByText(en.today.locked)).toBeTruthy();
  expect(screen.queryByText(/^buys /)).toBeNull();
  screen.unmount();
  await show(<StrategyControl />);
  await later(2);
  expect(screen.getByText(en.today.locked)).toBeTruthy();
  expect(screen.queryByText(/^buys /)).toBeNull();
});

const TODAYS = { realised: 0, open: 0, charges: 0, net: -34.82 };
const riskOf = (net: number, deleted: number) => {
  const risk = recorded["/risk/profile"] as RiskProfile;
  return ok({ ...risk, usage: { ...risk.usage, today: { ...TODAYS, net }, deleted_net: deleted } });
};

test("the day's net adds up with the rows, whatever was read a moment apart, and says what deleted strategies brought", async () => {
  standing = { ...STANDING, bought_quantity: 10, net_pnl: -20.77, as_of: day.at };
  api({ ...SCREEN, "GET /risk/profile": () => riskOf(-36.82, -14.05) });
  await show(<Today />);
  await later(2);
  expect(screen.getByText("-₹34.82")).toBeTruthy();
  expect(screen.getByText(en.today.ofDeleted("-₹14.05"))).toBeTruthy();
  // The row is read again, the day is not yet.
  standing = { ...standing, net_pnl: -0.48 };
  await later(6);
  expect(screen.getByText("-₹14.53")).toBeTruthy();
});

test("the day's net is the API's where a row is not known", async () => {
  standing = { ...STANDING, bought_quantity: 10, net_pnl: null };
  api({ ...SCREEN, "GET /risk/profile": () => riskOf(-34.82, 0) });
  await show(<Today />);
  await later(2);
  expect(screen.getByText("-₹34.82")).toBeTruthy();
  expect(screen.queryByText(/have deleted/)).toBeNull();
});

test("what a stopped strategy brought on another day is none of today's net", async () => {
  stored = { ...STORED, status: "stopped" };
  standing = { ...STANDING, status: "stopped", position: "sold", bought_quantity: 10, net_pnl: -100, cycle: { trading_day: "2026-11-26", state: "flat" }, as_of: "2026-11-26T09:00:00Z" };
  api({ ...SCREEN, "GET /risk/profile": () => riskOf(-34.82, 0) });
  await show(<Today />);
  await later(2);
  expect(screen.getByText("-₹34.82")).toBeTruthy();
});

test("a buy that was missed for the broker's login has that login read at once", async () => {
  standing = WAITS;
  const sent = api(SCREEN);
  const reads = () => sent.filter(({ what }) => what === "GET /broker/accounts").length;
  await show(<Today />);
  await later(7);
  const before = reads();
  standing = { ...WAITS, cycle: { trading_day: "2026-11-27", state: "flat" }, note: "not bought: the broker does not take the login any more" };
  await later(6);
  expect(reads()).toBe(before + 1);
  await later(6);
  expect(reads()).toBe(before + 1);
});

test("a countdown that has ended says now, and not in now", async () => {
  standing = { ...STANDING, next_buy_at: null, next_sell_at: new Date(Date.parse(day.at) - 1000).toISOString() };
  api(SCREEN);
  await show(<Today />);
  await later(1);
  expect(screen.getByText(/^sells now · /)).toBeTruthy();
});

test("a price that nobody has seen renewed for a while says when it was seen", async () => {
  standing = { ...STANDING, last_price: 3000, stop_loss: 2900, last_price_at: new Date(Date.parse(day.at) - 3_000).toISOString() };
  api(SCREEN);
  await show(<Today />);
  await later(1);
  expect(screen.getByText("₹3,000.00")).toBeTruthy();
  expect(screen.getByText("₹100.00 (3.33 %)")).toBeTruthy();
  expect(screen.queryByText(/^at .* IST$/)).toBeNull();
  // The readings go on, and bring the same price.
  await later(8);
  expect(screen.getByText("at 14:05:05 IST")).toBeTruthy();
  standing = { ...standing, last_price_at: "2026-11-26T05:35:08Z" };
  await later(5);
  expect(screen.getByText("at 2026-11-26 11:05:08 IST")).toBeTruthy();
});

test("a new plan's figures come from the last price of the instrument that was chosen, and follow it", async () => {
  let price = 2930;
  api({ ...SCREEN, "GET /instruments": () => ok({ instruments: [INFY, { ...TCS, last_price: price }] }) });
  await show(<NewStrategy />);
  fireEvent.changeText(screen.getByTestId("symbol"), "TCS");
  await later(1);
  await later(1);
  expect(screen.queryByTestId("last-price")).toBeNull();
  fireEvent.press(screen.getByTestId("match-NSE-TCS"));
  fireEvent.press(screen.getByTestId("stop-points"));
  fireEvent.changeText(screen.getByTestId("stopValue"), "30");
  fireEvent.changeText(screen.getByTestId("quantity"), "10");
  await later(1);
  expect(screen.getByText(/^Last price: ₹2,930\.00, seen at 14:05:08 IST\./)).toBeTruthy();
  expect(screen.getByText(en.plan.stopIs("₹2,900.00"))).toBeTruthy();
  expect(screen.getByText(en.plan.atRisk("₹300.00"))).toBeTruthy();
  price = 2940;
  await later(16);
  expect(screen.getByText(en.plan.stopIs("₹2,910.00"))).toBeTruthy();
});
