import { draw, pointsOf, pricesBetween, summaryOf, timesBetween, type Candle, type Frame } from "@/rules/chart";
import { istTime } from "@/rules/clock";

const OPENS = Date.parse("2026-11-27T09:15:00+05:30");
const MINUTE = 60_000;
const FRAME: Frame = { width: 360, height: 220, top: 10, right: 60, bottom: 20 };

const candle = (minute: number, open: number, high: number, low: number, close: number): Candle => ({
  at: new Date(OPENS + minute * MINUTE).toISOString(),
  open,
  high,
  low,
  close,
  ticks: 10,
});
const DAY = [candle(0, 100, 104, 99, 101), candle(1, 101, 102, 97, 98), candle(3, 98, 99, 98, 99)];

test("the line begins with the first price and has each close at its minute's end", () => {
  expect(pointsOf(DAY, null).map(({ at, price }) => [(at - OPENS) / MINUTE, price])).toEqual([[0, 100], [1, 101], [2, 98], [4, 99]]);
  expect(pointsOf([], { at: OPENS, price: 5 })).toEqual([]);
});

test.each([
  ["later than the last minute is the line's end", 4.5, 5],
  ["of before adds nothing", 3.5, 4],
  ["of another day adds nothing", 24 * 60, 4],
])("a last price %s", (_, minute, count) => expect(pointsOf(DAY, { at: OPENS + minute * MINUTE, price: 103 })).toHaveLength(count));

test("open, high, low and last are of all that is drawn", () => {
  expect(summaryOf(DAY, pointsOf(DAY, { at: OPENS + 5 * MINUTE, price: 96.5 }))).toMatchObject({ open: 100, high: 104, low: 96.5, last: 96.5, from: OPENS, to: OPENS + 5 * MINUTE });
  expect(summaryOf([], [])).toBeNull();
});

test("everything that is marked lies within the picture, the stop too", () => {
  const drawing = draw(DAY, pointsOf(DAY, null), [90, 104.5], FRAME, 4);
  for (const price of [90, 97, 104.5, ...drawing.prices]) {
    expect(drawing.y(price)).toBeGreaterThanOrEqual(FRAME.top);
    expect(drawing.y(price)).toBeLessThanOrEqual(FRAME.height - FRAME.bottom);
  }
  expect(drawing.y(90)).toBeGreaterThan(drawing.y(104.5));
  expect(drawing.x(OPENS)).toBe(0);
  // Four minutes are not stretched over the room of five.
  expect(drawing.x(OPENS + 4 * MINUTE)).toBeCloseTo(240);
  expect(drawing.line.startsWith("M0,")).toBe(true);
});

test("each minute has a bar of its own from its lowest to its highest price", () => {
  const drawing = draw(DAY, pointsOf(DAY, null), [], FRAME, 4);
  const bars = [...drawing.ranges.matchAll(/M([\d.]+),([\d.]+)V([\d.]+)/g)].map((bar) => bar.slice(1).map(Number));
  expect(bars).toHaveLength(3);
  DAY.forEach(({ at, low, high }, index) => {
    expect(bars[index]?.[0]).toBeCloseTo(drawing.x(Date.parse(at) + MINUTE / 2));
    expect(bars[index]?.slice(1)).toEqual([drawing.y(low), drawing.y(high)]);
  });
  // Wide where there is room, and never less than can be seen.
  expect(drawing.rangeWidth).toBe(8);
  const whole = Array.from({ length: 375 }, (_, minute) => candle(minute, 100, 101, 99, 100));
  expect(draw(whole, pointsOf(whole, null), [], FRAME, 4).rangeWidth).toBe(1);
});

test("a price that has not moved lies in the middle", () => {
  const flat = [candle(0, 3000, 3000, 3000, 3000)];
  expect(draw(flat, pointsOf(flat, null), [], FRAME, 4).y(3000)).toBeCloseTo(105);
});

test.each([
  [2921, 3013, [2940, 2960, 2980, 3000]],
  [0.92, 1.13, [0.95, 1, 1.05, 1.1]],
  [83.2, 83.2401, [83.2, 83.21, 83.22, 83.23, 83.24]],
  [100_000, 180_000, [100_000, 120_000, 140_000, 160_000, 180_000]],
])("from %s to %s prices are round", (low, high, prices) => expect(pricesBetween(low, high)).toEqual(prices));

test.each([
  [4, 4, ["09:15", "09:16", "09:17", "09:18", "09:19"]],
  [75, 5, ["09:15", "09:30", "09:45", "10:00", "10:15", "10:30"]],
  [375, 4, ["10:00", "12:00", "14:00"]],
])("over %s minutes times are round in India", (minutes, most, times) => {
  const found = timesBetween(OPENS, OPENS + minutes * MINUTE, most);
  expect(found.map((at) => istTime(at).slice(0, 5))).toEqual(times);
  expect(found.length).toBeLessThanOrEqual(most + 1);
});
