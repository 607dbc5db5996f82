import { focusManager } from "@tanstack/react-query";
import { act, screen } from "@testing-library/react-native";
import { AppState, type AppStateStatus } from "react-native";

import { watchForeground } from "@/api/foreground";
import { LIST_POLL_MS } from "@/api/queries";
import Inbox from "@/app/(tabs)/inbox";

import { api, ok, show } from "./stage";

jest.mock("expo-router", () => ({ router: { push: () => undefined }, usePathname: () => "/inbox" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

afterEach(() => {
  jest.useRealTimers();
  focusManager.setFocused(undefined);
});

test("nothing is polled while nobody looks, and on return the inbox is read at once", async () => {
  jest.useFakeTimers();
  const listeners: ((state: AppStateStatus) => void)[] = [];
  const listener = (state: AppStateStatus) => listeners.forEach((each) => each(state));
  jest.spyOn(AppState, "addEventListener").mockImplementation((_, given) => {
    listeners.push(given as typeof listener);
    return { remove: () => undefined } as ReturnType<typeof AppState.addEventListener>;
  });
  const stop = watchForeground();
  const sent = api({ "GET /notifications": () => ok({ notices: [], unread: 0, next_cursor: null }) });
  const wait = (ms: number) => act(async () => jest.advanceTimersByTimeAsync(ms));
  await show(<Inbox />);
  await wait(10);
  await wait(LIST_POLL_MS);
  expect(sent).toHaveLength(2);

  act(() => listener("background"));
  await wait(20 * LIST_POLL_MS);
  expect(sent).toHaveLength(2);

  act(() => listener("active"));
  await wait(10);
  expect(sent).toHaveLength(3);
  expect(screen.root).toBeTruthy();
  await wait(LIST_POLL_MS);
  expect(sent).toHaveLength(4);
  stop();
});
