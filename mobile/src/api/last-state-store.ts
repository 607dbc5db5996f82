/** Where a phone keeps the last state: one file among the app's caches, which no other app reads, no backup takes, and the
 * system may delete when it needs room. */
import { File, Paths } from "expo-file-system";

const NAME = "last-state.json";

/** What was kept, once: what is not put back again is gone. */
export function takeLastState(): string | null {
  const file = new File(Paths.cache, NAME);
  if (!file.exists) return null;
  try {
    return file.textSync();
  } finally {
    file.delete();
  }
}

/** In place of whatever was kept; null keeps nothing. */
export function keepLastState(text: string | null): void {
  const file = new File(Paths.cache, NAME);
  if (text === null) {
    if (file.exists) file.delete();
    return;
  }
  file.create({ overwrite: true });
  file.write(text);
}
