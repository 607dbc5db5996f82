/** The code of a mail's link follows its #, which no server is sent. It is taken out of the address before the router
 * reads that, so that neither the router nor the browser's history keeps it. On a phone it is pasted. */

const FOR_CODES = /^\/(confirm|reset|verify)\/?$/;

let code = fromAddress();

function fromAddress(): string {
  // A phone has no address.
  const place = typeof window === "undefined" ? undefined : (window.location as Location | undefined);
  if (place === undefined || !FOR_CODES.test(place.pathname)) return "";
  const found = place.hash.slice(1);
  if (found !== "") window.history.replaceState(window.history.state, "", place.pathname);
  return found;
}

/** What the link that opened this page holds, once. */
export function takeLinkCode(): string {
  const taken = code;
  code = "";
  return taken;
}
