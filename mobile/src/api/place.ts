/** Where a browser's page was when it was loaded: a page loaded anew has no login any more, and whoever logs in then goes
 * on where they were, or where a link led. On a phone the login is kept, and the router alone does it. */

const WITHOUT_LOGIN = /^\/(login|register|confirm|forgot|reset|verify)?\/?$/;

let place = fromAddress();

function fromAddress(): string | null {
  const address = typeof window === "undefined" ? undefined : (window.location as Location | undefined);
  if (address === undefined || WITHOUT_LOGIN.test(address.pathname)) return null;
  return address.pathname;
}

/** The path, once. */
export function takePlace(): string | null {
  const taken = place;
  place = null;
  return taken;
}
