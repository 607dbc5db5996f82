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
  intent.failed(new ApiProblem("TOO_SLOW", ""));
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
