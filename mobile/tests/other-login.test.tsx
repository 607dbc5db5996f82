/** What somebody asked for is carried out as them or not at all, whoever is logged in by then. */
import { QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react-native";
import { Pressable, Text } from "react-native";

import { makeQueries, useCommand } from "@/api/queries";
import { SessionProvider, useSession } from "@/api/session";
import { tell } from "@/words";
import { en } from "@/words/en";

const mockKept = new Map<string, string>();
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => mockKept.get(name) ?? null,
  writeKept: async (name: string, value: string | null) => void (value === null ? mockKept.delete(name) : mockKept.set(name, value)),
}));

const queries = makeQueries();
let sent: string[];
/** Answers that are held back until a test lets them go, by the request's place in `sent`. */
let late: Record<string, () => void>;
let isLate: (request: string) => boolean;
/** What the API says to the commands and renewals of each token. */
let over: ReadonlySet<string>;
let renewal: { status: number; body: unknown };

const OVER = { error: "TOKEN_EXPIRED", message: "over", details: [] };
const login = (name: string, token = `tok${name}`) => ({ token, refresh_token: `refresh of ${token}`, expires_in: 900, device_id: `device of ${name}`, password_is_common: false });

beforeEach(() => {
  [sent, late, isLate, over, renewal] = [[], {}, () => false, new Set(["tokA"]), { status: 200, body: login("A", "tokA2") }];
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    const token = request.headers.get("Authorization")?.replace("Bearer ", "") ?? null;
    const path = new URL(request.url).pathname.replace("/api/v1", "");
    const name = token === null ? path : `${path} as ${token}`;
    sent.push(name);
    const given = answerTo(path, token, await request.text().then((text) => (text === "" ? {} : JSON.parse(text)) as { email?: string }));
    if (isLate(name)) await new Promise<void>((go) => (late[name] = go));
    return new Response(JSON.stringify(given.body), { status: given.status, headers: { "Content-Type": "application/json" } });
  }) as typeof fetch);
});
afterEach(() => {
  cleanup();
  queries.clear();
  mockKept.clear();
});

function answerTo(path: string, token: string | null, asked: { email?: string }): { status: number; body: unknown } {
  if (path === "/auth/login") return { status: 200, body: login(asked.email === "a@example.com" ? "A" : "B") };
  if (path === "/auth/refresh") return renewal;
  if (path === "/auth/logout") return { status: 200, body: { ended: 1 } };
  return token !== null && over.has(token) ? { status: 401, body: OVER } : { status: 200, body: { strategy_id: "1", status: "running", warnings: [] } };
}

function App() {
  const session = useSession();
  const command = useCommand();
  return (
    <>
      <Text>{`${session.state} ${session.email ?? "nobody"}`}</Text>
      <Text testID="advice">{command.error === null ? "" : tell(en, command.error).advice}</Text>
      <Text>{command.isSuccess ? "taken" : "not taken"}</Text>
      <Pressable accessibilityLabel="A in" onPress={() => void session.logIn("a@example.com", "p")} />
      <Pressable accessibilityLabel="B in" onPress={() => void session.logIn("b@example.com", "p")} />
      <Pressable accessibilityLabel="out" onPress={() => void session.logOut()} />
      <Pressable accessibilityLabel="read" onPress={() => void session.api.GET("/api/v1/account").catch(() => undefined)} />
      <Pressable accessibilityLabel="start" onPress={() => command.send({ kind: "start", id: "1" })} />
    </>
  );
}

const settle = () => act(async () => void (await new Promise((done) => setTimeout(done, 20))));
const press = async (label: string) => {
  await act(async () => fireEvent.press(screen.getByLabelText(label)));
  await settle();
};
const letGo = async (name: string) => {
  await act(async () => late[name]?.());
  await settle();
};

async function show() {
  render(
    <QueryClientProvider client={queries}>
      <SessionProvider environment={{ name: "test", apiUrl: "http://api" }}>
        <App />
      </SessionProvider>
    </QueryClientProvider>,
  );
  await settle();
}

const COMMAND = "/strategy/start";
test.each([
  ["the refusal of its token", `${COMMAND} as tokA`, { status: 200, body: login("A", "tokA2") }, []],
  ["the renewal of its token", "/auth/refresh", { status: 200, body: login("A", "tokA2") }, ["/auth/refresh"]],
  ["the refusal of its renewal", "/auth/refresh", { status: 401, body: OVER }, ["/auth/refresh"]],
])("a command of A is not sent as B when %s comes after B has logged in", async (_what, slow, renewed, asked) => {
  renewal = renewed;
  isLate = (name) => name === slow;
  await show();
  await press("A in");
  await press("start");
  await press("out");
  await press("B in");
  await letGo(slow);
  expect(sent).toEqual(["/auth/login", `${COMMAND} as tokA`, ...asked, "/auth/logout", "/auth/login"]);
  // B's login goes on, and whoever looks is told what became of the command.
  expect(screen.getByText("in b@example.com")).toBeTruthy();
  expect(mockKept.get("token")).toBe("tokB");
  expect(mockKept.get("refresh")).toBe("refresh of tokB");
  expect(screen.getByTestId("advice").props.children).toBe(en.problems.LOGIN_ENDED);
  isLate = () => false;
  await act(() => new Promise((resolve) => setTimeout(resolve, 800)));
  await press("start");
  expect(sent.at(-1)).toBe(`${COMMAND} as tokB`);
});

test("A's next login does not send again what was refused under the one before", async () => {
  isLate = (name) => name === `${COMMAND} as tokA`;
  await show();
  await press("A in");
  await press("start");
  await press("out");
  await press("A in");
  await letGo(`${COMMAND} as tokA`);
  expect(sent.filter((name) => name.startsWith(COMMAND))).toHaveLength(1);
  expect(screen.getByTestId("advice").props.children).toBe(en.problems.LOGIN_ENDED);
});

test("B's own renewal does not wait for A's", async () => {
  over = new Set(["tokA", "tokB"]);
  isLate = (name) => name === "/auth/refresh" && sent.filter((one) => one === name).length === 1;
  await show();
  await press("A in");
  await press("read");
  await press("out");
  await press("B in");
  renewal = { status: 200, body: login("B", "tokB2") };
  await press("read");
  expect(sent.at(-1)).toBe("/account as tokB2");
});
