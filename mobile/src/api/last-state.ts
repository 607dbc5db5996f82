/** What was read last, kept over a cold start, so that an app that is opened without a network shows the last state with
 * its age rather than nothing. It belongs to one login at one product: whoever logs out takes it along, and nobody else
 * ever sees it. */
import { useQueryClient, type QueryClient, type QueryKey } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { AppState, Platform } from "react-native";
import * as z from "zod/mini";

import { keepLastState, takeLastState } from "./last-state-store";
import { AT_SOME_TIME, setRestored } from "./restored";
import { SHAPE } from "./shape";

export const KEEP_MS = 30_000;
/** By the first part of their keys. Not kept: whether a strategy is ready, for yesterday's green says nothing of today;
 * where the account is logged in; and what is sent where. */
const KEPT: ReadonlySet<unknown> = new Set(["strategies", "strategy", "standing", "risk", "broker-accounts", "orders", "timeline", "inbox"]);

const stored = z.object({
  /** Of another shape than this app's are answers from before an update: no screen could read them. */
  shape: z.literal(SHAPE),
  owner: z.string(),
  entries: z.array(z.object({ key: z.array(z.unknown()), data: z.unknown(), at: z.number() })),
});
type Stored = z.infer<typeof stored>;

export class LastState {
  private owner: string | null = null;

  constructor(private readonly queries: QueryClient) {}

  /** At the app's start, before anything is shown: puts back what `owner` saw last. What belongs to another is gone. It
   * is deleted first, so that a state that no screen can show is met once and not at every start. */
  restore(owner: string, now: number): void {
    this.owner = owner;
    const found = read(attempt(takeLastState, null));
    if (found === null || found.owner !== owner) return;
    for (const { key, data, at } of found.entries) {
      // A clock that was put back meanwhile makes nothing of before young: then nobody knows how old it is.
      if (KEPT.has(key[0])) this.queries.setQueryData(key as QueryKey, data, { updatedAt: at < now ? at : AT_SOME_TIME });
    }
    setRestored(now);
  }

  /** From now on what is read belongs to `owner`. */
  begin(owner: string): void {
    if (owner !== this.owner) this.forget();
    this.owner = owner;
  }

  /** Nobody is logged in any more. */
  forget(): void {
    this.owner = null;
    setRestored(null);
    attempt(() => keepLastState(null), undefined);
  }

  /** Keeps what is known now, also where its last renewal failed. */
  keep(): void {
    if (this.owner === null) return;
    const known = this.queries.getQueryCache().getAll().filter(({ queryKey, state }) => KEPT.has(queryKey[0]) && state.data !== undefined);
    if (known.length === 0) return;
    const entries = known.map(({ queryKey, state }) => ({ key: [...queryKey], data: state.data, at: state.dataUpdatedAt }));
    const text = JSON.stringify({ shape: SHAPE, owner: this.owner, entries } satisfies Stored);
    attempt(() => keepLastState(text), undefined);
  }
}

/** On a phone it is kept now and then, and when the app is left. */
export function useLastState(): LastState {
  const queries = useQueryClient();
  const [state] = useState(() => new LastState(queries));
  useEffect(() => {
    if (Platform.OS === "web") return undefined;
    const timer = setInterval(() => state.keep(), KEEP_MS);
    const left = AppState.addEventListener("change", (now) => {
      if (now !== "active") state.keep();
    });
    return () => {
      clearInterval(timer);
      left.remove();
    };
  }, [state]);
  return state;
}

/** A phone without room, or whose storage fails, has no last state and works all the same. */
function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

function read(text: string | null): Stored | null {
  if (text === null) return null;
  const found = stored.safeParse(attempt<unknown>(() => JSON.parse(text), null));
  return found.success ? found.data : null;
}
