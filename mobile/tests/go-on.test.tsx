import { act, render } from "@testing-library/react-native";

import { useGoOn } from "@/api/go-on";
import type { SessionState } from "@/api/session";

let mockPath = "/login";
const mockPush = jest.fn();
jest.mock("expo-router", () => ({ router: { push: (to: string) => mockPush(to) }, usePathname: () => mockPath }));
let mockPlace: string | null = null;
jest.mock("@/api/place", () => ({
  takePlace: () => {
    const taken = mockPlace;
    mockPlace = null;
    return taken;
  },
}));

function Stage({ state }: { state: SessionState }) {
  useGoOn(state);
  return null;
}

beforeEach(() => {
  jest.useFakeTimers();
  mockPush.mockClear();
  mockPath = "/login";
  mockPlace = "/strategy/7/orders";
});
afterEach(() => jest.useRealTimers());

const wait = (ms: number) => act(() => void jest.advanceTimersByTime(ms));

test("the place is opened over Today, once, and not before the browser has written Today down", async () => {
  const { rerender } = render(<Stage state="out" />);
  rerender(<Stage state="in" />);
  await wait(100);
  expect(mockPush).not.toHaveBeenCalled();
  mockPath = "/";
  rerender(<Stage state="in" />);
  expect(mockPush).not.toHaveBeenCalled();
  await wait(1);
  expect(mockPush.mock.calls).toEqual([["/strategy/7/orders"]]);
  rerender(<Stage state="over" />);
  rerender(<Stage state="in" />);
  await wait(100);
  expect(mockPush).toHaveBeenCalledTimes(1);
});

test("whoever has gone elsewhere is not led away from there later", async () => {
  mockPath = "/verify";
  const { rerender } = render(<Stage state="in" />);
  await wait(3_001);
  mockPath = "/";
  rerender(<Stage state="in" />);
  await wait(100);
  expect(mockPush).not.toHaveBeenCalled();
});
