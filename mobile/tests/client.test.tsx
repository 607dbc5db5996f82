import { QueryClientProvider } from "@tanstack/react-query";
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react-native";
import type { ReactNode } from "react";
import { Pressable, Text } from "react-native";

import { body, makeApi } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { makeQueries, useCommand } from "@/api/queries";
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

const nobody = { token: () => null, refused: () => undefined };

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

test("the token is sent, and its refusal is told with the token it was about", async () => {
  const refused: (string | null)[] = [];
  const { sent, send } = line({ status: 401, body: { error: "TOKEN_EXPIRED", message: "over", details: [] } });
  const bearer = { token: () => "abc", refused: (token: string | null) => void refused.push(token) };
  await expect(body(makeApi("http://api", bearer, send).GET("/api/v1/account"))).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
  expect(sent[0]?.headers.get("Authorization")).toBe("Bearer abc");
  expect(refused).toEqual(["abc"]);
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
  const { sent, send } = line({ status: 200, body: { token: "t" } }, "unreachable", taken, taken);
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
  const { sent, send } = line({ status: 200, body: { token: "t" } }, taken, taken);
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
