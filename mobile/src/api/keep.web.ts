/** In the browser tokens live in this page's memory and nowhere else: no script that is injected later, no other
 * tab and nobody at the machine afterwards finds them in a store. They are gone when the page is closed or loaded anew.
 * Preferences, and which login was this browser's last (it opens nothing, and keeps the owner from being told of a new
 * device each time), are no secrets and stay in local storage. */
import type { KeptName } from "./keep";

const inMemory = new Map<KeptName, string>();
const STAYS: readonly KeptName[] = ["preferences", "known"];

export async function readKept(name: KeptName): Promise<string | null> {
  return STAYS.includes(name) ? window.localStorage.getItem(name) : (inMemory.get(name) ?? null);
}

export async function writeKept(name: KeptName, value: string | null): Promise<void> {
  if (STAYS.includes(name)) {
    if (value === null) window.localStorage.removeItem(name);
    else window.localStorage.setItem(name, value);
  } else if (value === null) inMemory.delete(name);
  else inMemory.set(name, value);
}
