/** The chart of a strategy's day: what it says in words, what it marks, and what it says where there is nothing to draw. */
import { act, fireEvent, screen } from "@testing-library/react-native";
import { useEffect, useState } from "react";

import type { DayCandles, Standing } from "@/api/queries";
import { DayChart } from "@/ui/day-chart";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, refused, show, type Answers } from "./stage";

let mockPath = "/strategy/s1";
jest.mock("expo-router", () => ({ usePathname: () => mockPath }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const recorded: Record<string, unknown> = day.answers;
const id = (recorded["/strategy"] as { strategies: { strategy_id: string }[] }).strategies[0]?.strategy_id ?? "";
const CANDLES = recorded[`/strategy/${id}/candles`] as DayCandles;
const STANDING = recorded[`/strategy/status/${id}`] as Standing;

let candles: DayCandles;
const ANSWERS: Answers = { "GET /strategy/s1/candles": () => ok(candles) };

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse(day.at) });
  mockPath = "/strategy/s1";
  candles = CANDLES;
});
afterEach(() => jest.useRealTimers());

const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));
const layOut = (width: number) => fireEvent(screen.getByTestId("day-chart"), "layout", { nativeEvent: { layout: { width } } });

async function opened(standing: Standing | null = STANDING): Promise<void> {
  await show(<DayChart id="s1" standing={standing} />);
  await later(1);
}

test("the picture is told in words: prices, the stop, what was bought and sold", async () => {
  api(ANSWERS);
  await opened();
  const lows = CANDLES.candles.map(({ low }) => low);
  const highs = CANDLES.candles.map(({ high }) => high);
  const told = screen.getByTestId("day-chart").props.accessibilityLabel as string;
  expect(told).toContain("Chart of TCS, 12:50 to 14:05 IST.");
  expect(told).toContain(en.chart.prices(CANDLES.candles[0]?.open ?? 0, Math.max(...highs), Math.min(...lows), 2930));
  expect(told).toContain("The stop is at ₹2,940.00, which the last price is not above.");
  expect(told).toContain("Bought 10 at ₹3,000.10, 14:03:57 IST.");
  expect(told).toContain("Sold 10 at ₹2,929.90, 14:04:01 IST.");
});

test("stop, buy and sale are drawn, and the last price", async () => {
  api(ANSWERS);
  await opened();
  expect(screen.queryByTestId("chart-stop", { includeHiddenElements: true })).toBeNull();
  layOut(358);
  for (const mark of ["chart-stop", "chart-BUY", "chart-SELL", "chart-last"]) expect(screen.getByTestId(mark, { includeHiddenElements: true })).toBeTruthy();
});

test("what was executed outside of what was seen is told, and not drawn beside the picture", async () => {
  candles = { ...CANDLES, executed: [{ at: "2026-11-27T03:50:00Z", side: "BUY", quantity: 10, price: 3000.1 }] };
  api(ANSWERS);
  await opened();
  layOut(358);
  expect(screen.queryByTestId("chart-BUY", { includeHiddenElements: true })).toBeNull();
  expect(screen.getByTestId("day-chart").props.accessibilityLabel).toContain("Bought 10 at ₹3,000.10, 09:20:00 IST.");
});

test("a stop below the price is told with how far it is", async () => {
  api(ANSWERS);
  await opened({ ...STANDING, last_price: 3000, stop_loss: 2940 });
  expect(screen.getByTestId("day-chart").props.accessibilityLabel).toContain("The stop is at ₹2,940.00, ₹60.00 (2.00 %) below the last price.");
});

test("a plan that speaks of another instrument by now lends the chart neither price nor stop", async () => {
  api(ANSWERS);
  await opened({ ...STANDING, symbol: "INFY", last_price: 1500, stop_loss: 1400 });
  const told = screen.getByTestId("day-chart").props.accessibilityLabel as string;
  expect(told).toContain("last ₹2,930.00");
  expect(told).toContain("The stop is at ₹2,940.00");
});

test("before the first minute it says that there is no price yet", async () => {
  candles = { ...CANDLES, candles: [], executed: [] };
  api(ANSWERS);
  await opened();
  expect(screen.getByTestId("chart-empty")).toHaveTextContent(/^No price yet today\./);
  expect(screen.queryByTestId("day-chart")).toBeNull();
});

test("without live data it says so, and draws nothing", async () => {
  api({ "GET /strategy/s1/candles": () => refused(503, "REDIS_DOWN") });
  await opened();
  await later(30);
  expect(screen.getByText(en.problems.REDIS_DOWN)).toBeTruthy();
  expect(screen.queryByTestId("day-chart")).toBeNull();
  expect(screen.queryByTestId("chart-empty")).toBeNull();
});

test("out of reach the last picture stays, with its age", async () => {
  api(ANSWERS);
  await opened();
  jest.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("Failed to fetch"));
  await later(62);
  expect(screen.getByTestId("day-chart")).toBeTruthy();
  expect(screen.getByTestId("stale")).toBeTruthy();
});

test("it is read once a minute, and not at all while another screen is in front", async () => {
  const sent = api(ANSWERS);
  await opened();
  await later(118);
  expect(sent).toHaveLength(2);
  mockPath = "/strategy/s1/timeline";
  screen.unmount();
  await opened();
  await later(300);
  expect(sent).toHaveLength(2);
});

test("it is read anew when something was bought or sold, without waiting for the minute", async () => {
  const sent = api(ANSWERS);
  function Trading() {
    const [position, setPosition] = useState<Standing["position"]>("none");
    useEffect(() => {
      const timer = setTimeout(() => setPosition("bought"), 5_000);
      return () => clearTimeout(timer);
    }, []);
    return <DayChart id="s1" standing={{ ...STANDING, position }} />;
  }
  await show(<Trading />);
  await later(2);
  expect(sent).toHaveLength(1);
  await later(5);
  expect(sent).toHaveLength(2);
});

test("a picture of another day is not called today's", async () => {
  candles = { ...CANDLES, trading_day: "2026-11-26" };
  api(ANSWERS);
  await opened();
  expect(screen.getByText("Price on 2026-11-26")).toBeTruthy();
  expect(screen.queryByText(en.chart.title)).toBeNull();
});
