import { act, fireEvent, render, screen, within } from "@testing-library/react-native";
import { PaperProvider } from "react-native-paper";

import { ApiProblem } from "@/api/problem";
import type { BrokerAccount, Instrument, Plan } from "@/api/queries";
import { EMPTY_PLAN, type Held, type PlanEntered } from "@/rules/plan";
import { PlanForm } from "@/ui/plan-form";
import { en } from "@/words/en";

let mockMatches: Partial<Instrument>[] | undefined;
jest.mock("@/api/queries", () => ({ useInstruments: () => ({ data: mockMatches, error: null, isFetching: false }) }));
let mockInstrument: { data?: Partial<Instrument> | null; isError: boolean };
const mockAsked = jest.fn();
jest.mock("@/api/instruments", () => ({
  useInstrument: (exchange: string, symbol: string) => {
    mockAsked(exchange, symbol);
    return mockInstrument;
  },
}));
jest.mock("@/ui/leaving", () => ({ useAskedBeforeLeaving: () => ({ question: null, letGo: () => undefined }) }));
jest.mock("expo-router", () => ({ router: {} }));

const saved = jest.fn<void, [Plan]>();
beforeEach(() => {
  saved.mockClear();
  mockInstrument = { isError: false };
  mockMatches = undefined;
});
afterEach(() => jest.useRealTimers());

function open(start: Partial<PlanEntered>, { accounts = [], error = null, held = null }: { accounts?: readonly BrokerAccount[]; error?: unknown; held?: Held | null } = {}) {
  render(
    <PaperProvider settings={{ icon: () => null }}>
      <PlanForm start={{ ...EMPTY_PLAN, symbol: "TCS", ...start }} accounts={accounts} isSaving={false} error={error} held={held} onSave={(plan) => saved(plan)} />
    </PaperProvider>,
  );
}

const save = () => act(async () => fireEvent.press(screen.getByTestId("save")));

test.each([
  ["percent", "100"],
  ["percent", "150"],
  ["points", "3000"],
] as const)("a stop of %s %s leaves no price, and it is the stop that is called wrong", async (stopKind, stopValue) => {
  open({ stopKind, stopValue, expected: "3000" });
  expect(screen.getByText(en.plan.stopTooFar)).toBeTruthy();
  expect(screen.queryByText(en.plan.atRiskUnknown)).toBeNull();
  await save();
  expect(screen.queryByText(en.plan.expectedMissing)).toBeNull();
  expect(screen.getAllByText(en.plan.stopTooFar)).toHaveLength(2);
  expect(saved).not.toHaveBeenCalled();
});

test.each(["3000", "3000.05"])("a stop at %s is not below the price of 3000 that is expected, and nothing is saved", async (stopValue) => {
  open({ stopKind: "price", stopValue, expected: "3000", quantity: "1" });
  await save();
  expect(screen.getAllByText(en.plan.stopAbove).length).toBeGreaterThan(0);
  expect(saved).not.toHaveBeenCalled();
});

test("what is missing for the money at risk is named, and nothing else", () => {
  open({ stopValue: "2900", expected: "3000", quantity: "" });
  expect(screen.getByText(en.plan.atRiskQuantity)).toBeTruthy();
  expect(screen.queryByText(en.plan.atRiskUnknown)).toBeNull();
});

test("beside the button it is said that something above is missing", async () => {
  open({ symbol: "", stopValue: "2900" });
  expect(screen.queryByTestId("not-saved")).toBeNull();
  await save();
  expect(screen.getByTestId("not-saved")).toBeTruthy();
  expect(screen.getByText("Choose an instrument from the list")).toBeTruthy();
  expect(saved).not.toHaveBeenCalled();
});

test("numbers are read as India writes them", async () => {
  open({ quantity: "1,00,000", stopValue: "2,900.50", expected: "3,000" });
  expect(screen.getByText(en.plan.atRisk("₹99,50,000.00"))).toBeTruthy();
  await save();
  expect(saved).toHaveBeenCalledWith(expect.objectContaining({ quantity: 100_000, stop_loss: 2900.5 }));
});

const seen = (last_price: number | null, last_price_at: string | null) => ({ data: { tick_size: 0.05, lot_size: 1, last_price, last_price_at }, isError: false });
const MIDDAY = "2026-11-27T08:35:07.946Z";

describe("the last price", () => {
  test("is told with when it was seen, and a stop of percent and the money at risk are reckoned from it", async () => {
    jest.useFakeTimers({ now: Date.parse(MIDDAY) });
    mockInstrument = seen(2930, MIDDAY);
    open({ stopKind: "percent", stopValue: "2", quantity: "10" });
    expect(mockAsked).toHaveBeenLastCalledWith("NSE", "TCS");
    expect(screen.getByText("Last price: ₹2,930.00, seen at 14:05:07 IST. The figures below are reckoned from it.")).toBeTruthy();
    expect(screen.getByText(en.plan.stopIs("₹2,871.40"))).toBeTruthy();
    expect(screen.getByText(en.plan.atRisk("₹586.00"))).toBeTruthy();
    await save();
    expect(saved).toHaveBeenCalledWith(expect.objectContaining({ stop_loss: 2871.4 }));
  });

  test("of another day says so", () => {
    jest.useFakeTimers({ now: Date.parse("2026-11-30T03:00:00Z") });
    mockInstrument = seen(2930, MIDDAY);
    open({});
    expect(screen.getByText(/seen at 2026-11-27 14:05:07 IST/)).toBeTruthy();
  });

  test("gives way to the price that is expected, and does not claim otherwise", async () => {
    mockInstrument = seen(2930, MIDDAY);
    open({ stopKind: "points", stopValue: "100", expected: "3,000", quantity: "1" });
    expect(screen.getByText(en.plan.stopIs("₹2,900.00"))).toBeTruthy();
    expect(screen.getByText(en.plan.atRisk("₹100.00"))).toBeTruthy();
    expect(screen.queryByText(/reckoned from it/)).toBeNull();
    await save();
    expect(saved).toHaveBeenCalledWith(expect.objectContaining({ stop_loss: 2900 }));
  });

  test("below the stop is told and forbids nothing, for the buy may be at another price", async () => {
    mockInstrument = seen(2930, MIDDAY);
    open({ stopValue: "2950" });
    expect(screen.getByText(en.plan.stopAboveLast)).toBeTruthy();
    await save();
    expect(saved).toHaveBeenCalledWith(expect.objectContaining({ stop_loss: 2950 }));
  });

  test("that nobody has seen is not made up: it is said what to do", async () => {
    mockInstrument = seen(null, null);
    open({ stopKind: "percent", stopValue: "2" });
    expect(screen.getByText(en.plan.lastUnseen)).toBeTruthy();
    expect(screen.getByText(en.plan.atRiskUnknown)).toBeTruthy();
    await save();
    expect(screen.getByText("Is needed to turn percent or points into a price")).toBeTruthy();
    expect(saved).not.toHaveBeenCalled();
  });

  test("that could not be read says so", () => {
    mockInstrument = { isError: true };
    open({});
    expect(screen.getByText(en.plan.lastUnread)).toBeTruthy();
  });

  test("is not spoken of before it is known whether there is one", () => {
    open({});
    expect(screen.queryByTestId("last-price")).toBeNull();
  });

  test("comes with the tick and the lot, also of a plan that is changed", () => {
    mockInstrument = { data: { tick_size: 0.1, lot_size: 75, last_price: 99.7, last_price_at: MIDDAY }, isError: false };
    open({ stopKind: "points", stopValue: "0.35" });
    expect(screen.getByText(en.plan.stopIs("₹99.30"))).toBeTruthy();
    expect(screen.getByText(en.plan.lots(75))).toBeTruthy();
  });
});

describe("what belonged to something else", () => {
  const value = (name: string) => screen.getByTestId(name).props.value as string;
  const choose = (symbol: string) => {
    mockMatches = [{ exchange: "NSE", symbol, name: symbol }];
    fireEvent.changeText(screen.getByTestId("symbol"), symbol);
    fireEvent.press(screen.getByTestId(`match-NSE-${symbol}`));
  };

  test.each([
    ["price", "3050", ""],
    ["points", "40", ""],
    ["percent", "2", "2"],
  ] as const)("another instrument takes the expected price with it, and a stop of %s in rupees", (stopKind, stopValue, kept) => {
    open({ stopKind, stopValue, expected: "3090" });
    choose("SBIN");
    expect([value("expected"), value("stopValue")]).toEqual(["", kept]);
    expect(screen.queryByText(/^Stop price sent/)).toBeNull();
  });

  test("the same instrument chosen anew keeps what was entered for it", () => {
    open({ stopValue: "3050", expected: "3090" });
    choose("TCS");
    expect([value("expected"), value("stopValue")]).toEqual(["3090", "3050"]);
  });

  test("prices that were entered before any instrument are kept for the first", () => {
    open({ symbol: "", stopValue: "3050", expected: "3090" });
    choose("TCS");
    expect([value("expected"), value("stopValue")]).toEqual(["3090", "3050"]);
  });

  test("a price is not read as percent once the kind is changed", () => {
    open({ stopValue: "1502.6", expected: "1535.2" });
    fireEvent.press(screen.getByTestId("stop-price"));
    expect(value("stopValue")).toBe("1502.6");
    fireEvent.press(screen.getByTestId("stop-percent"));
    expect(value("stopValue")).toBe("");
    expect(value("expected")).toBe("1535.2");
  });
});

describe("a change while something is held", () => {
  beforeEach(() => jest.useFakeTimers({ now: Date.parse(MIDDAY) })); // 14:05:07 in India
  const PAID = { stopValue: "1525", expected: "1535.20" };

  test("that sells at once says so, and asks before it is saved", async () => {
    mockInstrument = seen(1521, MIDDAY);
    open(PAID, { held: { last: 1520 } });
    expect(screen.getByText(en.plan.sellsNow.stop)).toBeTruthy();
    await save();
    expect(saved).not.toHaveBeenCalled();
    expect(screen.getByText(en.plan.sellsNowAsk.stop)).toBeTruthy();
    fireEvent.press(screen.getByText(en.common.cancel));
    expect(screen.queryByText(en.plan.sellsNowAsk.stop)).toBeNull();
    expect(saved).not.toHaveBeenCalled();
    await save();
    fireEvent.press(screen.getByTestId("confirm"));
    expect(saved.mock.calls).toEqual([[expect.objectContaining({ stop_loss: 1525 })]]);
  });

  test("to a stop at the last price sells as well", async () => {
    open({ ...PAID, stopValue: "1520" }, { held: { last: 1520 } });
    await save();
    expect(saved).not.toHaveBeenCalled();
  });

  test("to a stop below the last price asks nothing", async () => {
    open({ ...PAID, stopValue: "1519.95" }, { held: { last: 1520 } });
    expect(screen.queryByText(en.plan.sellsNow.stop)).toBeNull();
    await save();
    expect(saved).toHaveBeenCalledTimes(1);
  });

  test("to a stop above what was paid, which keeps a gain, is taken", async () => {
    open({ ...PAID, stopValue: "1550" }, { held: { last: 1560 } });
    expect(screen.getByText(en.plan.stopAbovePaid)).toBeTruthy();
    await save();
    expect(saved).toHaveBeenCalledWith(expect.objectContaining({ stop_loss: 1550 }));
  });

  test.each([
    ["14:05:07", true],
    ["14:06", false],
  ])("to a sell time of %s at 14:05:07 asks: %s", async (sellTime, isAsked) => {
    open({ ...PAID, stopValue: "1500", sellTime }, { held: { last: 1520 } });
    expect(screen.queryByText(en.plan.sellsNow.time) !== null).toBe(isAsked);
    await save();
    expect(screen.queryByText(en.plan.sellsNowAsk.time) !== null).toBe(isAsked);
    expect(saved).toHaveBeenCalledTimes(isAsked ? 0 : 1);
  });
});

test("a plan of which nothing is held is saved with a past sell time, for another day", async () => {
  jest.useFakeTimers({ now: Date.parse(MIDDAY) });
  open({ stopValue: "2900", sellTime: "14:00" });
  await save();
  expect(saved).toHaveBeenCalledTimes(1);
});

test("it is said that the plan repeats, and that its stop price is not reckoned anew", () => {
  open({ stopKind: "percent", stopValue: "2", expected: "3000" });
  expect(screen.getByText(en.plan.stopIs("₹2,940.00"))).toBeTruthy();
  expect(screen.getByText(/repeats every trading day while it runs\. This stop price stays the same/)).toBeTruthy();
});

const OWN: BrokerAccount = { account_id: "a1", name: "Own", is_default: true, etag: '"1"', strategies: 1, created_at: MIDDAY, connection: null };
const HUF: BrokerAccount = { ...OWN, account_id: "a2", name: "HUF", is_default: false };

describe("the broker account", () => {
  const picked = () => screen.getAllByRole("radio", { checked: true }).map((one) => one.props.accessibilityLabel ?? one.props["aria-label"]);
  const sent = () => saved.mock.calls[0]?.[0];

  test("is not asked for and not sent where there is one, or where they are not known", async () => {
    open({ stopValue: "2900" }, { accounts: [OWN] });
    expect(screen.queryByTestId("account")).toBeNull();
    await save();
    expect(sent()).toMatchObject({ stop_loss: 2900 });
    expect(sent()).not.toHaveProperty("account_id");
    screen.unmount();
    saved.mockClear();
    open({ account: "a1", stopValue: "2900" });
    await save();
    expect(sent()).not.toHaveProperty("account_id");
  });

  test("of several is the default, unless another is chosen, and the one that is shown is sent", async () => {
    open({ stopValue: "2900" }, { accounts: [HUF, OWN] });
    expect(picked()).toEqual(["Own (default)"]);
    await save();
    expect(sent()).toMatchObject({ account_id: "a1" });
    saved.mockClear();
    fireEvent.press(screen.getByRole("radio", { name: "HUF" }));
    expect(picked()).toEqual(["HUF"]);
    await save();
    expect(sent()).toMatchObject({ account_id: "a2" });
  });

  test("of a strategy that is changed is its own, whichever is the default", async () => {
    open({ account: "a2", stopValue: "2900" }, { accounts: [OWN, HUF] });
    expect(picked()).toEqual(["HUF"]);
    await save();
    expect(sent()).toMatchObject({ account_id: "a2" });
  });

  test("that cannot be left now is told where it was chosen", () => {
    const refusal = new ApiProblem("CONFLICT", "a position is open", [{ field: "account_id", problem: "cannot be changed while a position is open" }]);
    open({ account: "a2" }, { accounts: [OWN, HUF], error: refusal });
    expect(within(screen.getByTestId("account")).getByText("Cannot be changed while a position is open")).toBeTruthy();
  });
});
