import document from "@/api/openapi.json";
import { ApiProblem, problemOf, type ProblemCode } from "@/api/problem";
import { forPeople, tell } from "@/words";
import { en } from "@/words/en";

const CODES: string[] = document.components.schemas.ErrorAnswer.properties.error.enum;

test("every code of the API has a sentence of its own that says what to do", () => {
  expect(CODES.length).toBeGreaterThan(15);
  const sentences = CODES.map((code) => (en.problems as Record<string, string>)[code] ?? `${code} has none`);
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].{20,}\.$/);
  expect(new Set(sentences).size).toBe(CODES.length);
});

test("a code that this app does not know yet still comes with the API's own message", () => {
  const unknown = problemOf(409, { error: "SOMETHING_NEW", message: "what happened", details: [] });
  expect(tell(en, unknown)).toEqual({ message: "what happened", advice: en.problems.UNREADABLE });
});

test.each([
  [401, "TOKEN_INVALID"],
  [403, "ACCESS_DENIED"],
  [429, "TOO_MUCH"],
  [503, "TOO_MUCH"],
  [502, "UNREADABLE"],
])("the gateway's own %s is %s", (status, code) => expect(problemOf(status, { message: "words" }).code).toBe(code));

test("what may have been carried out is not called refused", () => {
  const all = Object.keys(en.problems) as ProblemCode[];
  expect(all.filter((code) => new ApiProblem(code, "").isUncertain).toSorted()).toEqual(
    ["DATABASE_UNAVAILABLE", "IDEMPOTENCY_KEY_IN_USE", "INTERNAL", "TOO_MUCH", "UNANSWERED", "UNREADABLE"],
  );
});

test("what the API tells programs in brackets is left out, and other brackets stay", () => {
  expect(forPeople("account HUF: log in at the broker (GET /broker/login?account_id=7) again")).toBe("account HUF: log in at the broker again");
  expect(tell(en, new ApiProblem("BROKER_AUTH_FAILED", "log in at the broker first (GET /broker/login)")).message).toBe("log in at the broker first");
});
