/** Whether what is shown may not be how things stand. */
import type { UseQueryResult } from "@tanstack/react-query";

import { isOfEarlierRun } from "@/api/restored";
import { onServer } from "@/api/server-clock";

import { useClock } from "./now";

/** Readings that may be missed: one may be slow, after three nobody should take what is shown for the present. */
const MOST_MISSED = 3;

export type Freshness = Pick<UseQueryResult, "dataUpdatedAt" | "failureCount" | "isError" | "error" | "failureReason">;

/** Its renewal failed, it is of an earlier run of the app, or it was not renewed for as long as three readings take, as
 * after hours in which nobody looked. `every`: milliseconds between its readings; without, its age says nothing. */
export function useIsOld({ isError, failureCount, dataUpdatedAt }: Freshness, every: number | undefined): boolean {
  // A clock that was put back makes nothing young, so the distance counts and not which is later.
  const isLate = useClock((now) => every !== undefined && dataUpdatedAt > 0 && Math.abs(now - onServer(dataUpdatedAt)) > MOST_MISSED * every);
  return isError || failureCount > 0 || isLate || isOfEarlierRun(dataUpdatedAt);
}
