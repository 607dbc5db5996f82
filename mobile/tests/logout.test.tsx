/** After a log-out nothing of the account is left in the app: no answer of any screen, no token, nothing that comes late. */
import { QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react-native";
import { Pressable, Text } from "react-native";

import * as notices from "@/api/notices";
import * as reads from "@/api/queries";
import { SessionProvider, useSession } from "@/api/session";

const mockKept = new Map<string, string>();
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => mockKept.get(name) ?? null,
  writeKept: async (name: string, value: string | null) => void (value === null ? mockKept.delete(name) : mockKept.set(name, value)),
}));

const MARK = "of the account alone";
const LOGIN = { token: "a1", refresh_token: "r1", expires_in: 900, device_id: "d1" };
/** Every reading hook of every screen; what changes something keeps nothing but the warnings of its answer. */
const READING: Record<string, () => unknown> = {
  useStrategies: reads.useStrategies,
  useStrategy: () => reads.useStrategy("1"),
  useWarnings: () => reads.useWarnings("1"),
  useStanding: () => reads.useStanding("1"),
  useReadiness: () => reads.useReadiness("1"),
  useOrders: () => reads.useOrders("1"),
  useCandles: () => reads.useCandles("1", true),
  useTimeline: () => reads.useTimeline("1", null),
  useRisk: reads.useRisk,
  useBrokerAccounts: () => reads.useBrokerAccounts(),
  useDevices: reads.useDevices,
  useSecondFactor: reads.useSecondFactor,
  useInstruments: () => reads.useInstruments("TCS"),
  useInbox: notices.useInbox,
  useDeliveries: notices.useDeliveries,
  usePreferencesOfNotices: notices.usePreferencesOfNotices,
};
const OTHERS = ["useCommand", "useIsIn", "useMarkRead", "useNetOfRows", "useNoticeChange"];
const ANSWER = { strategies: [MARK], devices: [MARK], accounts: [MARK], instruments: [MARK], notices: [MARK], deliveries: [MARK], is_on: MARK, next_cursor: null, unread: 1, of: MARK };

const queries = reads.makeQueries();
afterEach(() => {
  cleanup();
  queries.clear();
  mockKept.clear();
});

function Everything() {
  for (const use of Object.values(READING)) use();
  return null;
}

function App() {
  const session = useSession();
  return (
    <>
      <Text>{session.state}</Text>
      <Pressable accessibilityLabel="log in" onPress={() => void session.logIn("a@example.com", "a long passphrase")} />
      <Pressable accessibilityLabel="log out" onPress={() => void session.logOut()} />
      <Everything />
    </>
  );
}

const press = (label: string) => act(async () => fireEvent.press(screen.getByLabelText(label)));
const settle = () => act(async () => void (await new Promise((done) => setTimeout(done, 20))));
const left = () => JSON.stringify(queries.getQueryCache().getAll().map(({ state }) => state)) + JSON.stringify(queries.getMutationCache().getAll().map(({ state }) => state)) + JSON.stringify([...mockKept]);

async function show(answerTo: (url: string) => Promise<{ status: number; body: unknown }>, state: "in" | "out" = "out") {
  const sent: Request[] = [];
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    sent.push(request);
    const { status, body } = await answerTo(request.url);
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  }) as typeof fetch);
  render(
    <QueryClientProvider client={queries}>
      <SessionProvider environment={{ name: "test", apiUrl: "http://api" }}>
        <App />
      </SessionProvider>
    </QueryClientProvider>,
  );
  await screen.findByText(state);
  return sent;
}

const good = async (url: string) => ({ status: 200, body: url.endsWith("/auth/login") ? LOGIN : ANSWER });

test("every hook that reads is looked at here", () => {
  const all = [...Object.keys(reads), ...Object.keys(notices)].filter((name) => /^use[A-Z]/.test(name));
  expect(all.sort()).toEqual([...Object.keys(READING), ...OTHERS].sort());
});

test("what every screen had read is gone, and so are the tokens and the e-mail", async () => {
  await show(good);
  await press("log in");
  await settle();
  const read = queries.getQueryCache().getAll().filter(({ state }) => JSON.stringify(state.data)?.includes(MARK));
  // All but the warnings, which a command brings.
  expect(read).toHaveLength(Object.keys(READING).length - 1);
  expect(mockKept.get("token")).toBe("a1");

  await press("log out");
  await settle();

  await screen.findByText("out");
  expect(left()).not.toContain(MARK);
  // Which login was this device's last opens nothing.
  expect([...mockKept]).toEqual([["known", "d1"]]);
});

test("an answer that comes after the log-out is not kept", async () => {
  let answer: () => void = () => undefined;
  const late = new Promise<void>((done) => (answer = done));
  await show(async (url) => {
    if (!url.includes("/auth/")) await late;
    return good(url);
  });
  await press("log in");
  await press("log out");
  await act(async () => answer());
  await settle();
  await screen.findByText("out");
  expect(left()).not.toContain(MARK);
});

test("tokens that were being renewed while somebody logged out log nobody in again", async () => {
  mockKept.set("token", "old").set("refresh", "r0").set("email", "a@example.com");
  let answer: () => void = () => undefined;
  const late = new Promise<void>((done) => (answer = done));
  const sent = await show(async (url) => {
    if (url.endsWith("/auth/logout")) return { status: 200, body: { ended: 1 } };
    if (!url.endsWith("/auth/refresh")) return { status: 401, body: { error: "TOKEN_EXPIRED", message: "over", details: [] } };
    await late;
    return { status: 200, body: { ...LOGIN, token: "a2", refresh_token: "r2" } };
  }, "in");
  await settle();
  expect(sent.filter(({ url }) => url.endsWith("/auth/refresh"))).toHaveLength(1);
  await press("log out");
  await act(async () => answer());
  await settle();
  await screen.findByText("out");
  expect([...mockKept]).toEqual([]);
});

test("a login names the one that was this device's before, whoever's it was", async () => {
  const sent = await show(good);
  const logins = async () => Promise.all(sent.filter(({ url }) => url.endsWith("/auth/login")).map((request) => request.clone().json() as Promise<{ known_device?: string }>));
  await press("log in");
  await press("log out");
  await press("log in");
  expect((await logins()).map(({ known_device }) => known_device)).toEqual([undefined, "d1"]);
});
