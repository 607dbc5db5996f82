/** The day's price as a drawing: what lies where, in the drawing's own units. Knows nothing of colours or of React. */
import { line } from "d3-shape";

import type { components } from "@/api/schema";

export type Candle = components["schemas"]["CandleView"];
export type Executed = components["schemas"]["ExecutedView"];

export interface Point {
  readonly at: number;
  readonly price: number;
}

export interface Summary {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly last: number;
  readonly from: number;
  readonly to: number;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Drawing {
  readonly x: (at: number) => number;
  readonly y: (price: number) => number;
  /** Along the closes of the minutes. */
  readonly line: string;
  /** A bar from the lowest to the highest price of each minute. */
  readonly ranges: string;
  readonly rangeWidth: number;
  readonly prices: readonly number[];
  readonly times: readonly number[];
}

const MINUTE_MS = 60_000;
const IST_OFFSET_MS = 5.5 * 3_600_000;
/** The first minutes of a day are not stretched over the whole width. */
const LEAST_SPAN_MS = 5 * MINUTE_MS;
/** Room above and below, so that marks and their words have a place. */
const ROOM = 0.18;
const MOST_RANGE_WIDTH = 8;
const MINUTES_BETWEEN = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360];

/** The first price, the close of each minute at its end, and the last price where it is a later one of the same day. */
export function pointsOf(candles: readonly Candle[], last: Point | null): Point[] {
  const [first] = candles;
  if (first === undefined) return [];
  const closes = candles.map(({ at, close }) => ({ at: Date.parse(at) + MINUTE_MS, price: close }));
  const points = [{ at: Date.parse(first.at), price: first.open }, ...closes];
  const end = points[points.length - 1] as Point;
  return last !== null && last.at > end.at && dayOf(last.at) === dayOf(points[0]?.at ?? 0) ? [...points, last] : points;
}

/** Open, high, low and last of all that is drawn; null where nothing is. */
export function summaryOf(candles: readonly Candle[], points: readonly Point[]): Summary | null {
  const [first] = points;
  const end = points[points.length - 1];
  if (first === undefined || end === undefined) return null;
  const high = Math.max(end.price, ...candles.map((each) => each.high));
  const low = Math.min(end.price, ...candles.map((each) => each.low));
  return { open: first.price, high, low, last: end.price, from: first.at, to: end.at };
}

/** `others`: further prices that have to be in the picture. Times that are marked are at most `mostTimes`. */
export function draw(candles: readonly Candle[], points: readonly Point[], others: readonly number[], frame: Frame, mostTimes: number): Drawing {
  const from = points[0]?.at ?? 0;
  const to = Math.max(points[points.length - 1]?.at ?? 0, from + LEAST_SPAN_MS);
  const all = [...candles.flatMap((each) => [each.low, each.high]), ...points.map(({ price }) => price), ...others];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  // A price that has not moved lies in the middle.
  const room = (high - low) * ROOM || Math.max(high * 0.005, 0.05);
  const across = frame.width - frame.right;
  const down = frame.height - frame.top - frame.bottom;
  const x = (at: number) => ((at - from) / (to - from)) * across;
  const y = (price: number) => frame.top + ((high + room - price) / (high - low + 2 * room)) * down;
  const range = ({ at, low: least, high: most }: Candle) => `M${x(Date.parse(at) + MINUTE_MS / 2)},${y(least)}V${y(most)}`;
  return {
    x,
    y,
    line: line<Point>((each) => x(each.at), (each) => y(each.price))(points as Point[]) ?? "",
    ranges: candles.map(range).join(""),
    rangeWidth: Math.min(MOST_RANGE_WIDTH, Math.max(1, x(from + MINUTE_MS) * 0.7)),
    prices: pricesBetween(low - room / 2, high + room / 2),
    times: timesBetween(from, to, mostTimes),
  };
}

/** Round prices, a third to a fifth of the way from each other: steps of 1, 2 or 5 with noughts. */
export function pricesBetween(low: number, high: number): number[] {
  const least = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5].find((each) => each * power >= least) ?? 10);
  const first = Math.ceil(low / step);
  // Counted in whole steps, so that no fraction of a paisa adds up.
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => Number(((first + index) * step).toFixed(4)));
}

/** Round times of day in India, as far from each other as it takes to be no more than `most`. */
export function timesBetween(from: number, to: number, most: number): number[] {
  const minutes = MINUTES_BETWEEN.find((each) => (to - from) / (each * MINUTE_MS) <= most) ?? 720;
  const step = minutes * MINUTE_MS;
  const first = Math.ceil((from + IST_OFFSET_MS) / step) * step - IST_OFFSET_MS;
  const count = Math.max(0, Math.floor((to - first) / step) + 1);
  return Array.from({ length: count }, (_, index) => first + index * step);
}

function dayOf(at: number): number {
  return Math.floor((at + IST_OFFSET_MS) / 86_400_000);
}
