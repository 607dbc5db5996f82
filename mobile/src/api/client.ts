/** The typed client of the API. Types come from the API's own document (`npm run client`). */
import createClient, { type Client } from "openapi-fetch";

import { ApiProblem, problemOf } from "./problem";
import { listening } from "./server-clock";
import type { paths } from "./schema";

/** Longer than API Gateway waits for a function (30 s): a later answer cannot come. */
const LONGEST_WAIT_MS = 30_000;
const LONGEST_READ_MS = 10_000;

export type Api = Client<paths>;

/** One login, as the client needs to know it. */
export interface Bearer {
  token(): string;
  /** Another token in place of one that the API does not take any more; null when the login is over. Throws where another
   * login has begun: nothing is ever sent under that instead. */
  renew(token: string): Promise<string | null>;
  /** Called when the API does not take a token that was renewed just now: the login is over. */
  refused(token: string): void;
}

/** `login`: whose requests are that begin now; null while nobody is logged in. A request stays that login's to its end. */
export function makeApi(baseUrl: string, login: () => Bearer | null, through: typeof fetch = fetch): Api {
  const send = listening(through);
  return createClient<paths>({
    baseUrl,
    fetch: async (request: Request) => {
      // What is refused for its token was not carried out, so it may be sent once more, whatever it is.
      const again = request.clone();
      const bearer = login();
      const token = bearer?.token() ?? null;
      const first = await answerOrProblem(request, token, send);
      if (first instanceof Response) return first;
      if (!first.endsSession || bearer === null || token === null) throw first;
      const renewed = await bearer.renew(token);
      if (renewed === null) throw first;
      const second = await answerOrProblem(again, renewed, send);
      if (second instanceof Response) return second;
      if (second.endsSession) bearer.refused(renewed);
      throw second;
    },
  });
}

/** The body of a success. Failures were thrown by the client as ApiProblem. */
export async function body<T>(call: Promise<{ data?: T; response: Response }>): Promise<T> {
  const { data } = await call;
  if (data === undefined) throw new ApiProblem("UNREADABLE", "the answer had no body");
  return data;
}

/** The same, and the tag of the state that was answered: what is changed by it is that state and no other. */
export async function tagged<T>(call: Promise<{ data?: T; response: Response }>): Promise<{ body: T; tag: string | null }> {
  const answer = await call;
  return { body: await body(Promise.resolve(answer)), tag: answer.response.headers.get("etag") };
}

/** Changes what was seen, and nothing where that has changed since; without a tag, whatever is there. */
export function ifMatch(tag: string | null): Record<string, string> {
  return tag === null ? {} : { "If-Match": tag };
}

async function answerOrProblem(request: Request, token: string | null, send: typeof fetch): Promise<Response | ApiProblem> {
  if (token !== null) request.headers.set("Authorization", `Bearer ${token}`);
  const response = await answered(request, send);
  return response.ok ? response : problemOf(response.status, await readBody(response));
}

/** The whole answer: one whose body does not come in time is too slow, however early its headers were. */
async function answered(request: Request, send: typeof fetch): Promise<Response> {
  const patience = new AbortController();
  const isWithoutNetwork = saysItHasNoNetwork();
  const limit = request.method === "GET" ? LONGEST_READ_MS : LONGEST_WAIT_MS;
  const timer = setTimeout(() => patience.abort(), limit);
  // The caller's own signal (a screen that was left) must still count.
  request.signal?.addEventListener("abort", () => patience.abort());
  try {
    return await Promise.race([send(request, { signal: patience.signal }).then(whole), aborted(patience.signal)]);
  } catch (cause) {
    if (request.signal?.aborted) throw cause;
    throw unanswered(request, isWithoutNetwork, patience.signal.aborted ? limit : null);
  } finally {
    clearTimeout(timer);
  }
}

/** The same answer once all of it is here. */
async function whole(response: Response): Promise<Response> {
  const text = await response.text();
  const { status, statusText, headers } = response;
  // Some statuses allow no body, not even an empty one.
  return new Response(text === "" ? null : text, { status, statusText, headers });
}

/** Not every phone ends the reading of a body when it is told to. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("nobody waits any more"))));
}

/** Only of what changes something it matters whether it may have arrived; without a login (the log-in itself, a forgotten
 * password) another try harms nothing. `limit`: the milliseconds that were waited in vain; null where the network failed. */
function unanswered(request: Request, isWithoutNetwork: boolean, limit: number | null): ApiProblem {
  const why = limit === null ? "the product could not be reached" : `no answer within ${limit / 1000} s`;
  if (request.method === "GET" || !request.headers.has("Authorization")) return new ApiProblem(limit === null ? "OFFLINE" : "TOO_SLOW", why);
  if (limit === null && isWithoutNetwork) return new ApiProblem("NOT_SENT", "this device has no network");
  return new ApiProblem("UNANSWERED", why);
}

/** A browser that says so is right; one that says that it has a network, and a phone, which says nothing here, may have none. */
function saysItHasNoNetwork(): boolean {
  return typeof navigator !== "undefined" && navigator.onLine === false;
}

async function readBody(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null;
  }
}
