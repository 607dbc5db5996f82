import { act, fireEvent, render, screen, within } from "@testing-library/react-native";
import { PaperProvider } from "react-native-paper";

import { ApiProblem } from "@/api/problem";
import type { BrokerAccount, Instrument, Plan } from "@/api/queries";
import { EMPTY_PLAN, type PlanEntered } from "@/rules/plan";
import { PlanForm } from "@/ui/plan-form";
import { en } from "@/words/en";

jest.mock("@/api/queries", () => ({ useInstruments: () => ({ data: undefined, error: null, isFetching: false }) }));
let mockInstrument: { data?: Partial<Instrument> | null; isError: boolean };
const mockAsked = jest.fn();
jest.mock("@/api/instruments", () => ({
  useInstrument: (exchange: string, symbol: string) => {
    mockAsked(exchange, symbol);
    return mockInstrument;
  },
}));
jest.mock("expo-router", () => ({ router: {} }));

const saved = jest.fn<void, [Plan]>();
beforeEach(() => {
  saved.mockClear();
  mockInstrument = { isError: false };
});
afterEach(() => jest.useRealTimers());

function open(start: Partial<PlanEntered>, { accounts = [], error = null }: { accounts?: readonly BrokerAccount[]; error?: unknown } = {}) {
  render(
    <PaperProvider settings={{ icon: () => null }}>
      <PlanForm start={{ ...EMPTY_PLAN, symbol: "TCS", ...start }} accounts={accounts} isSaving={false} error={error} onSave={saved} />
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

const OWN: BrokerAccount = { account_id: "a1", name: "Own", is_default: true, strategies: 1, created_at: MIDDAY, connection: null };
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
