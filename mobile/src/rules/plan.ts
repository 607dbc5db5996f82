/** A plan as it is entered: what is asked of it, and what it says to the API. Nothing here knows a screen. */
import * as z from "zod/mini";

import type { BrokerAccount, Plan } from "@/api/queries";
import type { Words } from "@/words/en";

import { accountMeant } from "./broker-accounts";
import { istTime, readTimeOfDay } from "./clock";
import { number, plain } from "./entry";
import { stopPrice, type StopKind } from "./stop";

export interface PlanEntered {
  symbol: string;
  exchange: string;
  product: Plan["product"];
  buyTime: string;
  sellTime: string;
  quantity: string;
  stopKind: StopKind;
  stopValue: string;
  expected: string;
  brokerStop: boolean;
  /** The broker account to trade in; empty: none was chosen, and the default is meant. */
  account: string;
}

export const EMPTY_PLAN: PlanEntered = {
  symbol: "",
  exchange: "NSE",
  product: "MIS",
  buyTime: "09:30:00",
  sellTime: "15:15:00",
  quantity: "1",
  stopKind: "price",
  stopValue: "",
  expected: "",
  brokerStop: true,
  account: "",
};

/** Where the API's names of fields are on this form. */
export const FIELDS: Record<string, keyof PlanEntered> = {
  symbol: "symbol",
  exchange: "symbol",
  product: "product",
  buy_time: "buyTime",
  sell_time: "sellTime",
  quantity: "quantity",
  stop_loss: "stopValue",
  broker_stop: "brokerStop",
  account_id: "account",
};

export function planSchema(words: Words["plan"]) {
  const time = z.string().check(z.refine((text) => readTimeOfDay(text) !== null, words.timeWrong));
  return z
    .object({
      symbol: z.string().check(z.minLength(1, words.symbolMissing)),
      exchange: z.string(),
      product: z.enum(["MIS", "CNC", "NRML"]),
      buyTime: time,
      sellTime: time,
      quantity: z.string().check(z.refine((text) => /^[1-9]\d{0,7}$/.test(plain(text)), words.quantityWrong)),
      stopKind: z.enum(["price", "percent", "points"]),
      stopValue: z.string().check(z.refine((text) => (number(text) ?? 0) > 0, words.stopWrong)),
      expected: z.string().check(z.refine((text) => text.trim() === "" || (number(text) ?? 0) > 0, words.stopWrong)),
      brokerStop: z.boolean(),
      account: z.string(),
    })
    .check(
      z.refine(({ buyTime, sellTime }) => (readTimeOfDay(buyTime) ?? "") < (readTimeOfDay(sellTime) ?? "~"), {
        error: words.sellEarly,
        path: ["sellTime"],
      }),
    );
}

/** What a stop of percent or points, and the money at risk, are reckoned from: the expected price, else the last one. */
export function buyPrice(entered: PlanEntered, last: number | null): number | null {
  return number(entered.expected) ?? last;
}

export function stopOf(entered: PlanEntered, tick: number | undefined, last: number | null): number | null {
  return stopPrice(entered.stopKind, number(entered.stopValue) ?? Number.NaN, buyPrice(entered, last), tick);
}

/** What the strategy holds while its plan is changed: the last price that is known of it. */
export interface Held {
  last: number | null;
}

/** Why saving sells at once what is held; null where it does not, as far as is known. The watcher sells at the stop and
 * below, and a sell time that has come is carried out. */
export function sellsAtOnce(entered: PlanEntered, price: number | null, last: number | null, now: number): "stop" | "time" | null {
  if (price !== null && last !== null && price >= last) return "stop";
  const sellTime = readTimeOfDay(entered.sellTime);
  return sellTime !== null && sellTime <= istTime(now) ? "time" : null;
}

/** `accounts`: among which the trader could choose. */
export function planOf(entered: PlanEntered, price: number, accounts: readonly BrokerAccount[]): Plan {
  const account = accountMeant(entered.account, accounts);
  return {
    symbol: entered.symbol,
    exchange: entered.exchange,
    product: entered.product,
    buy_time: readTimeOfDay(entered.buyTime) ?? entered.buyTime,
    sell_time: readTimeOfDay(entered.sellTime) ?? entered.sellTime,
    quantity: Number(plain(entered.quantity)),
    stop_loss: price,
    broker_stop: entered.brokerStop,
    ...(account === null ? {} : { account_id: account }),
  };
}
