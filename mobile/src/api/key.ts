import { randomUUID } from "expo-crypto";

/** A new Idempotency-Key. */
export function newKey(): string {
  return randomUUID();
}
