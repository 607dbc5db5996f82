/** How many of 200 strategies exist as rows, and so are read, where nobody scrolls. A layout is played as phones and
 * browsers make it. */
import { act, fireEvent, screen } from "@testing-library/react-native";
import { Platform, StyleSheet } from "react-native";

import type { Standing, Strategy } from "@/api/queries";
import Today from "@/app/(tabs)/index";

import day from "../e2e/day.json";
import { api, ok, show } from "./stage";

const MockNativeMethods = jest.requireActual<{ default: { measure: jest.Mock } }>("@react-native/jest-preset/jest/MockNativeMethods").default;

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const recorded: Record<string, unknown> = day.answers;
const [first] = (recorded["/strategy"] as { strategies: Strategy[] }).strategies as [Strategy];
const standing = recorded[`/strategy/status/${first.strategy_id}`] as Standing;
const strategies = Array.from({ length: 200 }, (_, index): Strategy => ({ ...first, strategy_id: `s${index}`, symbol: `S${index}` }));
const STATUS = Object.fromEntries(strategies.map(({ strategy_id: id }) => [`GET /strategy/status/${id}`, () => ok({ ...standing, strategy_id: id })]));

const HEADER = 120;
const CARD = 168;
const SPACE = 12;

beforeEach(() => jest.useFakeTimers({ now: Date.parse(day.at) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));
const rows = () => screen.queryAllByTestId(/^strategy-/);

interface Cell {
  readonly props: { readonly cellKey: string; readonly index: number; readonly onCellLayout: (event: object, key: string, index: number) => void };
}

/** The rows that exist, each laid out below the other; the space between them is a row's own, or nobody's. `told`: those
 * whose place the list is told of. */
function layOut(header: number, told: (index: number) => boolean = () => true): void {
  const { contentContainerStyle } = screen.getByTestId("strategies").props as { contentContainerStyle: object };
  const gap = (StyleSheet.flatten(contentContainerStyle) as { gap?: number }).gap ?? 0;
  const cells = screen.UNSAFE_root.findAll(({ type }) => (type as { name?: string }).name === "CellRenderer") as unknown as Cell[];
  for (const { props } of cells) {
    const height = CARD + (gap === 0 ? SPACE : 0);
    const y = header + gap + props.index * (height + gap);
    if (told(props.index)) props.onCellLayout({ nativeEvent: { layout: { x: 0, y, width: 400, height } } }, props.cellKey, props.index);
  }
}

/** `seen`: how high what is in sight is. */
async function settle(seen: number, header: number, told?: (index: number) => boolean): Promise<void> {
  const list = screen.getByTestId("strategies");
  for (let turn = 0; turn < 30; turn += 1) {
    await act(async () => {
      fireEvent(list, "layout", { nativeEvent: { layout: { x: 0, y: 0, width: 400, height: seen } } });
      layOut(header, told);
      fireEvent(list, "contentSizeChange", 400, header + 200 * (CARD + SPACE));
      await jest.advanceTimersByTimeAsync(100);
    });
  }
}

async function open(): Promise<void> {
  api({ ...STATUS, "GET /strategy": () => ok({ strategies }), "GET /risk/profile": () => ok(recorded["/risk/profile"]), "GET /broker/accounts": () => ok(recorded["/broker/accounts"]) });
  await show(<Today />);
  await later(1);
}

// What is kept beyond the screen ends at twice its height: with each of these at another place of a row.
test.each([740, 745, 750, 755, 760, 765, 770, 775, 780, 785, 790, 795, 800, 805, 810, 815, 820, 825, 830])("of 200 a screenful of %i and the next exist", async (seen) => {
  await open();
  await settle(seen, HEADER);
  expect(rows().length).toBeGreaterThanOrEqual(8);
  expect(rows().length).toBeLessThan(14);
});

test("in a browser, too, where nobody tells that rows have moved", async () => {
  jest.replaceProperty(Platform, "OS", "web");
  // Once the notices above the rows are read the rows lie lower; a browser tells that of none whose size stays the same.
  const [before, after] = [40, 240];
  let header = before;
  const place = (index: number) => ({ y: header + index * (CARD + SPACE), height: CARD + SPACE });
  jest.mocked(MockNativeMethods.measure).mockImplementation(function (this: { props: { index: number } }, tell: (...layout: number[]) => void) {
    const { y, height } = place(this.props.index);
    tell(0, y, 400, height);
  });
  await open();
  await settle(100, before);
  const known = rows().length;
  expect(known).toBeGreaterThan(4);
  header = after;
  // Sought between the last row whose place is an old one and the first that is told of.
  await settle((before + known * (CARD + SPACE) + 100) / 2, after, (index) => index >= known);
  expect(rows().length).toBeGreaterThanOrEqual(known);
  expect(rows().length).toBeLessThan(known + 8);
});
