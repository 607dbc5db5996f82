/** One strategy's screen and row: what another device did, what the API warned of, what is known while it is out of reach. */
import { act, fireEvent, screen, waitFor } from "@testing-library/react-native";

import type { Instrument, Standing, Strategy } from "@/api/queries";
import NewStrategy from "@/app/strategy/new";
import EditStrategy from "@/app/strategy/[id]/edit";
import StrategyControl from "@/app/strategy/[id]/index";
import Orders from "@/app/strategy/[id]/orders";
import Today from "@/app/(tabs)/index";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, refused, show, type Answers } from "./stage";

const mockWent = jest.fn();
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
  const warning = "the stop-loss 3000 is not below the last price of TCS, 2930: bought at such a price, it is sold again at once";
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

test("a countdown that has ended says now, and not in now", async () => {
  standing = { ...STANDING, next_buy_at: null, next_sell_at: new Date(Date.parse(day.at) - 1000).toISOString() };
  api(SCREEN);
  await show(<Today />);
  await later(1);
  expect(screen.getByText(/^sells now · /)).toBeTruthy();
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
