/** Keys of programs, viewers, and accounts that others share: what the API answers, what it refuses, and nothing twice. */
import { act, fireEvent, screen, within } from "@testing-library/react-native";

import type { ApiKey, SharedAccount, Viewer } from "@/api/access";
import type { Standing, Strategy } from "@/api/queries";
import Keys from "@/app/keys";
import Shared from "@/app/shared/[id]";
import Viewers from "@/app/viewers";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, refused, show, type Answers } from "./stage";

const mockPush = jest.fn();
const ACCOUNT = "00000000-0000-4000-8000-00000000000a";
const mockAccount = ACCOUNT;
jest.mock("expo-router", () => ({
  router: { push: (to: string) => mockPush(to), canGoBack: () => true, back: () => undefined },
  usePathname: () => "/keys",
  useLocalSearchParams: () => ({ id: mockAccount }),
}));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));
beforeEach(() => mockPush.mockClear());

const AT = "2026-11-27T08:35:08.045Z";
const KEY: ApiKey = { key_id: "k1", name: "My spreadsheet", scopes: ["read", "risk:write"], created_at: AT, expires_at: "2027-02-25T08:35:08Z", last_used_at: AT, is_alive: true };
const INVITED: Viewer = { grant_id: "g1", name: "My accountant", created_at: AT, expires_at: "2026-12-04T08:35:08Z", viewer_email: null, accepted_at: null };
const READS: Viewer = { ...INVITED, grant_id: "g2", name: "My partner", viewer_email: "partner@example.com", accepted_at: AT };
const SHARED: SharedAccount = { account_id: ACCOUNT, owner_email: "owner@example.com", accepted_at: AT };

const enter = (id: string, text: string) => fireEvent.changeText(screen.getByTestId(id), text);
/** What a press leads to is told a moment later. */
const press = (id: string) =>
  act(async () => {
    fireEvent.press(screen.getByTestId(id));
    await new Promise((done) => setTimeout(done, 20));
  });
const bodyOf = (sent: ReturnType<typeof api>, what: string) => sent.filter((one) => one.what === what).map(({ body }) => body);
/** What any of these may be told on top of its own refusals. */
const ANYWHERE = [
  [429, "RATE_LIMITED"],
  [500, "INTERNAL"],
  [503, "DATABASE_UNAVAILABLE"],
] as const;

test("an invitation whose answer did not come is not made again, and its maker is told how to get on", async () => {
  const keys: (string | null)[] = [];
  let isLost = true;
  api({
    "GET /account/viewers": () => ok({ viewers: [] }),
    "GET /account/shared": () => ok({ accounts: [] }),
    "POST /account/viewers": ({ headers }) => {
      const key = headers?.get("Idempotency-Key") ?? null;
      const isAgain = keys.includes(key);
      keys.push(key);
      if (isLost) throw new TypeError("Network request failed");
      return isAgain ? refused(409, "IDEMPOTENCY_ANSWER_NOT_KEPT") : { status: 201, body: { grant_id: "g9", invitation: "code", expires_at: AT } };
    },
  });
  await show(<Viewers />);
  await screen.findByTestId("viewer-name");
  enter("viewer-name", "My accountant");
  await press("invite");
  await screen.findByText(en.problems.UNANSWERED);
  isLost = false;
  await new Promise((done) => setTimeout(done, 800));
  await press("invite");
  await screen.findByText(en.problems.IDEMPOTENCY_ANSWER_NOT_KEPT);
  expect(screen.getByText("said: IDEMPOTENCY_ANSWER_NOT_KEPT")).toBeTruthy();
  // Who invites once more wants another invitation.
  await new Promise((done) => setTimeout(done, 800));
  await press("invite");
  await screen.findByText("code");
  expect(keys).toHaveLength(3);
  expect(keys[0]).not.toBeNull();
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
});

describe("keys for programs", () => {
  const SCREEN: Answers = { "GET /account/keys": () => ok({ keys: [KEY, { ...KEY, key_id: "k2", name: "Old", last_used_at: null, is_alive: false, scopes: ["read"] }] }) };

  async function fillIn() {
    await screen.findAllByTestId("api-key");
    enter("key-name", " My robot ");
    enter("code", " 492039 ");
  }

  test("are told with what they open, until when, and whether they were used", async () => {
    api(SCREEN);
    await show(<Keys />);
    const [one, old] = (await screen.findAllByTestId("api-key")).map((line) => within(line));
    expect(one?.getByText("My spreadsheet")).toBeTruthy();
    expect(one?.getByText("Until 2027-02-25, last used 2026-11-27 14:05:08 IST")).toBeTruthy();
    expect(one?.getByText(`· ${en.access.keys.scopes["risk:write"]}`)).toBeTruthy();
    expect(one?.queryByText(`· ${en.access.keys.scopes["strategies:write"]}`)).toBeNull();
    expect(old?.getByText("Until 2027-02-25, never used")).toBeTruthy();
    expect(old?.getByText(en.access.keys.over)).toBeTruthy();
  });

  test("every scope of the API has words, and nothing of one brings another", async () => {
    expect(Object.keys(en.access.keys.scopes).sort()).toEqual(["read", "risk:write", "strategies:write"]);
    const sent = api({ ...SCREEN, "POST /account/keys": () => ({ status: 201, body: { ...KEY, key: "algt_secret" } }) });
    await show(<Keys />);
    await fillIn();
    fireEvent(screen.getByTestId("scope-read"), "valueChange", false);
    expect(screen.getByTestId("make-key").props.accessibilityState).toMatchObject({ disabled: true });
    fireEvent(screen.getByTestId("scope-risk:write"), "valueChange", true);
    fireEvent.press(screen.getByTestId("days-30"));
    await press("make-key");
    await screen.findByText("algt_secret");
    expect(bodyOf(sent, "POST /account/keys")).toEqual([{ name: "My robot", scopes: ["risk:write"], expires_in_days: 30, code: "492039" }]);
  });

  test("a new one is shown until it was taken, and then no more", async () => {
    const sent = api({ ...SCREEN, "POST /account/keys": () => ({ status: 201, body: { ...KEY, key: "algt_secret" } }) });
    await show(<Keys />);
    await fillIn();
    await press("make-key");
    expect(await screen.findByText(en.access.keys.made)).toBeTruthy();
    expect(screen.queryByTestId("make-key")).toBeNull();
    expect(bodyOf(sent, "POST /account/keys")).toEqual([{ name: "My robot", scopes: ["read"], expires_in_days: 90, code: "492039" }]);
    await press("secret-taken");
    expect(screen.queryByText("algt_secret")).toBeNull();
    expect(screen.getByTestId("key-name").props.value).toBe("");
    expect(screen.getByTestId("code").props.value).toBe("");
  });

  test.each([[401, "CREDENTIALS_INVALID"], [403, "SECOND_FACTOR_REQUIRED"], [409, "CONFLICT"], [429, "TOO_MANY_TRIES"], ...ANYWHERE] as const)(
    "a refusal with %i %s is told, no key is shown, and the name stays for the next try",
    async (status, code) => {
      const sent = api({ ...SCREEN, "POST /account/keys": () => refused(status, code) });
      await show(<Keys />);
      await fillIn();
      await press("make-key");
      expect(await screen.findByText(en.problems[code])).toBeTruthy();
      expect(screen.queryByTestId("shown-once")).toBeNull();
      expect(screen.getByTestId("key-name").props.value).toBe(" My robot ");
      expect(screen.getByTestId("code").props.value).toBe("");
      expect(bodyOf(sent, "POST /account/keys")).toHaveLength(1);
    },
  );

  test("a second press while the first is under way makes no second key", async () => {
    const sent = api({ ...SCREEN, "POST /account/keys": () => ({ status: 201, body: { ...KEY, key: "algt_secret" } }) });
    await show(<Keys />);
    await fillIn();
    await act(async () => {
      fireEvent.press(screen.getByTestId("make-key"));
      fireEvent.press(screen.getByTestId("make-key"));
    });
    await screen.findByText("algt_secret");
    expect(bodyOf(sent, "POST /account/keys")).toHaveLength(1);
  });

  test("one is revoked after it was asked once more, and the list is read anew", async () => {
    let keys = [KEY];
    const sent = api({
      "GET /account/keys": () => ok({ keys }),
      "DELETE /account/keys/k1": () => {
        keys = [];
        return ok({ key_id: "k1" });
      },
    });
    await show(<Keys />);
    await screen.findByTestId("api-key");
    fireEvent.press(screen.getByText(en.access.keys.revoke));
    expect(screen.getByText(en.access.keys.revokeAsk)).toBeTruthy();
    expect(sent.some(({ what }) => what.startsWith("DELETE"))).toBe(false);
    await press("confirm");
    expect(await screen.findByText(en.access.keys.none)).toBeTruthy();
  });

  test("a list that cannot be read says so, and calls nobody keyless", async () => {
    api({ "GET /account/keys": () => refused(500, "INTERNAL") });
    await show(<Keys />);
    expect(await screen.findByText(en.problems.INTERNAL)).toBeTruthy();
    expect(screen.queryByText(en.access.keys.none)).toBeNull();
  });
});

describe("viewers", () => {
  const NOBODY: Answers = { "GET /account/viewers": () => ok({ viewers: [] }), "GET /account/shared": () => ok({ accounts: [] }) };

  test("who was invited is told apart from who reads", async () => {
    api({ ...NOBODY, "GET /account/viewers": () => ok({ viewers: [INVITED, READS] }) });
    await show(<Viewers />);
    const [invited, reads] = (await screen.findAllByTestId("viewer")).map((line) => within(line));
    expect(invited?.getByText("My accountant")).toBeTruthy();
    expect(invited?.getByText("Invited, not accepted yet: good until 2026-12-04")).toBeTruthy();
    expect(reads?.getByText("My partner · partner@example.com")).toBeTruthy();
    expect(reads?.getByText("Reads since 2026-11-27")).toBeTruthy();
  });

  test("an invitation is shown until it was taken", async () => {
    const sent = api({ ...NOBODY, "POST /account/viewers": () => ({ status: 201, body: { grant_id: "g1", invitation: "code.of.it", expires_at: AT } }) });
    await show(<Viewers />);
    expect(await screen.findByText(en.access.viewers.none)).toBeTruthy();
    await press("invite");
    expect(bodyOf(sent, "POST /account/viewers")).toEqual([]);
    enter("viewer-name", " My accountant ");
    await press("invite");
    expect(await screen.findByText("code.of.it")).toBeTruthy();
    expect(bodyOf(sent, "POST /account/viewers")).toEqual([{ name: "My accountant" }]);
    await press("secret-taken");
    expect(screen.queryByText("code.of.it")).toBeNull();
  });

  test.each([[409, "CONFLICT"], ...ANYWHERE] as const)("an invitation refused with %i %s is told, and the name stays", async (status, code) => {
    api({ ...NOBODY, "POST /account/viewers": () => refused(status, code) });
    await show(<Viewers />);
    await screen.findByText(en.access.viewers.none);
    enter("viewer-name", "My accountant");
    await press("invite");
    expect(await screen.findByText(en.problems[code])).toBeTruthy();
    expect(screen.queryByTestId("shown-once")).toBeNull();
    expect(screen.getByTestId("viewer-name").props.value).toBe("My accountant");
  });

  test("where a fresh code is asked for, it is taken, and the invitation is made after it", async () => {
    const answers: Answers = {
      "GET /account/viewers": () => ok({ viewers: [] }),
      "GET /account/shared": () => ok({ accounts: [] }),
      "POST /account/viewers": () => refused(403, "FRESH_CODE_NEEDED"),
      "POST /auth/second-factor/verify": () => {
        answers["POST /account/viewers"] = () => ({ status: 201, body: { grant_id: "g9", invitation: "the invitation", expires_at: AT } });
        return ok({ fresh_until: AT });
      },
    };
    const sent = api(answers);
    await show(<Viewers />);
    await screen.findByTestId("viewer-name");
    enter("viewer-name", "My accountant");
    await press("invite");
    await screen.findByText(en.problems.FRESH_CODE_NEEDED);
    enter("code", "492039");
    await press("show-code");
    await screen.findByText("the invitation");
    expect(bodyOf(sent, "POST /auth/second-factor/verify")).toEqual([{ code: "492039" }]);
    expect(bodyOf(sent, "POST /account/viewers")).toEqual([{ name: "My accountant" }, { name: "My accountant" }]);
  });

  test("one is removed after it was asked once more", async () => {
    let viewers = [READS];
    const removed = () => {
      viewers = [];
      return ok({ grant_id: "g2" });
    };
    api({ ...NOBODY, "GET /account/viewers": () => ok({ viewers }), "DELETE /account/viewers/g2": removed });
    await show(<Viewers />);
    await screen.findByTestId("viewer");
    fireEvent.press(screen.getByText(en.access.viewers.remove));
    await press("confirm");
    expect(await screen.findByText(en.access.viewers.none)).toBeTruthy();
  });

  test("an accepted invitation opens the account that it is of", async () => {
    let accounts: SharedAccount[] = [];
    const accepted = () => {
      accounts = [SHARED];
      return ok(SHARED);
    };
    const sent = api({ ...NOBODY, "GET /account/shared": () => ok({ accounts }), "POST /account/shared/accept": accepted });
    await show(<Viewers />);
    expect(await screen.findByText(en.access.viewers.noneShared)).toBeTruthy();
    enter("invitation", " code.of.it ");
    await press("accept");
    expect(await screen.findByText("owner@example.com")).toBeTruthy();
    expect(bodyOf(sent, "POST /account/shared/accept")).toEqual([{ invitation: "code.of.it" }]);
    expect(screen.getByTestId("invitation").props.value).toBe("");
    await press("look");
    expect(mockPush).toHaveBeenCalledWith(`/shared/${ACCOUNT}`);
  });

  test.each([[404, "NOT_FOUND"], [409, "CONFLICT"], [429, "TOO_MANY_TRIES"], ...ANYWHERE] as const)("one refused with %i %s is told, and stays for the next try", async (status, code) => {
    api({ ...NOBODY, "POST /account/shared/accept": () => refused(status, code) });
    await show(<Viewers />);
    await screen.findByText(en.access.viewers.noneShared);
    enter("invitation", "code.of.it");
    await press("accept");
    expect(await screen.findByText(en.problems[code])).toBeTruthy();
    expect(screen.getByTestId("invitation").props.value).toBe("code.of.it");
  });

  test("an invitation that cannot be one is marked where it was entered", async () => {
    api({ ...NOBODY, "POST /account/shared/accept": () => refused(400, "REQUEST_INVALID", [{ field: "invitation", problem: "is too long" }]) });
    await show(<Viewers />);
    await screen.findByText(en.access.viewers.noneShared);
    enter("invitation", "x");
    await press("accept");
    expect(await screen.findByText("Is too long")).toBeTruthy();
  });

  test("who stops reading is asked once more", async () => {
    let accounts = [SHARED];
    const left = () => {
      accounts = [];
      return ok({ account_id: ACCOUNT });
    };
    api({ ...NOBODY, "GET /account/shared": () => ok({ accounts }), [`DELETE /account/shared/${ACCOUNT}`]: left });
    await show(<Viewers />);
    await screen.findByTestId("shared");
    fireEvent.press(screen.getByText(en.access.viewers.leave));
    expect(screen.getByText(en.access.viewers.leaveAsk)).toBeTruthy();
    await press("confirm");
    expect(await screen.findByText(en.access.viewers.noneShared)).toBeTruthy();
  });
});

describe("another's account", () => {
  const recorded: Record<string, unknown> = day.answers;
  const tcs = (recorded["/strategy"] as { strategies: Strategy[] }).strategies[0] as Strategy;
  const standing = recorded[`/strategy/status/${tcs.strategy_id}`] as Standing;
  const SCREEN: Answers = {
    "GET /strategy": () => ok({ strategies: [tcs] }),
    [`GET /strategy/status/${tcs.strategy_id}`]: () => ok(standing),
    "GET /risk/profile": () => ok(recorded["/risk/profile"]),
    "GET /account/shared": () => ok({ accounts: [SHARED] }),
  };

  test("is read by its own name in every request, and nothing of it can be changed", async () => {
    api(SCREEN);
    const answered = jest.mocked(globalThis.fetch).getMockImplementation() as typeof fetch;
    const named: [string, string | null][] = [];
    jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
      named.push([new URL(request.url).pathname.replace("/api/v1", ""), request.headers.get("X-Account")]);
      return answered(request);
    }) as typeof fetch);
    await show(<Shared />);
    const row = within(await screen.findByTestId("shared-TCS"));
    expect(await row.findByText(en.states.sold)).toBeTruthy();
    expect(screen.getByText(en.access.shared.of("owner@example.com"))).toBeTruthy();
    expect(screen.getByTestId("position-RELIANCE")).toBeTruthy();
    for (const [path, account] of named) expect([path, account]).toEqual([path, path === "/account/shared" ? null : ACCOUNT]);
    expect(named.map(([path]) => path)).toContain(`/strategy/status/${tcs.strategy_id}`);
    for (const word of [en.control.start, en.control.stop, en.control.edit, en.control.remove, en.control.squareOff]) expect(screen.queryByText(word)).toBeNull();
  });

  test("that is not shared any more shows nothing of it", async () => {
    const denied = () => refused(403, "ACCESS_DENIED");
    api({ "GET /strategy": denied, "GET /risk/profile": denied, "GET /account/shared": () => ok({ accounts: [] }) });
    await show(<Shared />);
    expect(await screen.findByText(en.access.shared.gone)).toBeTruthy();
    expect(screen.queryByTestId("shared-strategies")).toBeNull();
  });

  test("that ends while it is open is seen no more, neither what was read before", async () => {
    jest.useFakeTimers({ now: Date.parse(day.at) });
    let isShared = true;
    const unless = (answer: (typeof SCREEN)[string]) => (sent: Parameters<typeof answer>[0]) => (isShared ? answer(sent) : refused(403, "ACCESS_DENIED"));
    api(Object.fromEntries(Object.entries(SCREEN).map(([what, answer]) => [what, what === "GET /account/shared" ? answer : unless(answer)])));
    await show(<Shared />);
    await act(async () => void (await jest.advanceTimersByTimeAsync(1000)));
    expect(screen.getByTestId("position-RELIANCE")).toBeTruthy();
    isShared = false;
    await act(async () => void (await jest.advanceTimersByTimeAsync(16_000)));
    expect(screen.getByTestId("shared-ended")).toBeTruthy();
    expect(screen.queryByTestId("position-RELIANCE")).toBeNull();
    expect(screen.queryByTestId("shared-TCS")).toBeNull();
    jest.useRealTimers();
  });

  test("that cannot be reached stays, marked with its age", async () => {
    jest.useFakeTimers({ now: Date.parse(day.at) });
    api(SCREEN);
    await show(<Shared />);
    await act(async () => void (await jest.advanceTimersByTimeAsync(1000)));
    jest.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("Failed to fetch"));
    await act(async () => void (await jest.advanceTimersByTimeAsync(16_000)));
    expect(screen.getByTestId("shared-TCS")).toBeTruthy();
    expect(screen.getAllByTestId("stale").length).toBeGreaterThan(1);
    jest.useRealTimers();
  });
});
