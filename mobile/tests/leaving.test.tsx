/** Leaving a form, through the real navigation. */
import { QueryClientProvider } from "@tanstack/react-query";
import { act, fireEvent, screen } from "@testing-library/react-native";
import { router, Stack } from "expo-router";
import { renderRouter } from "expo-router/testing-library";
import { PaperProvider, Text } from "react-native-paper";

import { makeQueries, type Strategy } from "@/api/queries";
import { SessionProvider } from "@/api/session";
import EditStrategy from "@/app/strategy/[id]/edit";
import NewStrategy from "@/app/strategy/new";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, type Answers } from "./stage";

jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const recorded: Record<string, unknown> = day.answers;
const stored = (recorded["/strategy"] as { strategies: Strategy[] }).strategies[0] as Strategy;
const ID = stored.strategy_id;
const TCS = { exchange: "NSE", symbol: "TCS", name: "Tata", segment: "NSE", instrument_type: "EQ", tick_size: 0.05, lot_size: 1, last_price: 2930, last_price_at: day.at };
const SCREEN: Answers = {
  [`GET /strategy/${ID}`]: () => ok(stored),
  [`GET /strategy/status/${ID}`]: () => ok(recorded[`/strategy/status/${ID}`]),
  "GET /broker/accounts": () => ok(recorded["/broker/accounts"]),
  "GET /instruments": () => ok({ instruments: [TCS] }),
  "POST /strategy/create": () => ({ status: 201, body: { ...stored, warnings: [] } }),
  [`PUT /strategy/${ID}`]: () => ok({ ...stored, warnings: [] }),
};

const queries = makeQueries();
function Layout() {
  return (
    <QueryClientProvider client={queries}>
      <SessionProvider environment={{ name: "test", apiUrl: "http://api" }}>
        <PaperProvider settings={{ icon: () => null }}>
          <Stack screenOptions={{ headerShown: false }} />
        </PaperProvider>
      </SessionProvider>
    </QueryClientProvider>
  );
}

const later = (seconds: number) => act(async () => void (await jest.advanceTimersByTimeAsync(seconds * 1000)));

let path: () => string;
/** Opened over what the forms are opened from. */
async function open(to: "/strategy/new" | `/strategy/${string}/edit`) {
  ({ getPathname: path } = renderRouter(
    { _layout: Layout, index: () => <Text>home</Text>, "strategy/new": NewStrategy, "strategy/[id]/index": () => <Text>the strategy</Text>, "strategy/[id]/edit": EditStrategy },
    { initialUrl: "/" },
  ));
  await later(1);
  if (to !== "/strategy/new") act(() => router.push(`/strategy/${ID}`));
  act(() => router.push(to));
  await later(1);
}

const back = () => fireEvent.press(screen.getByLabelText(en.common.back));

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse(day.at) });
  api(SCREEN);
});
afterEach(() => {
  queries.clear();
  jest.useRealTimers();
});

test("Back from a form that was begun asks, and stays or leaves by the answer", async () => {
  await open("/strategy/new");
  fireEvent.changeText(screen.getByTestId("quantity"), "25");
  await later(1);
  back();
  await later(1);
  expect(screen.getByText(en.plan.leaveAsk)).toBeTruthy();
  fireEvent.press(screen.getByText(en.common.cancel));
  await later(1);
  expect(screen.queryByText(en.plan.leaveAsk)).toBeNull();
  expect(screen.getByTestId("quantity").props.value).toBe("25");
  expect(path()).toBe("/strategy/new");
  back();
  await later(1);
  fireEvent.press(screen.getByTestId("confirm"));
  await later(1);
  expect(path()).toBe("/");
});

test("Back from a change that was begun asks, too", async () => {
  await open(`/strategy/${ID}/edit`);
  fireEvent.changeText(screen.getByTestId("stopValue"), "2890");
  await later(1);
  back();
  await later(1);
  expect(path()).toBe(`/strategy/${ID}/edit`);
  fireEvent.press(screen.getByTestId("confirm"));
  await later(1);
  expect(path()).toBe(`/strategy/${ID}`);
});

test("Back from a form in which nothing was entered asks nothing", async () => {
  await open(`/strategy/${ID}/edit`);
  back();
  await later(1);
  expect(path()).toBe(`/strategy/${ID}`);
});

test("a form that was saved is left without a question", async () => {
  await open(`/strategy/${ID}/edit`);
  fireEvent.changeText(screen.getByTestId("stopValue"), "2890");
  await later(1);
  fireEvent.press(screen.getByTestId("save"));
  await later(2);
  expect(screen.queryByText(en.plan.leaveAsk)).toBeNull();
  expect(path()).toBe(`/strategy/${ID}`);
});

test("a new one that was saved, too", async () => {
  await open("/strategy/new");
  fireEvent.changeText(screen.getByTestId("symbol"), "TCS");
  await later(1);
  await later(1);
  fireEvent.press(screen.getByTestId("match-NSE-TCS"));
  fireEvent.changeText(screen.getByTestId("stopValue"), "2890");
  await later(1);
  fireEvent.press(screen.getByTestId("save"));
  await later(2);
  expect(screen.queryByText(en.plan.leaveAsk)).toBeNull();
  expect(path()).toBe(`/strategy/${ID}`);
});
