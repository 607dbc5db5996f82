import { act, fireEvent, render, screen } from "@testing-library/react-native";
import { PaperProvider } from "react-native-paper";

import { ApiProblem } from "@/api/problem";
import type { RiskProfile } from "@/api/queries";
import Kill from "@/app/kill";
import { en } from "@/words/en";

type KillSwitch = RiskProfile["kill_switch"];
const mockPull = jest.fn();
let mockTaken = false;
let mockPending = false;
let mockError: Error | null = null;
let mockRisk: { data?: { kill_switch: KillSwitch }; isError: boolean; failureCount: number; error: Error | null; dataUpdatedAt: number };

jest.mock("@/api/queries", () => ({
  STATUS_POLL_MS: 5_000,
  useRisk: () => mockRisk,
  useCommand: () => ({ send: mockPull, isPending: mockPending, error: mockError, isSuccess: mockTaken }),
}));
jest.mock("@/api/session", () => ({ useSession: () => ({ state: "in" }) }));
jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/kill" }));

const OFF: KillSwitch = {
  is_locked: false,
  own: null,
  operator: null,
  open_positions: 0,
  verified_flat_at: null,
  kill_to_flat_ms: null,
  nothing_placed_at: null,
  foreign_positions: [],
};
const ON: KillSwitch = { ...OFF, is_locked: true, own: { since: new Date().toISOString(), by: "a", reason: null }, open_positions: 2 };

function show(killSwitch: KillSwitch | null, reading: Partial<typeof mockRisk> = {}) {
  mockRisk = {
    ...(killSwitch === null ? {} : { data: { kill_switch: killSwitch } }),
    isError: killSwitch === null,
    failureCount: 0,
    error: null,
    dataUpdatedAt: Date.now(),
    ...reading,
  };
  render(
    <PaperProvider settings={{ icon: () => null }}>
      <Kill />
    </PaperProvider>,
  );
}

beforeEach(() => {
  mockTaken = false;
  mockPending = false;
  mockError = null;
  mockPull.mockReset();
});

test("one gesture does nothing, two pull it", () => {
  show(OFF);
  fireEvent.press(screen.getByTestId("kill-fire"));
  expect(mockPull).not.toHaveBeenCalled();
  fireEvent(screen.getByTestId("kill-arm"), "valueChange", true);
  fireEvent.press(screen.getByTestId("kill-fire"));
  expect(mockPull).toHaveBeenCalledWith({ kind: "kill" }, expect.any(Function));
});

test("the words beside the switch turn it as well, and that is one gesture, not two", () => {
  show(OFF);
  const words = screen.getByText(en.kill.arm);
  fireEvent.press(words);
  expect(screen.getByTestId("kill-arm").props.value).toBe(true);
  fireEvent.press(words);
  fireEvent.press(screen.getByTestId("kill-fire"));
  expect(mockPull).not.toHaveBeenCalled();
});

test("it can be pulled while its state is not known", () => {
  show(null);
  fireEvent(screen.getByTestId("kill-arm"), "valueChange", true);
  fireEvent.press(screen.getByTestId("kill-fire"));
  expect(mockPull).toHaveBeenCalledTimes(1);
});

test("while it is known to be on it is not offered again", () => {
  show(ON);
  expect(screen.getByText(en.kill.on)).toBeTruthy();
  expect(screen.queryByTestId("kill-fire")).toBeNull();
});

const FLAT: KillSwitch = { ...ON, open_positions: 0, verified_flat_at: new Date().toISOString(), kill_to_flat_ms: 2340 };
test.each([
  ["three days old", FLAT, { dataUpdatedAt: Date.now() - 3 * 86_400_000 }],
  ["three days old, and cannot be read", FLAT, { dataUpdatedAt: Date.now() - 3 * 86_400_000, isError: true }],
  ["not renewed, for it cannot be read", ON, { isError: true }],
  ["read before the clock was put back", FLAT, { dataUpdatedAt: Date.now() + 7_200_000 }],
])("it can be pulled when it was on in a state that is %s", (_what, killSwitch, reading) => {
  show(killSwitch, reading);
  expect(screen.getByText(en.kill.wasOn)).toBeTruthy();
  expect(screen.queryByText(en.kill.on)).toBeNull();
  fireEvent(screen.getByTestId("kill-arm"), "valueChange", true);
  fireEvent.press(screen.getByTestId("kill-fire"));
  expect(mockPull).toHaveBeenCalledWith({ kind: "kill" }, expect.any(Function));
});

test("open positions are counted, and flat is only said when it was proven", () => {
  show(ON);
  expect(screen.getByText(/2 still open/)).toBeTruthy();
  expect(screen.queryByText(/Proven flat/)).toBeNull();
  show({ ...ON, open_positions: 0 });
  expect(screen.getByText("Checking the broker's book.")).toBeTruthy();
  show({ ...ON, open_positions: 0, verified_flat_at: new Date().toISOString(), kill_to_flat_ms: 2340 });
  expect(screen.getByText("Proven flat by the broker's own book after 2.3 s.")).toBeTruthy();
});

test("a pull that the API has taken is said, and is not offered again as if nothing had happened, while its state cannot be read", () => {
  mockPull.mockImplementation((_command: unknown, onTaken: () => void) => {
    mockTaken = true;
    onTaken();
  });
  show(null);
  expect(screen.queryByText(en.kill.taken)).toBeNull();
  fireEvent(screen.getByTestId("kill-arm"), "valueChange", true);
  fireEvent.press(screen.getByTestId("kill-fire"));
  expect(screen.getByText(en.kill.taken)).toBeTruthy();
  mockPull.mockClear();
  expect(screen.getByTestId("kill-arm").props.value).toBe(false);
  fireEvent.press(screen.getByTestId("kill-fire"));
  expect(mockPull).not.toHaveBeenCalled();
});

test("from the press on it is said that it is being asked, and soon what else can be done", () => {
  jest.useFakeTimers();
  mockPending = true;
  show(OFF);
  expect(screen.getByText(en.kill.asking)).toBeTruthy();
  act(() => void jest.advanceTimersByTime(5_000));
  expect(screen.getByText(en.kill.slow)).toBeTruthy();
  expect(en.kill.slow).toMatch(/broker's own app/);
  jest.useRealTimers();
});

test.each([
  ["NOT_SENT", en.kill.notSent, /this press was not sent/],
  ["OFFLINE", en.kill.notSent, /this press was not sent/],
  ["UNANSWERED", en.kill.unanswered, /nobody knows/],
] as const)("%s says what has become of it, and what else can be done", (code, sentence, told) => {
  mockError = new ApiProblem(code, "why");
  show(OFF);
  expect(screen.getByText(sentence)).toBeTruthy();
  expect(sentence).toMatch(told);
  expect(sentence).toMatch(/broker's own app/);
});
