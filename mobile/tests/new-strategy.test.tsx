/** A new strategy whose creation nobody answered: it may exist, and must not come to exist twice unasked. */
import { act, fireEvent, screen } from "@testing-library/react-native";

import New from "@/app/strategy/new";
import { en } from "@/words/en";

import { show } from "./stage";

const mockDismiss = jest.fn();
jest.mock("expo-router", () => ({ router: { replace: jest.fn(), dismissTo: (to: string) => mockDismiss(to) }, usePathname: () => "/strategy/new" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));
jest.mock("@/ui/plan-form", () => {
  const { Pressable } = jest.requireActual<typeof import("react-native")>("react-native");
  return {
    PlanForm: ({ onSave }: { onSave: (plan: unknown) => void }) =>
      [1, 2].map((quantity) => <Pressable key={quantity} testID={`save-${quantity}`} onPress={() => onSave({ quantity })} />),
  };
});

const press = (id: string) => act(async () => fireEvent.press(screen.getByTestId(id)));
let sent: { quantity: number; key: string | null }[];
let refusal: { status: number; error: string } | null;

beforeEach(async () => {
  sent = [];
  refusal = null;
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    if (request.method === "GET") return new Response(JSON.stringify({ accounts: [] }), { headers: { "Content-Type": "application/json" } });
    const { quantity } = (await request.json()) as { quantity: number };
    sent.push({ quantity, key: request.headers.get("Idempotency-Key") });
    if (refusal === null) throw new TypeError("Failed to fetch");
    return new Response(JSON.stringify({ error: refusal.error, message: "no", details: [] }), { status: refusal.status, headers: { "Content-Type": "application/json" } });
  }) as typeof fetch);
  await show(<New />);
  await press("save-1");
  await screen.findByTestId("may-exist");
});

test("it is said that it may exist, and the same plan is sent under the same key", async () => {
  expect(screen.getByText(en.plan.mayExist)).toBeTruthy();
  await press("save-1");
  expect(sent).toHaveLength(2);
  expect(sent[1]?.key).toBe(sent[0]?.key);
});

test("a try that nobody looked at proves nothing of the first one", async () => {
  refusal = { status: 429, error: "RATE_LIMITED" };
  await press("save-1");
  expect(await screen.findByText(en.plan.mayExist)).toBeTruthy();
  await press("save-1");
  expect(new Set(sent.map(({ key }) => key)).size).toBe(1);
});

test("what nobody will ever know the end of is not sent again before its owner was told that it may be a second one", async () => {
  refusal = { status: 409, error: "IDEMPOTENCY_OUTCOME_UNKNOWN" };
  await press("save-1");
  expect(await screen.findByText(en.plan.mayBeTwo)).toBeTruthy();
  await press("save-1");
  expect(sent).toHaveLength(2);
  await press("save-another");
  expect(sent).toHaveLength(3);
  expect(sent[2]?.key).not.toBe(sent[0]?.key);
});

test("after another plan was refused the first one is still sent under its key", async () => {
  refusal = { status: 400, error: "STRATEGY_INVALID" };
  await press("save-2");
  await press("save-another");
  await press("save-1");
  expect(sent.map(({ quantity }) => quantity)).toEqual([1, 2, 1]);
  expect(sent[2]?.key).toBe(sent[0]?.key);
});

test("a changed plan is not sent before its owner was told that it would be a second one", async () => {
  await press("save-2");
  expect(sent).toHaveLength(1);
  expect(screen.getByText(en.plan.mayBeTwo)).toBeTruthy();
  await press("to-list");
  expect(mockDismiss).toHaveBeenCalledWith("/");
  await press("save-another");
  expect(sent.map(({ quantity }) => quantity)).toEqual([1, 2]);
  expect(sent[1]?.key).not.toBe(sent[0]?.key);
});
