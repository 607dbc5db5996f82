/** Times as traders in India read them, wherever the phone is. India has one offset and no summer time. */

export const INDIA = "Asia/Kolkata";
const IST_OFFSET_MS = 5.5 * 3_600_000;
const TIME_OF_DAY = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;

/** Stands for what is no instant: an answer that says something else there must not take the screen along. */
const NONE = "–";

/** As ISO 8601 writes it, but in India. */
function inIndia(instant: string | number | Date): string | null {
  const moved = new Date(new Date(instant).getTime() + IST_OFFSET_MS);
  return Number.isNaN(moved.getTime()) ? null : moved.toISOString();
}

/** HH:MM:SS, Asia/Kolkata. */
export function istTime(instant: string | number | Date): string {
  return inIndia(instant)?.slice(11, 19) ?? NONE;
}

/** YYYY-MM-DD, Asia/Kolkata. */
export function istDay(instant: string | number | Date): string {
  return inIndia(instant)?.slice(0, 10) ?? NONE;
}

/** When something was, as briefly as it is not mistaken: the time alone only of what was on the same day as `now`. */
export function istMoment(instant: string | number | Date, now: number): string {
  const day = istDay(instant);
  if (day === NONE) return NONE;
  return day === istDay(now) ? istTime(instant) : `${day} ${istTime(instant)}`;
}

/** The day before or after. */
export function shiftDay(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** `9:30` becomes `09:30:00`; null for what is no time of day. */
export function readTimeOfDay(text: string): string | null {
  const found = TIME_OF_DAY.exec(text.trim());
  return found === null ? null : `${found[1]?.padStart(2, "0")}:${found[2]}:${found[3] ?? "00"}`;
}

/** Today's instant of a time of day in India, for pickers, which deal in instants; now where there is no such time. */
export function instantOf(time: string | null, now: number): Date {
  return time === null ? new Date(now) : new Date(`${istDay(now)}T${time}+05:30`);
}

/** What was picked, to the minute: pickers have no seconds. */
export function pickedTime(picked: Date): string {
  return `${istTime(picked).slice(0, 5)}:00`;
}

/** `2 h 05 min`, `4 min 09 s`, `9 s`; `now` once it is reached. */
export function showDuration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (Number.isNaN(seconds)) return NONE;
  if (seconds <= 0) return "now";
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${pad(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} days`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
