/** Who comes back to the app takes nothing of before for the present. */
import { focusManager } from "@tanstack/react-query";
import { act, screen } from "@testing-library/react-native";
import type { ComponentType } from "react";

import type { Standing, Strategy } from "@/api/queries";
import StrategyControl from "@/app/strategy/[id]/index";
import Today from "@/app/(tabs)/index";
import Positions from "@/app/(tabs)/positions";

import day from "../e2e/day.json";
import { api, ok, show, type Answers } from "./stage";

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/", useLocalSearchParams: () => ({ id: "s1" }) }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const recorded: Record<string, unknown> = day.answers;
const first = (recorded["/strategy"] as { strategies: Strategy[] }).strategies[0] as Strategy;
const STORED: Strategy = { ...first, strategy_id: "s1", status: "running" };
const STANDING: Standing = { ...(recorded[`/strategy/status/${first.strategy_id}`] as Standing), strategy_id: "s1", status: "running" };
const GOOD: Answers = {
  "GET /strategy": () => ok({ strategies: [STORED] }),
  "GET /strategy/s1": () => ok(STORED),
  "GET /strategy/s1/preflight": () => ok({ strategy_id: "s1", is_ready: true, checks: [], as_of: day.at }),
  "GET /strategy/s1/candles": () => ok({ ...(recorded[`/strategy/${first.strategy_id}/candles`] as object), strategy_id: "s1" }),
  "GET /strategy/status/s1": () => ok(STANDING),
  "GET /risk/profile": () => ok(recorded["/risk/profile"]),
  "GET /broker/accounts": () => ok(recorded["/broker/accounts"]),
};

beforeEach(() => void jest.useFakeTimers({ now: Date.parse(day.at) }));
afterEach(() => {
  jest.useRealTimers();
  focusManager.setFocused(undefined);
});
const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));

const SCREENS: [string, ComponentType][] = [
  ["Today", Today],
  ["Positions", Positions],
  ["a strategy", StrategyControl],
];
test.each(SCREENS)("on return to %s everything read before is marked at once, and fresh again with the first answer", async (_name, Page) => {
  api(GOOD);
  await show(<Page />);
  await later(12);
  expect(screen.queryByTestId("stale")).toBeNull();
  // Nobody looks: the page's timers rest, and its clock with them.
  act(() => focusManager.setFocused(false));
  jest.spyOn(globalThis, "fetch").mockImplementation((() => new Promise(() => undefined)) as typeof fetch);
  jest.setSystemTime(Date.now() + 3 * 3_600_000);
  await act(async () => focusManager.setFocused(true));
  expect(screen.getAllByText(/^Not up to date: the last state is 3 h 00 min old|^Not up to date: the last state is 2 h 59 min old/).length).toBeGreaterThan(0);
  api(GOOD);
  await later(31);
  expect(screen.queryByTestId("stale")).toBeNull();
});

test("a reading that takes its time marks nothing, and one that never comes does after three", async () => {
  api(GOOD);
  await show(<Positions />);
  await later(1);
  jest.spyOn(globalThis, "fetch").mockImplementation((() => new Promise(() => undefined)) as typeof fetch);
  await later(14);
  expect(screen.queryByTestId("stale")).toBeNull();
  await later(2);
  expect(screen.getByTestId("stale")).toBeTruthy();
});
