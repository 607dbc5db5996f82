/** Forgotten password, a new one, a confirmed e-mail: every answer that the API gives, and none. */
import { act, fireEvent, screen } from "@testing-library/react-native";
import type { ReactNode } from "react";

import Forgot from "@/app/forgot";
import Reset from "@/app/reset";
import Verify from "@/app/verify";
import { en } from "@/words/en";

import { api, ok, refused, show, type Answers } from "./stage";

const mockReplace = jest.fn();
jest.mock("expo-router", () => ({ router: { canGoBack: () => false, replace: (to: string) => mockReplace(to), push: (to: string) => mockReplace(to) }, usePathname: () => "/reset" }));
const mockKept = new Map<string, string>();
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => mockKept.get(name) ?? null,
  writeKept: async (name: string, value: string | null) => void (value === null ? mockKept.delete(name) : mockKept.set(name, value)),
}));
let mockLinkCode = "";
jest.mock("@/api/link", () => ({ takeLinkCode: () => mockLinkCode }));

beforeEach(() => {
  mockReplace.mockClear();
  mockKept.clear();
  mockLinkCode = "code-of-the-mail";
});

const FORGOT = "POST /auth/password/forgot";
const RESET = "POST /auth/password/reset";
const VERIFY = "POST /auth/email/verify";
const RESEND = "POST /auth/email/resend";

const enter = (id: string, text: string) => fireEvent.changeText(screen.getByTestId(id), text);
const press = (id: string) => act(async () => fireEvent.press(screen.getByTestId(id)));

/** Nobody answers, whatever is asked. */
function offline() {
  jest.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("Failed to fetch"));
}

/** What any of these may be told on top of its own refusals. */
const ANYWHERE = [
  [413, "PAYLOAD_TOO_LARGE"],
  [429, "TOO_MANY_TRIES"],
  [500, "INTERNAL"],
  [503, "DATABASE_UNAVAILABLE"],
] as const;

describe("a forgotten password", () => {
  test("is asked for with the address alone, without blanks around it, and nothing is claimed that nobody knows", async () => {
    const sent = api({ [FORGOT]: () => ({ status: 202, body: { status: "asked" } }) });
    await show(<Forgot />);
    enter("email", " a@example.com ");
    await press("submit");
    await screen.findByText(en.account.linkSent);
    expect(sent.map(({ what, body }) => [what, body])).toEqual([[FORGOT, { email: "a@example.com" }]]);
    expect(en.account.linkSent).toMatch(/^If this address has an account/);
  });

  test("names the login that was this device's before, so that strangers who ask do not keep the owner waiting", async () => {
    mockKept.set("known", "d1");
    const sent = api({ [FORGOT]: () => ({ status: 202, body: { status: "asked" } }) });
    await show(<Forgot />);
    enter("email", "a@example.com");
    await press("submit");
    await screen.findByText(en.account.linkSent);
    expect(sent.map(({ body }) => body)).toEqual([{ email: "a@example.com", known_device: "d1" }]);
  });

  test("an answer for one address is not left standing beside another", async () => {
    api({ [FORGOT]: () => ({ status: 202, body: { status: "asked" } }) });
    await show(<Forgot />);
    enter("email", "a@example.com");
    await press("submit");
    await screen.findByText(en.account.linkSent);
    enter("email", "b@example.com");
    expect(screen.queryByText(en.account.linkSent)).toBeNull();
  });

  test("what is no address is marked where it was entered", async () => {
    api({ [FORGOT]: () => refused(400, "REQUEST_INVALID", [{ field: "email", problem: "must be an e-mail address" }]) });
    await show(<Forgot />);
    enter("email", "abc");
    await press("submit");
    await screen.findByText(en.problems.REQUEST_INVALID);
    expect(screen.getByText("Must be an e-mail address")).toBeTruthy();
    expect(screen.queryByText(en.account.linkSent)).toBeNull();
  });

  test("without an address nothing is sent", async () => {
    const sent = api({});
    await show(<Forgot />);
    enter("email", "   ");
    await press("submit");
    fireEvent(screen.getByTestId("email"), "submitEditing");
    expect(sent).toEqual([]);
  });

  test.each(ANYWHERE)("%s %s is told, and no mail is promised", async (status, code) => {
    api({ [FORGOT]: () => refused(status, code) });
    await show(<Forgot />);
    enter("email", "a@example.com");
    await press("submit");
    await screen.findByText(en.problems[code]);
    expect(screen.queryByText(en.account.linkSent)).toBeNull();
  });

  test("offline it says so, and the address stays for the next try", async () => {
    offline();
    await show(<Forgot />);
    enter("email", "a@example.com");
    await press("submit");
    await screen.findByText(en.problems.OFFLINE);
    expect(screen.getByTestId("email").props.value).toBe("a@example.com");
    expect(screen.queryByText(en.account.linkSent)).toBeNull();
  });
});

describe("a new password", () => {
  test("takes the code that the link brought, says when it is done, and leads to the log-in", async () => {
    mockKept.set("token", "t").set("refresh", "r");
    const sent = api({ [RESET]: () => ok({ status: "changed" }), "POST /auth/logout": () => ok({ status: "logged_out" }) });
    await show(<Reset />);
    enter("password", "another long passphrase");
    await press("submit");
    await screen.findByText(en.account.chosen);
    expect(sent[0]).toMatchObject({ what: RESET, body: { token: "code-of-the-mail", password: "another long passphrase" } });
    expect(mockKept.get("token")).toBeUndefined();
    await press("to-login");
    expect(mockReplace).toHaveBeenCalledWith("/login");
  });

  test.each(["is too short: at least 12 characters", "is one of those that everybody tries first: choose another"])("a weak one is marked with the reason: %s", async (problem) => {
    api({ [RESET]: () => refused(400, "REQUEST_INVALID", [{ field: "password", problem }]) });
    await show(<Reset />);
    enter("password", "password");
    await press("submit");
    await screen.findByText(en.problems.REQUEST_INVALID);
    expect(screen.getByText(problem.replace(/^i/, "I"))).toBeTruthy();
    expect(screen.queryByText(en.account.chosen)).toBeNull();
    expect(screen.getByTestId("link-code").props.value).toBe("code-of-the-mail");
  });

  test.each([
    [0, false],
    [1, true],
    [2, false],
  ])("what others have of the account ends with it only where the switch was turned: turned %i times", async (turns, isEnded) => {
    const sent = api({ [RESET]: () => ok({ status: "changed" }) });
    await show(<Reset />);
    enter("password", "another long passphrase");
    for (let turn = 0; turn < turns; turn += 1) {
      await act(async () => fireEvent(screen.getByTestId("revoke-access"), "valueChange", !(screen.getByTestId("revoke-access").props.value as boolean)));
    }
    expect(screen.getByLabelText(en.account.revoke)).toBeTruthy();
    await press("submit");
    expect(sent.find(({ what }) => what === RESET)?.body).toMatchObject({ revoke_access: isEnded });
  });

  test("a code that no link can hold is marked", async () => {
    api({ [RESET]: () => refused(400, "REQUEST_INVALID", [{ field: "token", problem: "is too long" }]) });
    await show(<Reset />);
    enter("link-code", "x".repeat(500));
    enter("password", "another long passphrase");
    await press("submit");
    await screen.findByText("Is too long");
  });

  test("a link that was used or is too old leads to a new one in one tap", async () => {
    mockKept.set("token", "t");
    api({ [RESET]: () => refused(400, "LINK_INVALID") });
    await show(<Reset />);
    enter("password", "another long passphrase");
    expect(screen.queryByTestId("ask-again")).toBeNull();
    await press("submit");
    await screen.findByText(en.problems.LINK_INVALID);
    expect(mockKept.get("token")).toBe("t");
    await press("ask-again");
    expect(mockReplace).toHaveBeenCalledWith("/forgot");
  });

  test("without a code or a password nothing is sent", async () => {
    mockLinkCode = "";
    const sent = api({});
    await show(<Reset />);
    enter("password", "another long passphrase");
    await press("submit");
    enter("link-code", "code");
    enter("password", "");
    await press("submit");
    fireEvent(screen.getByTestId("password"), "submitEditing");
    expect(sent).toEqual([]);
  });

  test.each(ANYWHERE)("%s %s is told, nothing is called changed, and the login stays", async (status, code) => {
    mockKept.set("token", "t");
    api({ [RESET]: () => refused(status, code) });
    await show(<Reset />);
    enter("password", "another long passphrase");
    await press("submit");
    await screen.findByText(en.problems[code]);
    expect(screen.queryByText(en.account.chosen)).toBeNull();
    expect(mockKept.get("token")).toBe("t");
  });

  test("offline what was entered stays for the next try", async () => {
    offline();
    await show(<Reset />);
    enter("password", "another long passphrase");
    await press("submit");
    await screen.findByText(en.problems.OFFLINE);
    expect(screen.getByTestId("password").props.value).toBe("another long passphrase");
    api({ [RESET]: () => ok({ status: "changed" }) });
    await press("submit");
    await screen.findByText(en.account.chosen);
  });
});

describe("confirming the e-mail", () => {
  test.each([
    ["t", "/"],
    [null, "/login"],
  ])("takes the code of the link, then leads on: with the login %s to %s", async (token, to) => {
    if (token !== null) mockKept.set("token", token);
    const sent = api({ [VERIFY]: () => ok({ status: "verified" }) });
    await show(<Verify />);
    enter("password", "the old passphrase");
    await press("submit");
    await screen.findByText(en.account.confirmed);
    expect(sent.map(({ what, body }) => [what, body])).toEqual([[VERIFY, { token: "code-of-the-mail", password: "the old passphrase" }]]);
    await press("go-on");
    expect(mockReplace).toHaveBeenCalledWith(to);
  });

  test("nothing is sent without the password: somebody else may have opened the account", async () => {
    const sent = api({ [VERIFY]: () => ok({ status: "verified" }) });
    await show(<Verify />);
    await press("submit");
    expect(sent).toEqual([]);
  });

  test("with another password nothing is called confirmed, and the way to a new one is shown", async () => {
    api({ [VERIFY]: () => refused(401, "CREDENTIALS_INVALID") });
    await show(<Verify />);
    enter("password", "the old passphrase");
    await press("submit");
    await screen.findByText(en.account.otherThanAccounts, { exact: false });
    expect(screen.queryByText(en.account.confirmed)).toBeNull();
    expect(screen.queryByText(en.problems.CREDENTIALS_INVALID)).toBeNull();
    await press("to-forgot");
    expect(mockReplace).toHaveBeenCalledWith("/forgot");
  });

  test("whoever is not logged in is told how to get another link for one that was used", async () => {
    api({ [VERIFY]: () => refused(400, "LINK_INVALID") });
    await show(<Verify />);
    enter("password", "the old passphrase");
    await press("submit");
    await screen.findByText(en.problems.LINK_INVALID);
    expect(screen.queryByTestId("resend")).toBeNull();
    await press("to-login");
    expect(mockReplace).toHaveBeenCalledWith("/login");
  });

  test("whoever is logged in gets another link, and the old refusal goes", async () => {
    mockKept.set("token", "t");
    const sent = api({ [VERIFY]: () => refused(400, "LINK_INVALID"), [RESEND]: () => ({ status: 202, body: { status: "sent" } }) });
    await show(<Verify />);
    enter("password", "the old passphrase");
    await press("submit");
    await screen.findByText(en.problems.LINK_INVALID);
    expect(screen.queryByTestId("to-login")).toBeNull();
    await press("resend");
    await screen.findByText(en.account.linkSent);
    expect(screen.queryByText(en.problems.LINK_INVALID)).toBeNull();
    expect(sent.map(({ what }) => what)).toEqual([VERIFY, RESEND]);
  });

  test("an address that is confirmed already is called so, without another mail", async () => {
    mockKept.set("token", "t");
    api({ [RESEND]: () => ({ status: 202, body: { status: "verified" } }) });
    await show(<Verify />);
    await press("resend");
    await screen.findByText(en.account.confirmed);
    expect(screen.queryByText(en.account.linkSent)).toBeNull();
  });

  test("a code that no link can hold is marked", async () => {
    api({ [VERIFY]: () => refused(400, "REQUEST_INVALID", [{ field: "token", problem: "is too long" }]) });
    await show(<Verify />);
    enter("password", "the old passphrase");
    await press("submit");
    await screen.findByText("Is too long");
  });

  test.each(ANYWHERE)("%s %s is told, and nothing is called confirmed", async (status, code) => {
    api({ [VERIFY]: () => refused(status, code) });
    await show(<Verify />);
    enter("password", "the old passphrase");
    await press("submit");
    await screen.findByText(en.problems[code]);
    expect(screen.queryByText(en.account.confirmed)).toBeNull();
  });

  test.each([
    [403, "ACCOUNT_LOCKED"],
    [404, "NOT_FOUND"],
    [429, "RATE_LIMITED"],
    [503, "DATABASE_UNAVAILABLE"],
  ] as const)("another link that is refused with %s %s is not called sent", async (status, code) => {
    mockKept.set("token", "t");
    const answers: Answers = { [RESEND]: () => refused(status, code) };
    api(answers);
    await show(<Verify />);
    await press("resend");
    await screen.findByText(en.problems[code]);
    expect(screen.queryByText(en.account.linkSent)).toBeNull();
  });

  test("offline it says so and the code stays", async () => {
    offline();
    await show(<Verify />);
    enter("password", "the old passphrase");
    await press("submit");
    await screen.findByText(en.problems.OFFLINE);
    expect(screen.getByTestId("link-code").props.value).toBe("code-of-the-mail");
  });
});

test.each<[string, ReactNode, string, string]>([
  ["forgot", <Forgot key="f" />, FORGOT, "email"],
  ["reset", <Reset key="r" />, RESET, "password"],
])("%s: a second press while the first is under way sends nothing", async (_name, page, what, field) => {
  let answer: (response: Response) => void = () => undefined;
  const sent: string[] = [];
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    sent.push(request.url);
    return new Promise<Response>((resolve) => (answer = resolve));
  }) as typeof fetch);
  await show(page);
  enter(field, "a@example.com");
  await press("submit");
  await act(async () => void fireEvent(screen.getByTestId(field), "submitEditing"));
  expect(sent).toHaveLength(1);
  expect(sent[0]).toContain(what.slice("POST ".length));
  await act(async () => answer(new Response("{}", { status: 400, headers: { "Content-Type": "application/json" } })));
});
