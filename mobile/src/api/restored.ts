/** Which of what is shown was put back from an earlier run of the app. */

let restoredAt: number | null = null;

/** Stands for when something was read that the phone's clock, put back since, says is still to come. */
export const AT_SOME_TIME = 1;
/** The time that screens go by is renewed once a second. */
const CLOCK_STEP_MS = 2_000;

/** Whether nothing can be said of how long ago it was read. */
export function isAgeUnknown(readAt: number, now: number): boolean {
  return readAt === AT_SOME_TIME || readAt > now + CLOCK_STEP_MS;
}

/** Milliseconds since 1970 at which a last state was put back; null once there is none. */
export function setRestored(at: number | null): void {
  restoredAt = at;
}

/** Whether what was read then has not been read anew since the app was started. */
export function isOfEarlierRun(readAt: number): boolean {
  return restoredAt !== null && readAt > 0 && readAt < restoredAt;
}
