/** A logged-in app around one screen, and an API whose answers a test gives. */
import { QueryClientProvider } from "@tanstack/react-query";
import { act, render, screen } from "@testing-library/react-native";
import type { ReactNode } from "react";
import { PaperProvider } from "react-native-paper";

import { makeQueries } from "@/api/queries";
import { SessionProvider, useSession } from "@/api/session";

export interface Sent {
  readonly what: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly headers?: Headers;
}
type Answer = { status: number; body: unknown; headers?: Record<string, string> };
export type Answers = Record<string, (sent: Sent) => Answer>;

const queries = makeQueries();
afterEach(() => queries.clear());

/** `answers` by method and path after /api/v1, such as "GET /notifications"; whatever else is asked fails the test. */
export function api(answers: Answers): Sent[] {
  const all: Sent[] = [];
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    const url = new URL(request.url);
    const text = await request.text();
    const sent = { what: `${request.method} ${url.pathname.replace("/api/v1", "")}`, query: url.searchParams, body: text === "" ? null : (JSON.parse(text) as unknown), headers: request.headers };
    all.push(sent);
    const answer = answers[sent.what];
    if (answer === undefined) throw new Error(`the test has no answer to ${sent.what}`);
    const { status, body, headers } = answer(sent);
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
  }) as typeof fetch);
  return all;
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const refused = (status: number, error: string, details: { field: string; problem: string }[] = []): Answer => ({
  status,
  body: { error, message: `said: ${error}`, details },
});

export async function show(children: ReactNode): Promise<void> {
  render(
    <QueryClientProvider client={queries}>
      <SessionProvider environment={{ name: "test", apiUrl: "http://api" }}>
        <PaperProvider settings={{ icon: () => null }}>
          <WhenKnown>{children}</WhenKnown>
        </PaperProvider>
      </SessionProvider>
    </QueryClientProvider>,
  );
  await act(async () => undefined);
  expect(screen.root).toBeTruthy();
}

function WhenKnown({ children }: { children: ReactNode }) {
  return useSession().state === "unknown" ? null : children;
}
