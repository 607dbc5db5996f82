import { fireEvent, render, screen } from "@testing-library/react-native";
import { PaperProvider } from "react-native-paper";

import type { Check, Readiness as Found } from "@/api/queries";
import { Readiness } from "@/ui/readiness";
import { en } from "@/words/en";

const mockPush = jest.fn();
let mockFound: Found;

jest.mock("@/api/queries", () => ({
  useReadiness: () => ({ data: mockFound, isError: false, failureCount: 0, error: null, dataUpdatedAt: Date.now() }),
}));
jest.mock("expo-router", () => ({ router: { push: (path: string) => mockPush(path) } }));

const LOGIN: Check = { name: "broker_login", is_green: false, text: "the broker login is over", remedy: "log in at the broker (GET /broker/login)", due_from: null };
const FEED: Check = { name: "feed", is_green: true, text: "the watcher sees prices", remedy: null, due_from: null };

function show(checks: Check[]) {
  mockFound = {
    strategy_id: "s1",
    is_ready: checks.every((check) => check.is_green),
    checks,
    next_buy_at: null,
    as_of: "2026-03-02T08:50:00+05:30",
  };
  render(
    <PaperProvider settings={{ icon: () => null }}>
      <Readiness id="s1" />
    </PaperProvider>,
  );
}

beforeEach(() => mockPush.mockClear());

test("all green is said in words, not only in a colour", () => {
  show([FEED]);
  expect(screen.getByText("Ready: every check is green.")).toBeTruthy();
  expect(screen.queryByText("Mend it")).toBeNull();
});

test("a red check says what was found and what to do, and one tap leads there", () => {
  show([LOGIN, FEED]);
  expect(screen.getByText("Not ready: one check is red.")).toBeTruthy();
  expect(screen.getByText("the broker login is over")).toBeTruthy();
  expect(screen.getByText("Log in at the broker.")).toBeTruthy();
  fireEvent.press(screen.getByText("Mend it"));
  expect(mockPush).toHaveBeenCalledWith("/broker");
});

test.each([
  ["limits", "/risk"],
  ["quantity", "/strategy/s1/edit"],
  ["funds", "/broker"],
] as const)("a red check of %s leads to %s", (name, screenOfRemedy) => {
  show([{ ...LOGIN, name }]);
  fireEvent.press(screen.getByText("Mend it"));
  expect(mockPush).toHaveBeenCalledWith(screenOfRemedy);
});

test("the login of a later day is not red: it is said from when it can be made", () => {
  show([{ ...LOGIN, name: "login_lasts", due_from: "2026-11-29T00:30:00Z" }, FEED]);
  expect(screen.getByText(en.readiness.later)).toBeTruthy();
  expect(screen.getByText("Due on 2026-11-29, from 06:00 IST on: Log in at the broker again.")).toBeTruthy();
  expect(screen.queryByText(/^✗/)).toBeNull();
  expect(screen.queryByText("Mend it")).toBeNull();
});

test("it is counted with nothing that is red now", () => {
  show([LOGIN, { ...LOGIN, name: "login_lasts", due_from: "2026-11-29T00:30:00Z" }]);
  expect(screen.getByText("Not ready: one check is red.")).toBeTruthy();
});

test("a red check is not told by the words of the green one", () => {
  const names = Object.keys(en.readiness.checks) as (keyof typeof en.readiness.checks)[];
  show(names.map((name) => ({ ...LOGIN, name })));
  for (const name of names) {
    expect(screen.getByText(`✗ ${en.readiness.redChecks[name]}`)).toBeTruthy();
    expect(en.readiness.redChecks[name]).not.toBe(en.readiness.checks[name]);
  }
});

test("a check that this app does not know yet is told in the API's own words", () => {
  show([{ ...LOGIN, name: "weather" as Check["name"], text: "it rains at the exchange", remedy: "wait for the sun" }]);
  expect(screen.getAllByText(/it rains at the exchange/).length).toBeGreaterThan(0);
  expect(screen.getByText("wait for the sun")).toBeTruthy();
});
