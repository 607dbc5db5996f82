/** What is held, over all strategies, and what it brings. */
import type { components } from "@/api/schema";

export type Exposure = components["schemas"]["ExposureView"];

/** The open result of all that is held: rupees, of what has a known price; null when none has one. `unknown` names what
 * it leaves out. */
export function openResult(positions: readonly Exposure[]): { result: number | null; unknown: readonly string[] } {
  const held = positions.filter((one) => one.held > 0);
  const known = held.flatMap((one) => (one.open_pnl === null ? [] : [one.open_pnl]));
  const unknown = held.filter((one) => one.open_pnl === null).map((one) => one.symbol);
  // The API's amounts are whole paisa; what binary fractions add to their sum is none.
  const paisa = known.reduce((sum, amount) => sum + Math.round(amount * 100), 0);
  return { result: known.length === 0 ? null : paisa / 100, unknown };
}
