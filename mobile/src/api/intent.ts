import { useState } from "react";

import { newKey } from "./key";
import { ApiProblem } from "./problem";

/** The Idempotency-Key of what is wanted: the same over every further try, until the API has answered or something else
 * is wanted. */
export class IntentKey {
  private intent: { text: string; key: string } | null = null;

  keyOf(wanted: unknown): string {
    const text = JSON.stringify(wanted);
    if (this.intent?.text !== text) this.intent = { text, key: newKey() };
    return this.intent.key;
  }

  end(): void {
    this.intent = null;
  }

  /** What may have been carried out all the same is still the same intent. That a try was not sent says nothing of an
   * earlier one. */
  readonly failed = (error: unknown): void => {
    if (error instanceof ApiProblem && !error.isUncertain && error.code !== "NOT_SENT") this.end();
  };
}

export function useIntentKey(): IntentKey {
  return useState(() => new IntentKey())[0];
}
