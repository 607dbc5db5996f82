/** What went wrong with a request: a closed code, the API's own message, and each field to blame. */
import type { components } from "./schema";

export type ApiCode = components["schemas"]["ErrorAnswer"]["error"];
/** What the API itself never says: there was no answer, the gateway answered, the answer cannot be read, or the login under
 * which it was asked is over and another has begun. */
export type LocalCode =
  | "OFFLINE"
  /** Of what changes something, by a device that had no network when it was asked. */
  | "NOT_SENT"
  | "TOO_SLOW"
  /** Of what changes something: it may have arrived. */
  | "UNANSWERED"
  | "TOO_MUCH"
  | "UNREADABLE"
  | "LOGIN_ENDED";
export type ProblemCode = ApiCode | LocalCode;
export type FieldProblem = components["schemas"]["Problem"];

/** What a refusal says of one field of the form. */
export function problemOfField(error: unknown, field: string): string | undefined {
  return error instanceof ApiProblem ? error.fields.find((one) => one.field === field)?.problem : undefined;
}

export class ApiProblem extends Error {
  constructor(
    readonly code: ProblemCode,
    message: string,
    readonly fields: readonly FieldProblem[] = [],
  ) {
    super(message);
    this.name = "ApiProblem";
  }

  /** Whether asking again later may help; what the API has refused on its merits is refused again. */
  get mayPass(): boolean {
    return PASSING.has(this.code);
  }

  /** Whether a changing request may have been carried out all the same. */
  get isUncertain(): boolean {
    return UNCERTAIN.has(this.code);
  }

  /** Whether it says nothing of an earlier try under the same key: the API refused before it looked at keys, or was not
   * asked. */
  get provesNothing(): boolean {
    return this.isUncertain || UNLOOKED.has(this.code);
  }

  get endsSession(): boolean {
    return this.code === "TOKEN_EXPIRED" || this.code === "TOKEN_INVALID";
  }
}

const PASSING: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  "OFFLINE",
  "TOO_SLOW",
  "TOO_MUCH",
  "DATABASE_UNAVAILABLE",
  "REDIS_DOWN",
  "BROKER_UNAVAILABLE",
]);
const UNCERTAIN: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  // Under the same key the answer to the first try is still to be had.
  "IDEMPOTENCY_KEY_IN_USE",
  "UNANSWERED",
  "TOO_MUCH",
  "UNREADABLE",
  "DATABASE_UNAVAILABLE",
  "INTERNAL",
]);

const UNLOOKED: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  "NOT_SENT",
  "OFFLINE",
  "TOO_SLOW",
  "LOGIN_ENDED",
  "RATE_LIMITED",
  "TOKEN_EXPIRED",
  "TOKEN_INVALID",
  "ACCOUNT_LOCKED",
  "ACCESS_DENIED",
  "SECOND_FACTOR_REQUIRED",
  "FRESH_CODE_NEEDED",
]);

/** Reads an error's body, whoever wrote it. */
export function problemOf(status: number, body: unknown): ApiProblem {
  if (isErrorAnswer(body)) return new ApiProblem(body.error, body.message, body.details);
  // The gateway's own short bodies, {"message": ...}.
  if (status === 401) return new ApiProblem("TOKEN_INVALID", "the request carried no login");
  if (status === 403) return new ApiProblem("ACCESS_DENIED", "the gateway refused the request");
  if (status === 404) return new ApiProblem("NOT_FOUND", "the gateway knows no such path");
  if (status === 413) return new ApiProblem("PAYLOAD_TOO_LARGE", "the request was too large");
  if (status === 429 || status === 503) return new ApiProblem("TOO_MUCH", "the gateway turned the request away");
  return new ApiProblem("UNREADABLE", `an answer with status ${status} could not be read`);
}

function isErrorAnswer(body: unknown): body is components["schemas"]["ErrorAnswer"] {
  return (
    typeof body === "object" &&
    body !== null &&
    "error" in body &&
    typeof body.error === "string" &&
    "message" in body &&
    typeof body.message === "string" &&
    "details" in body &&
    Array.isArray(body.details)
  );
}
