/** Which of what is shown was put back from an earlier run of the app. */

let restoredAt: number | null = null;

/** Milliseconds since 1970 at which a last state was put back; null once there is none. */
export function setRestored(at: number | null): void {
  restoredAt = at;
}

/** Whether what was read then has not been read anew since the app was started. */
export function isOfEarlierRun(readAt: number): boolean {
  return restoredAt !== null && readAt > 0 && readAt < restoredAt;
}
