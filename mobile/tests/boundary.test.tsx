/** An answer that is not as the API's document says costs what it was about, never the way to the kill switch. */
import { act, fireEvent, screen } from "@testing-library/react-native";
import { useState, type ComponentType } from "react";
import { Text } from "react-native-paper";

import type { Standing, Strategy } from "@/api/queries";
import Kill from "@/app/kill";
import StrategyControl from "@/app/strategy/[id]/index";
import Inbox from "@/app/(tabs)/inbox";
import Today from "@/app/(tabs)/index";
import Positions from "@/app/(tabs)/positions";
import Risk from "@/app/(tabs)/risk";
import { istDay, istMoment, istTime, showDuration } from "@/rules/clock";
import { ScreenBoundary } from "@/ui/screen";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, show, type Answers } from "./stage";

let mockPath = "/";
jest.mock("expo-router", () => ({ router: { push: jest.fn(), canGoBack: () => true }, usePathname: () => mockPath, useLocalSearchParams: () => ({ id: "s1" }) }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const recorded: Record<string, unknown> = day.answers;
const STORED: Strategy = { ...((recorded["/strategy"] as { strategies: Strategy[] }).strategies[0] as Strategy), status: "running" };
const STANDING: Standing = { ...(recorded[`/strategy/status/${STORED.strategy_id}`] as Standing), status: "running" };
const ID = STORED.strategy_id;
const GOOD: Answers = {
  "GET /strategy": () => ok({ strategies: [STORED] }),
  "GET /strategy/s1": () => ok(STORED),
  "GET /strategy/s1/preflight": () => ok({ strategy_id: "s1", is_ready: true, checks: [], as_of: day.at }),
  "GET /strategy/s1/candles": () => ok(recorded[`/strategy/${ID}/candles`]),
  [`GET /strategy/status/${ID}`]: () => ok(STANDING),
  "GET /strategy/status/s1": () => ok(STANDING),
  "GET /risk/profile": () => ok(recorded["/risk/profile"]),
  "GET /broker/accounts": () => ok(recorded["/broker/accounts"]),
  "GET /notifications": () => ok({ notices: [], unread: 0, next_cursor: null }),
};

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse(day.at) });
  // React tells of each error that a boundary caught.
  jest.spyOn(console, "error").mockImplementation(() => undefined);
  mockPath = "/";
});
afterEach(() => void jest.useRealTimers());
const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));

const BROKEN: [string, ComponentType, string, unknown][] = [
  ["Today", Today, "GET /risk/profile", {}],
  ["Today", Today, "GET /strategy", { strategies: {} }],
  ["Today", Today, "GET /strategy", { strategies: [null] }],
  ["Positions", Positions, "GET /risk/profile", {}],
  ["Risk", Risk, "GET /risk/profile", {}],
  ["Inbox", Inbox, "GET /notifications", { notices: [null], unread: 0 }],
  ["a strategy", StrategyControl, "GET /strategy/status/s1", null],
];
test.each(BROKEN)("%s keeps its frame, says so, and is there again after a good answer (%#)", async (_name, Page, asked, answer) => {
  let isGood = false;
  api({ ...GOOD, [asked]: (sent) => (isGood ? (GOOD[asked] as () => ReturnType<typeof ok>)() : ok((void sent, answer))) });
  await show(<Page />);
  await later(1);
  expect(screen.getByText(en.broken.text)).toBeTruthy();
  expect(screen.getByTestId("open-kill")).toBeTruthy();
  isGood = true;
  fireEvent.press(screen.getByText(en.common.tryAgain));
  await later(1);
  expect(screen.queryByTestId("broken")).toBeNull();
  expect(screen.getByTestId("open-kill")).toBeTruthy();
});

test.each([
  [{}],
  [{ kill_switch: null }],
  [{ kill_switch: {} }],
  [{ kill_switch: { is_locked: true, own: null, operator: { since: {} } } }],
  [{ kill_switch: { is_locked: true, operator: null, verified_flat_at: null, nothing_placed_at: null, open_positions: {} } }],
])("the kill switch can be pulled whatever its state is said to be: %j", async (profile) => {
  mockPath = "/kill";
  const sent = api({ ...GOOD, "GET /risk/profile": () => ok(profile), "POST /risk/kill": () => ok({ flattening: 1, is_locked: true, lock: { since: day.at, by: "owner", reason: null } }) });
  await show(<Kill />);
  await later(1);
  fireEvent(screen.getByTestId("kill-arm"), "valueChange", true);
  fireEvent.press(screen.getByTestId("kill-fire"));
  await later(1);
  expect(sent.filter(({ what }) => what === "POST /risk/kill")).toHaveLength(1);
  expect(screen.queryByText(/Proven flat/)).toBeNull();
});

test.each(["next_buy_at", "next_sell_at", "as_of", "last_price_at"])("a standing whose %s is no time is shown without one", async (name) => {
  const standing = { ...STANDING, next_buy_at: null, next_sell_at: null, [name]: "soon" };
  api({ ...GOOD, "GET /strategy/status/s1": () => ok(standing) });
  await show(<StrategyControl />);
  await later(1);
  expect(screen.queryByTestId("broken")).toBeNull();
  expect(screen.getByTestId("state")).toBeTruthy();
  if (name.startsWith("next")) expect(screen.getByText(en.common.unknown)).toBeTruthy();
});

test("what is no time is told as none", () => {
  expect([istTime("soon"), istDay("soon"), istMoment("soon", 0), showDuration(Number.NaN)]).toEqual(["–", "–", "–", "–"]);
});

test("what fails before its frame is there gets one", async () => {
  function Fails() {
    const [[first]] = useState<[{ name: string }] | []>([]) as unknown as [[{ name: string }]];
    return <Text>{first.name}</Text>;
  }
  await show(
    <ScreenBoundary>
      <Fails />
    </ScreenBoundary>,
  );
  expect(screen.getByText(en.broken.title)).toBeTruthy();
  expect(screen.getByTestId("open-kill")).toBeTruthy();
  expect(screen.getByLabelText(en.common.back)).toBeTruthy();
});
