/** What time it is for the product. A phone's clock may be minutes off, and the market does not wait for it: countdowns go
 * by the `Date` header of the API's answers (RFC 9110, 6.6.1: whole seconds), as far as the device's own clock is wrong. */

/** Half a second of the header's, and the way of a quick answer: less is no error of the clock. */
const SLACK_MS = 2_000;
/** As long the quickest answer counts; then any newer one does, for a clock may be set. */
const REMEMBERED_MS = 60_000;

let offset = 0;
let best = { roundTrip: Infinity, at: 0 };

/** Milliseconds since 1970. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** The same of an instant that this device has noted. */
export function onServer(noted: number): number {
  return noted + offset;
}

/** How far this device's clock is ahead of the product's, milliseconds: below zero where it is behind, zero where they
 * agree as far as can be told. */
export function deviceAhead(): number {
  return -offset;
}

/** `send`, listening to the time that its answers tell. */
export function listening(send: typeof fetch): typeof fetch {
  return async (...request) => {
    const sent = Date.now();
    const response = await send(...request);
    hear(response.headers.get("Date"), sent, Date.now());
    return response;
  };
}

function hear(date: string | null, sent: number, received: number): void {
  const told = date === null ? Number.NaN : Date.parse(date);
  const roundTrip = received - sent;
  // The clock was set back while it waited.
  if (Number.isNaN(told) || roundTrip < 0) return;
  const age = received - best.at;
  if (roundTrip > best.roundTrip && age >= 0 && age < REMEMBERED_MS) return;
  best = { roundTrip, at: received };
  const found = told + 500 - (sent + received) / 2;
  offset = Math.abs(found) <= SLACK_MS + roundTrip / 2 ? 0 : found;
}
