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
  intent.failed(new ApiProblem("FRESH_CODE_NEEDED", ""));
  expect(intent.keyOf(WANTED)).toBe("key 2");
  intent.end();
  expect(intent.keyOf(WANTED)).toBe("key 3");
});

test("a try that was not sent leaves an earlier one, whose fate is unknown, under its key", () => {
  const intent = new IntentKey();
  intent.keyOf(WANTED);
  intent.failed(new ApiProblem("UNANSWERED", ""));
  intent.keyOf(WANTED);
  intent.failed(new ApiProblem("NOT_SENT", ""));
  expect(intent.keyOf(WANTED)).toBe("key 1");
});
