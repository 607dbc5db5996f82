import { act, fireEvent, render, screen } from "@testing-library/react-native";
import { PaperProvider } from "react-native-paper";

import type { Plan } from "@/api/queries";
import { EMPTY_PLAN, PlanForm, type PlanEntered } from "@/ui/plan-form";
import { en } from "@/words/en";

jest.mock("@/api/queries", () => ({ useInstruments: () => ({ data: undefined, error: null, isFetching: false }) }));
jest.mock("expo-router", () => ({ router: {} }));

const saved = jest.fn<void, [Plan]>();
beforeEach(() => saved.mockClear());

function open(start: Partial<PlanEntered>) {
  render(
    <PaperProvider settings={{ icon: () => null }}>
      <PlanForm start={{ ...EMPTY_PLAN, symbol: "TCS", ...start }} isSaving={false} error={null} onSave={saved} />
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
