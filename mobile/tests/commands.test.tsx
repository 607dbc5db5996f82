/** Each command asks for what it says, under a key; what became of it is taken from the API's own answer. */
import { act, fireEvent, render, screen } from "@testing-library/react-native";
import { QueryClientProvider } from "@tanstack/react-query";
import { Pressable, Text } from "react-native";

import { makeQueries, useCommand, useRisk, type Command, type Plan, type RiskLimits } from "@/api/queries";
import { SessionProvider, useSession } from "@/api/session";
import { tell } from "@/words";
import { en } from "@/words/en";

jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

interface Sent {
  readonly what: string;
  readonly key: string | null;
  readonly body: unknown;
}
const TAKEN = { strategy_id: "s1", status: "running", warnings: [], is_locked: true, flattening: 1, lock: { since: "2026-11-27T08:35:08Z", by: "owner", reason: null } };
const queries = makeQueries();
let sent: Sent[];
let answer: { status: number; body: unknown };

beforeEach(() => {
  jest.useFakeTimers();
  [sent, answer] = [[], { status: 200, body: TAKEN }];
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    const text = await request.text();
    sent.push({ what: `${request.method} ${new URL(request.url).pathname.replace("/api/v1", "")}`, key: request.headers.get("Idempotency-Key"), body: text === "" ? null : (JSON.parse(text) as unknown) });
    const given = request.method === "GET" ? { status: 200, body: {} } : answer;
    return new Response(JSON.stringify(given.body), { status: given.status, headers: { "Content-Type": "application/json" } });
  }) as typeof fetch);
});
afterEach(() => {
  queries.clear();
  jest.useRealTimers();
});
const later = (ms: number) => act(async () => void (await jest.advanceTimersByTimeAsync(ms)));

function Commander({ asked }: { asked: Command }) {
  const { state } = useSession();
  const command = useCommand();
  useRisk();
  return (
    <>
      <Pressable accessibilityLabel="send" onPress={() => command.send(asked)} />
      <Text>{`${state}: ${command.error !== null ? tell(en, command.error).advice : command.isSuccess ? "taken" : "nothing"}`}</Text>
    </>
  );
}

async function open(asked: Command) {
  render(
    <QueryClientProvider client={queries}>
      <SessionProvider environment={{ name: "test", apiUrl: "http://api" }}>
        <Commander asked={asked} />
      </SessionProvider>
    </QueryClientProvider>,
  );
  await later(10);
}
const send = async () => {
  fireEvent.press(screen.getByLabelText("send"));
  await later(800);
};
const commands = () => sent.filter(({ what }) => !what.startsWith("GET"));

const PLAN = { symbol: "TCS" } as Plan;
const LIMITS = { daily_loss_limit: 4000.55 } as RiskLimits;
const ASKED: [Command, string, unknown][] = [
  [{ kind: "kill" }, "POST /risk/kill", {}],
  [{ kind: "release" }, "POST /risk/release", {}],
  [{ kind: "start", id: "s1" }, "POST /strategy/start", { strategy_id: "s1" }],
  [{ kind: "stop", id: "s1" }, "POST /strategy/stop", { strategy_id: "s1" }],
  [{ kind: "square-off", id: "s1" }, "POST /strategy/square-off", { strategy_id: "s1" }],
  [{ kind: "create", plan: PLAN }, "POST /strategy/create", PLAN],
  [{ kind: "change", id: "s1", plan: PLAN, tag: null }, "PUT /strategy/s1", PLAN],
  [{ kind: "delete", id: "s1" }, "DELETE /strategy/s1", null],
  [{ kind: "limits", limits: LIMITS, tag: null }, "PUT /risk/profile", LIMITS],
  [{ kind: "end-device", id: "d1" }, "DELETE /auth/devices/d1", null],
  [{ kind: "end-devices" }, "DELETE /auth/devices", null],
];
test.each(ASKED)("%j is asked for as what it is, once, and under a key", async (asked, what, body) => {
  await open(asked);
  await send();
  expect(commands()).toEqual([{ what, body, key: expect.stringMatching(/^key-\d+$/) }]);
  expect(screen.getByText("in: taken")).toBeTruthy();
});

test.each(["ok", {}, [], { is_locked: false }, { is_locked: "true" }, null])("the kill switch is not said to be taken by the answer %j", async (body) => {
  answer = { status: 200, body };
  await open({ kind: "kill" });
  await send();
  expect(screen.getByText(`in: ${en.problems.UNREADABLE}`)).toBeTruthy();
  // It may be on all the same: another press is the same one.
  answer = { status: 200, body: TAKEN };
  await send();
  expect(screen.getByText("in: taken")).toBeTruthy();
  expect(new Set(commands().map(({ key }) => key)).size).toBe(1);
});

test.each([
  ["taken", 200, TAKEN],
  ["refused", 409, { error: "CONFLICT", message: "no", details: [] }],
  ["of unknown fate", 500, { error: "INTERNAL", message: "oh", details: [] }],
])("what stands is read anew after a command that was %s", async (_how, status, body) => {
  answer = { status, body };
  await open({ kind: "stop", id: "s1" });
  // The next reading by itself is seconds away.
  sent.length = 0;
  await send();
  expect(sent.map(({ what }) => what)).toEqual(["POST /strategy/stop", "GET /risk/profile"]);
});
