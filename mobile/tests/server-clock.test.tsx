import { render, screen } from "@testing-library/react-native";
import { PaperProvider } from "react-native-paper";

import { deviceAhead, listening, onServer, serverNow } from "@/api/server-clock";
import { ClockNotice } from "@/ui/clock-notice";

const SERVER = Date.parse("2026-11-27T08:50:00Z");
const MINUTE = 60_000;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** An answer that took `tookMs` on its way, of a server that is at `server` when it gives it, half of that later. */
async function answered(server: number, tookMs: number): Promise<void> {
  const date = new Date(server).toUTCString();
  const send = listening((async () => {
    jest.setSystemTime(Date.now() + tookMs);
    return new Response("{}", { headers: { Date: date } });
  }) as typeof fetch);
  await send("http://api");
}

test.each([
  ["ahead", 8 * MINUTE],
  ["behind", -8 * MINUTE],
])("a clock that is %s is put right by what answers tell", async (_, error) => {
  jest.setSystemTime(SERVER + error + MINUTE * 60);
  await answered(SERVER + MINUTE * 60, 100);
  expect(Math.abs(serverNow() - (SERVER + MINUTE * 60))).toBeLessThan(1_000);
  expect(Math.abs(deviceAhead() - error)).toBeLessThan(1_000);
  expect(Math.abs(onServer(Date.now()) - serverNow())).toBe(0);
});

test("a clock that is right as far as can be told is left alone", async () => {
  jest.setSystemTime(SERVER + 3 * 60 * MINUTE);
  await answered(SERVER + 3 * 60 * MINUTE, 900);
  expect(serverNow()).toBe(Date.now());
});

test("a slow answer does not outdo a quick one, and what was quick is forgotten after a minute", async () => {
  jest.setSystemTime(SERVER + 5 * 60 * MINUTE + 10 * MINUTE);
  await answered(SERVER + 5 * 60 * MINUTE, 50);
  const known = deviceAhead();
  await answered(SERVER + 5 * 60 * MINUTE - 20_000, 25_000);
  expect(deviceAhead()).toBe(known);
  jest.setSystemTime(SERVER + 5 * 60 * MINUTE + 2 * MINUTE + 20_000);
  await answered(SERVER + 5 * 60 * MINUTE + 2 * MINUTE, 400);
  expect(Math.abs(deviceAhead() - 20_000)).toBeLessThan(1_000);
});

test("an answer that tells no time changes nothing", async () => {
  const known = deviceAhead();
  await listening((async () => new Response("{}")) as typeof fetch)("http://api");
  expect(deviceAhead()).toBe(known);
});

test("it is said how far a clock is off, from a minute on", async () => {
  jest.setSystemTime(SERVER + 9 * 60 * MINUTE + 8 * MINUTE);
  await answered(SERVER + 9 * 60 * MINUTE, 40);
  const notice = <PaperProvider><ClockNotice /></PaperProvider>;
  const { unmount } = render(notice);
  expect(screen.getByTestId("clock-wrong")).toHaveTextContent(/^The clock of this device is (8 min 00 s|7 min 59 s) ahead/);
  unmount();
  jest.setSystemTime(SERVER + 12 * 60 * MINUTE);
  await answered(SERVER + 12 * 60 * MINUTE, 40);
  render(notice);
  expect(screen.queryByTestId("clock-wrong")).toBeNull();
});
