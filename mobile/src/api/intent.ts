import { useState } from "react";

import { newKey } from "./key";
import { ApiProblem } from "./problem";

/** The Idempotency-Keys of what is wanted: for each thing the same over every further try, until the API has answered it,
 * whatever else is wanted meanwhile. */
export class IntentKey {
  private readonly keys = new Map<string, string>();
  private present = "";

  keyOf(wanted: unknown): string {
    this.present = JSON.stringify(wanted);
    const key = this.keys.get(this.present) ?? newKey();
    this.keys.set(this.present, key);
    return key;
  }

  /** What was wanted last is over. */
  end(): void {
    this.keys.delete(this.present);
  }

  /** What may have been carried out all the same is still the same intent. */
  readonly failed = (error: unknown): void => {
    if (error instanceof ApiProblem && !error.provesNothing) this.end();
  };
}

export function useIntentKey(): IntentKey {
  return useState(() => new IntentKey())[0];
}
