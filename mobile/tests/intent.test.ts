import { IntentKey } from "@/api/intent";
import { ApiProblem } from "@/api/problem";

let mockMade = 0;
jest.mock("@/api/key", () => ({ newKey: () => `key ${(mockMade += 1)}` }));
beforeEach(() => {
  mockMade = 0;
});

const WANTED = { kind: "open", name: "HUF" };

test("what may have been done is tried again under the same key, and something else under another", () => {
  const intent = new IntentKey();
  expect(intent.keyOf(WANTED)).toBe("key 1");
  intent.failed(new ApiProblem("UNANSWERED", ""));
  intent.failed(new TypeError("no answer of the API at all"));
  expect(intent.keyOf({ ...WANTED })).toBe("key 1");
  expect(intent.keyOf({ ...WANTED, name: "Own" })).toBe("key 2");
});

test("what was done, or refused on its merits, is something new when it is wanted again", () => {
  const intent = new IntentKey();
  intent.keyOf(WANTED);
  intent.failed(new ApiProblem("STRATEGY_INVALID", ""));
  expect(intent.keyOf(WANTED)).toBe("key 2");
  intent.end();
  expect(intent.keyOf(WANTED)).toBe("key 3");
});

test.each(["NOT_SENT", "OFFLINE", "LOGIN_ENDED", "RATE_LIMITED", "TOKEN_EXPIRED", "ACCESS_DENIED", "FRESH_CODE_NEEDED"] as const)(
  "a try that ends with %s, before anybody looks at keys, leaves an earlier one under its key",
  (code) => {
    const intent = new IntentKey();
    intent.keyOf(WANTED);
    intent.failed(new ApiProblem("UNANSWERED", ""));
    intent.keyOf(WANTED);
    intent.failed(new ApiProblem(code, ""));
    expect(intent.keyOf(WANTED)).toBe("key 1");
  },
);

test("what may have been done keeps its key while something else is wanted and refused", () => {
  const intent = new IntentKey();
  intent.keyOf(WANTED);
  intent.failed(new ApiProblem("UNANSWERED", ""));
  intent.keyOf({ ...WANTED, name: "Own" });
  intent.failed(new ApiProblem("STRATEGY_INVALID", ""));
  expect(intent.keyOf(WANTED)).toBe("key 1");
});

test("what nobody will ever know the end of is asked for anew", () => {
  const intent = new IntentKey();
  intent.keyOf(WANTED);
  intent.failed(new ApiProblem("IDEMPOTENCY_OUTCOME_UNKNOWN", ""));
  expect(intent.keyOf(WANTED)).toBe("key 2");
});
