/** What a phone shows before anything could be read: the last state of the same login, with its age, and nobody else's. */
import { createHash } from "node:crypto";

import { QueryClientProvider } from "@tanstack/react-query";
import { act, fireEvent, render, screen } from "@testing-library/react-native";
import type { ReactNode } from "react";
import { AppState, Pressable, Text, type AppStateStatus } from "react-native";
import { PaperProvider } from "react-native-paper";

import { KEEP_MS } from "@/api/last-state";
import document from "@/api/openapi.json";
import { makeQueries } from "@/api/queries";
import { setRestored } from "@/api/restored";
import { SessionProvider, useSession } from "@/api/session";
import { SHAPE } from "@/api/shape";
import Today from "@/app/(tabs)/index";
import Positions from "@/app/(tabs)/positions";
import { en } from "@/words/en";

import day from "../e2e/day.json";

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/" }));
const mockKept = new Map<string, string>();
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => mockKept.get(name) ?? null,
  writeKept: async (name: string, value: string | null) => void (value === null ? mockKept.delete(name) : mockKept.set(name, value)),
}));
/** The phone's storage: one text, and how often it was written. */
let mockStored: string | null = null;
let mockIsBroken = false;
jest.mock("@/api/last-state-store", () => ({
  takeLastState: () => {
    if (mockIsBroken) throw new Error("the storage fails");
    const taken = mockStored;
    mockStored = null;
    return taken;
  },
  keepLastState: (text: string | null) => {
    if (mockIsBroken) throw new Error("the storage fails");
    mockStored = text;
  },
}));

const recorded: Record<string, unknown> = day.answers;
const THEN = Date.parse(day.at);
const MORNING = THEN + 18 * 3_600_000;
const LOGIN = { token: "t2", refresh_token: "r2", expires_in: 900, device_id: "d" };
let leave: (state: AppStateStatus) => void;
let isReachable: boolean;
let answers: Record<string, unknown>;

beforeEach(() => {
  jest.useFakeTimers({ now: THEN });
  const listeners: ((state: AppStateStatus) => void)[] = [];
  leave = (state) => listeners.forEach((each) => each(state));
  jest.spyOn(AppState, "addEventListener").mockImplementation((_, given) => {
    listeners.push(given as (state: AppStateStatus) => void);
    return { remove: () => undefined } as ReturnType<typeof AppState.addEventListener>;
  });
  mockKept.clear();
  for (const [name, value] of Object.entries({ token: "t", refresh: "r", email: "a@example.com" })) mockKept.set(name, value);
  [mockStored, mockIsBroken, isReachable, answers] = [null, false, true, recorded];
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    if (!isReachable) throw new TypeError("network");
    const path = new URL(request.url).pathname.replace("/api/v1", "");
    const answer = path === "/auth/login" ? LOGIN : (answers[path] ?? {});
    return new Response(JSON.stringify(answer), { status: 200, headers: { "Content-Type": "application/json" } });
  }) as typeof fetch);
});
afterEach(() => {
  setRestored(null);
  jest.useRealTimers();
});

const wait = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));

function Door() {
  const session = useSession();
  return (
    <>
      <Text>{`door ${session.state}`}</Text>
      <Pressable accessibilityLabel="log out" onPress={() => void session.logOut()} />
      <Pressable accessibilityLabel="log in as b" onPress={() => void session.logIn("b@example.com", "a long passphrase")} />
    </>
  );
}

function WhenIn({ children }: { children: ReactNode }) {
  return useSession().state === "in" ? children : null;
}

/** The app is started, with nothing in its memory. */
async function start(children: ReactNode, apiUrl = "http://api") {
  render(
    <QueryClientProvider client={makeQueries()}>
      <SessionProvider environment={{ name: "test", apiUrl }}>
        <PaperProvider settings={{ icon: () => null }}>
          <Door />
          <WhenIn>{children}</WhenIn>
        </PaperProvider>
      </SessionProvider>
    </QueryClientProvider>,
  );
  await wait(0.1);
}

/** It was looked at in the afternoon and left, and is opened again next morning, in a lift. */
async function seenYesterday(children: ReactNode) {
  await start(children);
  await wait(1);
  act(() => leave("background"));
  screen.unmount();
  jest.setSystemTime(MORNING);
  isReachable = false;
}

test("a start without a network shows the last state, marked with its age from the first moment", async () => {
  await seenYesterday(<Today />);
  await start(<Today />);
  expect(screen.getByText("TCS · 10")).toBeTruthy();
  expect(screen.getAllByText(/^Not up to date: the last state is 17 h 59 min|^Not up to date: the last state is 18 h 00 min/).length).toBeGreaterThan(1);
  expect(screen.getAllByText(/2026-11-27 14:05:0\d IST/).length).toBeGreaterThan(1);
  await wait(15);
  expect(screen.getByText("TCS · 10")).toBeTruthy();
  expect(screen.getByText(en.problems.OFFLINE)).toBeTruthy();
});

test("yesterday's login is not called one, and what was due then does not happen now", async () => {
  await seenYesterday(<Today />);
  await start(<Today />);
  expect(screen.getByText(en.broker.required)).toBeTruthy();
  expect(screen.queryByTestId("broker-connected")).toBeNull();
  expect(screen.getByText(/^was to sell · 2026-11-27 23:59:00 IST$/)).toBeTruthy();
  expect(screen.queryByText(/^sells now/)).toBeNull();
});

test("once it is read the mark is gone", async () => {
  await seenYesterday(<Positions />);
  isReachable = true;
  await start(<Positions />);
  await wait(1);
  expect(screen.getByTestId("position-RELIANCE")).toBeTruthy();
  expect(screen.queryByTestId("stale")).toBeNull();
});

test("a state whose renewal failed before the app was left is kept all the same, as old as it is", async () => {
  await start(<Positions />);
  await wait(1);
  isReachable = false;
  await wait(20);
  expect(screen.getByTestId("stale")).toBeTruthy();
  act(() => leave("background"));
  screen.unmount();
  await start(<Positions />);
  expect(screen.getByTestId("position-RELIANCE")).toBeTruthy();
  expect(screen.getByText(/the last state is 2\d s old/)).toBeTruthy();
});

test("a phone whose clock was put back calls nothing of before fresh", async () => {
  await seenYesterday(<Positions />);
  jest.setSystemTime(THEN - 3_600_000);
  await start(<Positions />);
  expect(screen.getByText(en.common.ageUnknown)).toBeTruthy();
  expect(screen.queryByText(/old \(/)).toBeNull();
  isReachable = true;
  await wait(6);
  expect(screen.queryByTestId("stale")).toBeNull();
});

test("it is kept while the app runs, too, for not every app is left in peace", async () => {
  await start(<Positions />);
  expect(mockStored).toBeNull();
  await wait(KEEP_MS / 1000);
  expect(mockStored).toContain("RELIANCE");
});

test("whether a strategy is ready, and where the account is logged in, is never kept", async () => {
  await start(<Today />);
  await wait(1);
  act(() => leave("background"));
  const { entries } = JSON.parse(mockStored ?? "{}") as { entries: { key: unknown[] }[] };
  expect(new Set(entries.map(({ key }) => key[0]))).toEqual(new Set(["strategies", "standing", "risk", "broker-accounts"]));
  expect(mockStored).not.toContain('"t"');
});

test("who logs out takes it along, and nothing is kept afterwards", async () => {
  await start(<Positions />);
  await wait(1);
  act(() => leave("background"));
  expect(mockStored).toContain("RELIANCE");
  await act(async () => fireEvent.press(screen.getByLabelText("log out")));
  expect(mockStored).toBeNull();
  await wait(KEEP_MS / 1000);
  act(() => leave("background"));
  expect(mockStored).toBeNull();
});

test("a start without a login shows nothing, and leaves nothing", async () => {
  await seenYesterday(<Positions />);
  mockKept.delete("token");
  await start(<Positions />);
  expect(screen.getByText("door out")).toBeTruthy();
  expect(screen.queryByTestId("position-RELIANCE")).toBeNull();
  expect(mockStored).toBeNull();
});

test.each([
  ["of another account", "b@example.com", "http://api"],
  ["of the same address at another product", "a@example.com", "http://other"],
])("what is %s is not shown, and is gone", async (_whose, email, apiUrl) => {
  await seenYesterday(<Positions />);
  mockKept.set("email", email);
  await start(<Positions />, apiUrl);
  expect(screen.getByText("door in")).toBeTruthy();
  expect(screen.queryByTestId("position-RELIANCE")).toBeNull();
  expect(mockStored).toBeNull();
});

test("who logs in after another sees nothing of theirs, and keeps nothing of it", async () => {
  await seenYesterday(<Positions />);
  await start(<Positions />);
  expect(screen.getByTestId("position-RELIANCE")).toBeTruthy();
  isReachable = true;
  const risk = recorded["/risk/profile"] as { usage: object };
  answers = { "/risk/profile": { ...risk, usage: { ...risk.usage, exposure: [] } } };
  await act(async () => fireEvent.press(screen.getByLabelText("log in as b")));
  await wait(1);
  expect(screen.queryByTestId("position-RELIANCE")).toBeNull();
  expect(screen.queryByTestId("stale")).toBeNull();
  act(() => leave("background"));
  expect(mockStored).toContain("http://api b@example.com");
  expect(mockStored).not.toContain("RELIANCE");
});

test.each([
  ["no JSON", "{"],
  ["of another shape", JSON.stringify({ shape: "before", owner: "http://api a@example.com", entries: [{ key: ["risk"], data: {}, at: 1 }] })],
  ["not a state", JSON.stringify({ shape: SHAPE, owner: "http://api a@example.com" })],
  ["of a kind that is not kept", JSON.stringify({ shape: SHAPE, owner: "http://api a@example.com", entries: [{ key: ["warnings", "s1"], data: ["no"], at: 1 }] })],
])("what is %s is put aside, and the app starts", async (_what, text) => {
  mockStored = text;
  await start(<Positions />);
  await wait(1);
  expect(screen.getByTestId("position-RELIANCE")).toBeTruthy();
  expect(screen.queryByTestId("stale")).toBeNull();
});

test("a phone whose storage fails works without a last state", async () => {
  mockIsBroken = true;
  await start(<Positions />);
  await wait(1);
  act(() => leave("background"));
  expect(screen.getByTestId("position-RELIANCE")).toBeTruthy();
  await act(async () => fireEvent.press(screen.getByLabelText("log out")));
  expect(screen.getByText("door out")).toBeTruthy();
});

test("the fingerprint is that of the API's present answers", () => {
  const text = JSON.stringify(document.components.schemas);
  expect(SHAPE).toBe(createHash("sha256").update(text).digest("hex").slice(0, 16));
});
