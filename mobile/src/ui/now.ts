import { focusManager } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

import { serverNow } from "@/api/server-clock";

const TICK_MS = 1_000;
const listeners = new Set<() => void>();
let now = serverNow();
let timer: ReturnType<typeof setInterval> | null = null;
let unwatch: () => void = () => undefined;

/** Milliseconds since 1970 by the product's clock, renewed once a second for everybody together. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, present, present);
}

/** What follows from the time: drawn anew only when that changes. */
export function useClock<T extends string | number | boolean | null>(of: (now: number) => T): T {
  const value = () => of(present());
  return useSyncExternalStore(subscribe, value, value);
}

/** While nobody listens the time that was renewed last may be an old one. */
function present(): number {
  if (timer === null && Math.abs(serverNow() - now) >= TICK_MS) now = serverNow();
  return now;
}

function tick(): void {
  now = serverNow();
  listeners.forEach((each) => each());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === null) {
    now = serverNow();
    timer = setInterval(tick, TICK_MS);
    // Whoever comes back sees at once how late it is: a hidden page's timers rest.
    unwatch = focusManager.subscribe(tick);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
      unwatch();
    }
  };
}
