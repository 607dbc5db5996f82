/** In the browser tokens live in this page's memory and nowhere else: no script that is injected later, no other
 * tab and nobody at the machine afterwards finds them in a store. They are gone when the page is closed or loaded anew.
 * Preferences are no secret and stay in local storage. */
import type { KeptName } from "./keep";

const inMemory = new Map<KeptName, string>();

export async function readKept(name: KeptName): Promise<string | null> {
  return name === "preferences" ? window.localStorage.getItem(name) : (inMemory.get(name) ?? null);
}

export async function writeKept(name: KeptName, value: string | null): Promise<void> {
  if (name === "preferences") {
    if (value === null) window.localStorage.removeItem(name);
    else window.localStorage.setItem(name, value);
  } else if (value === null) inMemory.delete(name);
  else inMemory.set(name, value);
}
