/** The sentences of the day's chart. */
import { showPercent, showRupees } from "@/rules/money";
import type { Distance } from "@/rules/stop";

export const chart = {
  title: "Price today",
  titleOf: (day: string) => `Price on ${day}`,
  none: "No price yet today. It is drawn from the first minute that the watcher sees while a strategy of this instrument runs.",
  open: "Open",
  high: "High",
  low: "Low",
  last: "Last",
  stop: (price: string) => `Stop ${price}`,
  sides: { BUY: "Buy", SELL: "Sell" },
  /** What the picture shows, for whoever does not see it. */
  told: (symbol: string, from: string, to: string) => `Chart of ${symbol}, ${from} to ${to} IST.`,
  prices: (open: number, high: number, low: number, last: number) =>
    `Opened at ${showRupees(open)}, highest ${showRupees(high)}, lowest ${showRupees(low)}, last ${showRupees(last)}.`,
  stopAt: (stop: number, far: Distance | null) =>
    far === null || far.points <= 0
      ? `The stop is at ${showRupees(stop)}, which the last price is not above.`
      : `The stop is at ${showRupees(stop)}, ${showRupees(far.points)} (${showPercent(far.share)}) below the last price.`,
  executed: (side: "BUY" | "SELL", quantity: number, price: number, at: string) =>
    `${side === "BUY" ? "Bought" : "Sold"} ${quantity} at ${showRupees(price)}, ${at} IST.`,
};
