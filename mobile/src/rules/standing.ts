/** What a standing means, in the product's words and never in more certain ones. */
import type { components } from "@/api/schema";

import { istDay } from "./clock";

type Standing = components["schemas"]["StrategyStanding"];
type OrderEvent = components["schemas"]["OrderView"];

export type Tone = "quiet" | "good" | "busy" | "bad";
export type StateName =
  | "not_started"
  | "stopped"
  | "waiting"
  | "buying"
  | "sold_so_far"
  | "holding"
  | "selling"
  | "sold"
  | "nothing_bought"
  | "failed"
  | "unknown";

/** Where a strategy is in its day. */
export function stateOf(standing: Pick<Standing, "status" | "cycle" | "position">): StateName {
  const cycle = standing.cycle?.state;
  // Its exit did not wait for the end of its buy, whose rest is being cancelled.
  if (cycle === "entering") return standing.position === "sold" ? "sold_so_far" : "buying";
  if (cycle === "long") return "holding";
  if (cycle === "exiting") return "selling";
  if (cycle === "failed") return "failed";
  if (cycle === "flat") return standing.position === "sold" ? "sold" : "nothing_bought";
  // The API may have learnt states that this app does not know yet: of something held nobody must read that it waits.
  if (cycle !== undefined) return "unknown";
  if (standing.status === "created") return "not_started";
  return standing.status === "stopped" ? "stopped" : "waiting";
}

/** What of the day's quantity was bought, where that is a part of it; null where all or nothing is. */
export function boughtInPart(standing: Pick<Standing, "cycle_quantity" | "bought_quantity">): { bought: number; of: number } | null {
  const { bought_quantity: bought, cycle_quantity: of } = standing;
  return of !== null && bought > 0 && bought < of ? { bought, of } : null;
}

/** Whether something is held, or an order for it is out. */
export function isUnderWay(standing: Pick<Standing, "cycle" | "position">): boolean {
  const cycle = standing.cycle?.state;
  return standing.position === "bought" || cycle === "entering" || cycle === "long" || cycle === "exiting";
}

export const TONES: Record<StateName, Tone> = {
  not_started: "quiet",
  stopped: "quiet",
  waiting: "quiet",
  buying: "busy",
  sold_so_far: "busy",
  holding: "good",
  selling: "busy",
  sold: "good",
  nothing_bought: "quiet",
  failed: "bad",
  unknown: "busy",
};

/** Whether its next step is a buy of the same day in India: what is red then, its owner has to know. */
export function buysToday(standing: Pick<Standing, "status" | "cycle" | "position" | "next_buy_at" | "as_of">): boolean {
  const { status, next_buy_at: buy, as_of: asOf } = standing;
  return status === "running" && buy !== null && istDay(buy) === istDay(asOf) && !isUnderWay(standing);
}

/** What today's rows bring together, rupees; null where one of them is not known, as what left a position otherwise than by
 * an order is not. `others`: what else counts. */
export function netOf(standings: readonly Pick<Standing, "cycle" | "bought_quantity" | "net_pnl" | "as_of">[], others: number): number | null {
  let paisa = Math.round(others * 100);
  for (const { cycle, bought_quantity: bought, net_pnl: net, as_of: asOf } of standings) {
    if (bought === 0 || cycle?.trading_day !== istDay(asOf)) continue;
    if (net === null) return null;
    paisa += Math.round(net * 100);
  }
  return paisa / 100;
}

export type NextEvent = { kind: "buy" | "sell"; at: number };

/** What comes next: the sale of what is held before any purchase. */
export function nextEvent(standing: Pick<Standing, "next_buy_at" | "next_sell_at">): NextEvent | null {
  const sell = standing.next_sell_at === null ? null : Date.parse(standing.next_sell_at);
  const buy = standing.next_buy_at === null ? null : Date.parse(standing.next_buy_at);
  if (sell !== null && (buy === null || sell <= buy)) return { kind: "sell", at: sell };
  return buy === null ? null : { kind: "buy", at: buy };
}

export type OrderTruth = "accepted" | "filled" | "refused" | "unknown" | "cancelled" | "other";

/** What became of an order whose answer was lost, once that is known. */
export type Found = "found" | "notPlaced";

/** Null while nobody knows yet whether the broker has it. */
export function foundSince(state: OrderEvent["state"]): Found | null {
  if (state === "accepted" || state === "done" || state === "refused") return "found";
  return state === "not_placed" || state === "throttled" ? "notPlaced" : null;
}

/** What one record of an order proves. An answer to sending proves at most that the broker has the order. */
export function orderTruth(event: Pick<OrderEvent, "event" | "outcome">): OrderTruth {
  const outcome = event.outcome.toLowerCase();
  if (event.event === "final") {
    if (outcome === "complete") return "filled";
    if (outcome === "rejected") return "refused";
    return outcome === "cancelled" ? "cancelled" : "other";
  }
  if (event.event === "cancel" || event.event === "turn") return "other";
  if (outcome === "accepted") return "accepted";
  if (outcome === "refused" || outcome === "rejected") return "refused";
  return outcome === "unknown" ? "unknown" : "other";
}
