/** The stop-loss as a trader thinks of it. The API takes a price; percent and points are of the price expected at the
 * buy. */

export type StopKind = "price" | "percent" | "points";

const NSE_TICK = 0.05;

/** The stop price, rounded down to the instrument's tick so that the risk shown is never too small; null when it
 * cannot be known yet or would not be above zero. */
export function stopPrice(kind: StopKind, value: number, expected: number | null, tick: number = NSE_TICK): number | null {
  if (!Number.isFinite(value) || value <= 0) return null;
  if (kind === "price") return value;
  if (expected === null || !Number.isFinite(expected) || expected <= 0) return null;
  const raw = kind === "percent" ? expected * (1 - value / 100) : expected - value;
  const step = tick > 0 ? tick : NSE_TICK;
  // Tenths of a billionth: what binary fractions add must not cost a tick.
  const rounded = Math.floor(raw / step + 1e-9) * step;
  const price = Number(rounded.toFixed(4));
  return price > 0 ? price : null;
}

/** Rupees lost when a position bought at `expected` is sold at `stop`, before charges and slippage. */
export function moneyAtRisk(stop: number | null, expected: number | null, quantity: number): number | null {
  if (stop === null || expected === null || !(quantity > 0) || !(expected > 0)) return null;
  return (expected - stop) * quantity;
}

export type Distance = { points: number; share: number };

/** How far the last price is above the stop: points and share of the price. */
export function distanceToStop(last: number | null, stop: number): Distance | null {
  if (last === null || last <= 0) return null;
  return { points: last - stop, share: (last - stop) / last };
}
