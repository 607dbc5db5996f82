/** Hands a file to whoever holds the phone: the system's own sheet says where to. */
import { File, Paths } from "expo-file-system";
import * as Sharing from "expo-sharing";

export const HANDED = "shared";

/** False where nothing on this phone takes files. */
export async function handOver(name: string, text: string): Promise<boolean> {
  if (!(await Sharing.isAvailableAsync())) return false;
  const file = new File(Paths.cache, name);
  file.create({ overwrite: true });
  file.write(text);
  await Sharing.shareAsync(file.uri, { mimeType: "application/json", UTI: "public.json" });
  return true;
}

/** Whoever took the file has a copy of its own by the time that the screen is left. */
export function forgetHanded(name: string): void {
  const file = new File(Paths.cache, name);
  if (file.exists) file.delete();
}
