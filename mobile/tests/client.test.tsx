import { QueryClientProvider } from "@tanstack/react-query";
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react-native";
import type { ReactNode } from "react";
import { Pressable, Text } from "react-native";

import { body, makeApi } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { makeQueries, useCommand } from "@/api/queries";
import { en } from "@/words/en";
import { SessionProvider, useSession } from "@/api/session";

jest.mock("@/api/keep", () => {
  const kept = new Map<string, string>();
  return {
    readKept: async (name: string) => kept.get(name) ?? null,
    writeKept: async (name: string, value: string | null) => void (value === null ? kept.delete(name) : kept.set(name, value)),
  };
});

type Answer = { status: number; body: unknown } | "unreachable";

function line(...answers: Answer[]) {
  const sent: Request[] = [];
  const send = (async (request: Request) => {
    sent.push(request);
    const answer = answers.shift() ?? "unreachable";
    if (answer === "unreachable") throw new TypeError("network");
    return new Response(JSON.stringify(answer.body), { status: answer.status, headers: { "Content-Type": "application/json" } });
  }) as typeof fetch;
  return { sent, send };
}

const nobody = () => null;
const OVER = { status: 401, body: { error: "TOKEN_EXPIRED", message: "over", details: [] } };

test("a refusal becomes a problem with its code and its fields", async () => {
  const details = [{ field: "stop_loss", problem: "is required" }];
  const { send } = line({ status: 400, body: { error: "STRATEGY_INVALID", message: "no", details } });
  const failed = await body(makeApi("http://api", nobody, send).GET("/api/v1/strategy")).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(ApiProblem);
  expect(failed).toMatchObject({ code: "STRATEGY_INVALID", fields: details, mayPass: false });
});

test("an unreachable product is said to be so", async () => {
  const { send } = line("unreachable");
  await expect(body(makeApi("http://api", nobody, send).GET("/api/v1/account"))).rejects.toMatchObject({ code: "OFFLINE", mayPass: true });
});

describe("a limit counts for the body as well as for the headers", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());
  const stalled = (status: number) => (async () => new Response(new ReadableStream({ start: () => undefined }), { status })) as typeof fetch;
  const silent = (() => new Promise(() => undefined)) as typeof fetch;

  test.each([
    ["a reading whose body never comes", "GET", stalled(200), 10],
    ["a reading that is never answered", "GET", silent, 10],
    ["a command whose body never comes", "POST", stalled(200), 30],
    ["a refusal whose body never comes", "POST", stalled(500), 30],
    ["a command that is never answered", "POST", silent, 30],
  ] as const)("%s", async (_what, method, send, seconds) => {
    const api = makeApi("http://api", () => ({ token: () => "t", renew: async () => null, refused: () => undefined }), send);
    const ended = jest.fn();
    void body<unknown>(method === "GET" ? api.GET("/api/v1/risk/profile") : api.POST("/api/v1/risk/kill", { body: {} })).catch(ended);
    await jest.advanceTimersByTimeAsync(seconds * 1000 - 1);
    expect(ended).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(ended).toHaveBeenCalledWith(expect.objectContaining(method === "GET" ? { code: "TOO_SLOW" } : { code: "UNANSWERED", isUncertain: true }));
  });
});

describe("what no answer came to", () => {
  const holder = () => ({ token: () => "t", renew: async () => null, refused: () => undefined });
  const broken = (async () => Promise.reject(new TypeError("Failed to fetch"))) as typeof fetch;
  const silent = ((_request: Request, { signal }: { signal: AbortSignal }) =>
    new Promise((_answer, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))))) as unknown as typeof fetch;
  const read = (through: typeof fetch) => makeApi("http://api", holder, through).GET("/api/v1/account");
  const write = (through: typeof fetch) => makeApi("http://api", holder, through).POST("/api/v1/risk/kill", { body: {} });
  const codeOf = (call: Promise<unknown>) => call.then(() => "answered", (error: ApiProblem) => error.code);
  afterEach(() => {
    jest.useRealTimers();
    Object.defineProperty(globalThis.navigator, "onLine", { value: undefined, configurable: true });
  });

  test.each([
    ["a reading", read, "TOO_SLOW"],
    ["a change", write, "UNANSWERED"],
  ] as const)("after the wait %s is %s", async (_what, call, code) => {
    jest.useFakeTimers();
    const ended = codeOf(call(silent));
    await jest.advanceTimersByTimeAsync(31_000);
    expect(await ended).toBe(code);
  });

  test("only what changes something may have been done", async () => {
    expect(en.problems.TOO_SLOW).not.toMatch(/done/);
    expect(en.problems.UNANSWERED).toMatch(/may have been done/);
    expect(await codeOf(read(broken))).toBe("OFFLINE");
    expect(await codeOf(write(broken))).toBe("UNANSWERED");
  });

  test("a device that says that it has no network has sent nothing", async () => {
    Object.defineProperty(globalThis.navigator, "onLine", { value: false, configurable: true });
    expect(await codeOf(write(broken))).toBe("NOT_SENT");
    expect(await codeOf(read(broken))).toBe("OFFLINE");
  });

  test("a log-in that failed is not told as something that may have been done", async () => {
    const call = makeApi("http://api", nobody, broken).POST("/api/v1/auth/login", { body: { email: "a@example.com", password: "p", device: "d" } });
    expect(await codeOf(call)).toBe("OFFLINE");
  });
});

test("a token that is over is renewed, and the request is sent once more", async () => {
  const { sent, send } = line(OVER, { status: 200, body: { user_id: "u" } });
  const bearer = { token: () => "old", renew: jest.fn(async () => "new"), refused: jest.fn() };
  await body(makeApi("http://api", () => bearer, send).GET("/api/v1/account"));
  expect(sent.map((request) => request.headers.get("Authorization"))).toEqual(["Bearer old", "Bearer new"]);
  expect(bearer.renew).toHaveBeenCalledWith("old");
  expect(bearer.refused).not.toHaveBeenCalled();
});

test("a login that is over is told as such, and nothing is sent again", async () => {
  const { sent, send } = line(OVER);
  const bearer = { token: () => "old", renew: async () => null, refused: jest.fn() };
  await expect(body(makeApi("http://api", () => bearer, send).GET("/api/v1/account"))).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
  expect(sent).toHaveLength(1);
});

test("a renewed token that is refused too ends the login", async () => {
  const { send } = line(OVER, OVER);
  const refused = jest.fn();
  const bearer = { token: () => "old", renew: async () => "new", refused };
  await expect(body(makeApi("http://api", () => bearer, send).GET("/api/v1/account"))).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
  expect(refused).toHaveBeenCalledWith("new");
});

const queries = makeQueries();
afterEach(() => queries.clear());

function Stage({ children }: { children: ReactNode }) {
  return (
    <QueryClientProvider client={queries}>
      <SessionProvider environment={{ name: "test", apiUrl: "http://api" }}>{children}</SessionProvider>
    </QueryClientProvider>
  );
}

function Starter() {
  const session = useSession();
  const command = useCommand();
  return (
    <>
      <Text>{session.state}</Text>
      <Text>{command.error ? "failed" : command.isSuccess ? "taken" : "idle"}</Text>
      <Pressable accessibilityLabel="log in" onPress={() => void session.logIn("a@example.com", "secret")} />
      <Pressable accessibilityLabel="start" onPress={() => command.send({ kind: "start", id: "1" })} />
    </>
  );
}

test("a try whose fate is unknown is tried again under the same key, a new command under another", async () => {
  const taken = { status: 200, body: { strategy_id: "1", status: "running", warnings: [] } };
  const { sent, send } = line({ status: 200, body: LOGIN }, "unreachable", taken, taken);
  jest.spyOn(globalThis, "fetch").mockImplementation(send);
  render(<Starter />, { wrapper: Stage });
  await screen.findByText("out");
  await act(async () => fireEvent.press(screen.getByLabelText("log in")));
  await screen.findByText("in");
  for (const end of ["failed", "taken", "taken"]) {
    await act(async () => fireEvent.press(screen.getByLabelText("start")));
    await waitFor(() => expect(screen.getByText(end)).toBeTruthy());
    await act(() => new Promise((resolve) => setTimeout(resolve, 800)));
  }
  const keys = sent.slice(1).map((request) => request.headers.get("Idempotency-Key"));
  expect(keys).toHaveLength(3);
  expect(keys[0]).toBe(keys[1]);
  expect(keys[2]).not.toBe(keys[0]);
});

test("the second press of a double one is not sent", async () => {
  const taken = { status: 200, body: { strategy_id: "1", status: "running", warnings: [] } };
  const { sent, send } = line({ status: 200, body: LOGIN }, taken, taken);
  jest.spyOn(globalThis, "fetch").mockImplementation(send);
  render(<Starter />, { wrapper: Stage });
  await act(async () => fireEvent.press(screen.getByLabelText("log in")));
  await screen.findByText("in");
  await act(async () => {
    fireEvent.press(screen.getByLabelText("start"));
    fireEvent.press(screen.getByLabelText("start"));
  });
  await screen.findByText("taken");
  await act(async () => fireEvent.press(screen.getByLabelText("start")));
  expect(sent.filter((request) => request.url.endsWith("/strategy/start"))).toHaveLength(1);
});

const LOGIN = { token: "a1", refresh_token: "r1", expires_in: 900, device_id: "d" };

test("a command whose token is over goes through after one silent refresh", async () => {
  const taken = { status: 200, body: { strategy_id: "1", status: "running", warnings: [] } };
  const { sent, send } = line({ status: 200, body: LOGIN }, OVER, { status: 200, body: { ...LOGIN, token: "a2", refresh_token: "r2" } }, taken);
  jest.spyOn(globalThis, "fetch").mockImplementation(send);
  render(<Starter />, { wrapper: Stage });
  await act(async () => fireEvent.press(screen.getByLabelText("log in")));
  await screen.findByText("in");
  await act(async () => fireEvent.press(screen.getByLabelText("start")));
  await screen.findByText("taken");
  expect(sent.filter((request) => request.url.endsWith("/auth/refresh"))).toHaveLength(1);
  expect(sent.at(-1)?.headers.get("Authorization")).toBe("Bearer a2");
  expect(screen.getByText("in")).toBeTruthy();
});

test("a refresh token that is over asks for the password, a network that is gone does not", async () => {
  const { send } = line({ status: 200, body: LOGIN }, OVER, "unreachable", OVER, OVER);
  jest.spyOn(globalThis, "fetch").mockImplementation(send);
  render(<Starter />, { wrapper: Stage });
  await act(async () => fireEvent.press(screen.getByLabelText("log in")));
  await screen.findByText("in");
  await act(async () => fireEvent.press(screen.getByLabelText("start")));
  await screen.findByText("failed");
  expect(screen.getByText("in")).toBeTruthy();
  await act(() => new Promise((resolve) => setTimeout(resolve, 800)));
  await act(async () => fireEvent.press(screen.getByLabelText("start")));
  await screen.findByText("over");
});
