import { router, usePathname } from "expo-router";
import { useEffect, useState } from "react";

import { takePlace } from "./place";
import type { SessionState } from "./session";

/** Where nothing has led to Today by then, its owner has gone elsewhere and is left there. */
const LONGEST_MS = 3_000;

/** After the log-in goes on to where the page was when it was loaded, over Today, so that Back leads there. The browser
 * writes down one place for whatever changes at once: Today must stand in its history before anything is put over it, or
 * the place is written in Today's stead and Back leaves the app. */
export function useGoOn(state: SessionState): void {
  const path = usePathname();
  const [place, setPlace] = useState<string | null>(null);
  useEffect(() => {
    if (state === "in") setPlace(takePlace());
  }, [state]);
  useEffect(() => {
    if (place === null) return undefined;
    const isAtToday = path === "/";
    // Not at once: the history is written after the effects of the change that has led to Today.
    const timer = setTimeout(
      () => {
        setPlace(null);
        if (isAtToday) router.push(place as "/");
      },
      isAtToday ? 0 : LONGEST_MS,
    );
    return () => clearTimeout(timer);
  }, [place, path]);
}
