/** Small things kept on the phone: the keychain of iOS, encrypted by the keystore of Android. */
import * as SecureStore from "expo-secure-store";

export type KeptName = "token" | "refresh" | "device" | "email" | "push" | "preferences" | "known";

export async function readKept(name: KeptName): Promise<string | null> {
  return SecureStore.getItemAsync(name);
}

export async function writeKept(name: KeptName, value: string | null): Promise<void> {
  if (value === null) await SecureStore.deleteItemAsync(name);
  else await SecureStore.setItemAsync(name, value);
}
