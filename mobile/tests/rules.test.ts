import { istDay, istTime, readTimeOfDay, shiftDay, showDuration } from "@/rules/clock";
import { number, plain } from "@/rules/entry";
import { showResult, showRupees } from "@/rules/money";
import { netOf, nextEvent, orderTruth, stateOf } from "@/rules/standing";
import { distanceToStop, moneyAtRisk, stopPrice } from "@/rules/stop";

describe("times", () => {
  test("are India's wherever the phone is, over midnight too", () => {
    expect(istTime("2026-11-26T08:37:05Z")).toBe("14:07:05");
    expect(istDay("2026-11-26T19:00:00Z")).toBe("2026-11-27");
    expect(shiftDay("2026-03-01", -1)).toBe("2026-02-28");
  });

  test.each([
    ["09:30", "09:30:00"],
    [" 15:15:20 ", "15:15:20"],
    ["9:30", "09:30:00"],
    ["9:5", null],
    ["123:30", null],
    ["24:00", null],
    ["12:60", null],
  ])("%s reads as %s", (typed, read) => expect(readTimeOfDay(typed)).toBe(read));

  test("a countdown never says less than is left", () => {
    expect(showDuration(0)).toBe("now");
    expect(showDuration(1)).toBe("1 s");
    expect(showDuration(59_001)).toBe("1 min 00 s");
    expect(showDuration(2 * 3_600_000 + 5 * 60_000)).toBe("2 h 05 min");
  });
});

describe("rupees", () => {
  test("are grouped as India groups them, results with their sign", () => {
    expect(showRupees(1234567.5)).toBe("₹12,34,567.50");
    expect(showResult(-70)).toBe("-₹70.00");
    expect(showResult(70)).toBe("+₹70.00");
    expect(showRupees(null)).toBe("–");
  });
});

describe("a number", () => {
  test.each([
    [" 1,00,000 ", 100_000],
    ["1,000,000.50", 1_000_000.5],
    ["12,34,567", 1_234_567],
    ["900", 900],
    ["1,5", null],
    ["1,50", null],
    ["1000,000", null],
    ["-5", null],
    ["", null],
  ])("%s reads as %s", (typed, read) => expect(number(typed)).toBe(read));

  test("loses its commas only where they group", () => {
    expect(plain("1,00,000")).toBe("100000");
    expect(plain("1,5")).toBe("1,5");
  });
});

describe("a stop", () => {
  test("of percent or points becomes a price, rounded down to the tick", () => {
    expect(stopPrice("percent", 2, 3000)).toBe(2940);
    expect(stopPrice("percent", 1.37, 1501.2, 0.05)).toBe(1480.6);
    expect(stopPrice("points", 10.02, 100, 0.05)).toBe(89.95);
    expect(stopPrice("points", 0.3, 100, 0.1)).toBe(99.7);
    expect(stopPrice("price", 2950, null)).toBe(2950);
  });

  test("that cannot be known is not guessed", () => {
    expect(stopPrice("percent", 2, null)).toBeNull();
    expect(stopPrice("percent", 100, 3000)).toBeNull();
    expect(stopPrice("points", Number.NaN, 3000)).toBeNull();
    expect(moneyAtRisk(2940, null, 10)).toBeNull();
  });

  test("shows the money at risk and how far it is", () => {
    expect(moneyAtRisk(2940, 3000, 10)).toBe(600);
    expect(distanceToStop(3000, 2940)).toEqual({ points: 60, share: 0.02 });
    expect(distanceToStop(null, 2940)).toBeNull();
  });
});

describe("a standing", () => {
  const cycle = (state: "entering" | "long" | "exiting" | "flat" | "failed") => ({ state, trading_day: "2026-11-26" });

  test("calls nothing held or sold before the API does", () => {
    expect(stateOf({ status: "running", position: "none", cycle: cycle("entering") })).toBe("buying");
    expect(stateOf({ status: "running", position: "bought", cycle: cycle("entering") })).toBe("buying");
    expect(stateOf({ status: "running", position: "sold", cycle: cycle("entering") })).toBe("sold_so_far");
    expect(stateOf({ status: "running", position: "bought", cycle: cycle("exiting") })).toBe("selling");
    expect(stateOf({ status: "running", position: "none", cycle: cycle("flat") })).toBe("nothing_bought");
    expect(stateOf({ status: "running", position: "sold", cycle: cycle("flat") })).toBe("sold");
    expect(stateOf({ status: "stopped", position: "bought", cycle: cycle("long") })).toBe("holding");
    expect(stateOf({ status: "created", position: "none", cycle: null })).toBe("not_started");
    expect(stateOf({ status: "running", position: "none", cycle: null })).toBe("waiting");
  });

  test("of a state that is not known says so, and never that it waits", () => {
    const learnt = { state: "averaging", trading_day: "2026-11-26" } as unknown as ReturnType<typeof cycle>;
    for (const position of ["bought", "none", "sold"] as const) expect(stateOf({ status: "running", position, cycle: learnt })).toBe("unknown");
  });

  test("of today's rows adds up to the paisa, without what is of another day, and is not guessed", () => {
    const row = { cycle: cycle("flat"), bought_quantity: 10, net_pnl: 0.1, as_of: "2026-11-26T08:00:00Z" };
    expect(netOf([row, { ...row, net_pnl: 0.2 }], -1)).toBe(-0.7);
    expect(netOf([row, { ...row, cycle: { ...row.cycle, trading_day: "2026-11-25" }, net_pnl: 50 }], 0)).toBe(0.1);
    expect(netOf([row, { ...row, cycle: null, bought_quantity: 0, net_pnl: null }], 0)).toBe(0.1);
    expect(netOf([row, { ...row, net_pnl: null }], 0)).toBeNull();
  });

  test("counts down to whichever comes first", () => {
    const [early, late] = ["2026-11-26T04:00:00Z", "2026-11-26T09:45:00Z"];
    expect(nextEvent({ next_buy_at: early, next_sell_at: late })).toEqual({ kind: "buy", at: Date.parse(early) });
    expect(nextEvent({ next_buy_at: late, next_sell_at: early })?.kind).toBe("sell");
    expect(nextEvent({ next_buy_at: null, next_sell_at: null })).toBeNull();
  });
});

describe("an order's record", () => {
  test.each([
    ["answer", "accepted", "accepted"],
    ["answer", "refused", "refused"],
    ["answer", "unknown", "unknown"],
    ["final", "COMPLETE", "filled"],
    ["final", "REJECTED", "refused"],
    ["final", "CANCELLED", "cancelled"],
    ["cancel", "cancel_accepted", "other"],
    ["answer", "COMPLETE", "other"],
  ] as const)("%s %s proves: %s", (event, outcome, truth) => expect(orderTruth({ event, outcome })).toBe(truth));
});
