/** Registering, and opening the account by the link of the mail: nothing is said that tells who has an account. */
import { act, fireEvent, screen } from "@testing-library/react-native";

import Confirm from "@/app/confirm";
import Register from "@/app/register";
import { en } from "@/words/en";

import { api, ok, refused, show, type Answers } from "./stage";

const mockTo = jest.fn();
jest.mock("expo-router", () => ({
  Link: ({ children }: { children: React.ReactNode }) => children,
  router: { canGoBack: () => false, replace: (to: string) => mockTo(to), push: (to: string) => mockTo(to) },
  usePathname: () => "/register",
}));
const mockKept = new Map<string, string>();
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => mockKept.get(name) ?? null,
  writeKept: async (name: string, value: string | null) => void (value === null ? mockKept.delete(name) : mockKept.set(name, value)),
}));
let mockLinkCode = "";
jest.mock("@/api/link", () => ({ takeLinkCode: () => mockLinkCode }));

beforeEach(() => {
  mockTo.mockClear();
  mockKept.clear();
  mockLinkCode = "code-of-the-mail";
});

const REGISTER = "POST /auth/register";
const CONFIRM = "POST /auth/register/confirm";
const LOGIN = "POST /auth/login";
const PERSON = { email: "a@example.com", password: "a long passphrase" };
const asked = () => ({ status: 202, body: { status: "asked" } });
const opened = () => ok({ status: "confirmed", user_id: "u", email: PERSON.email });
const loggedIn = () => ok({ token: "t", refresh_token: "r", device_id: "d", expires_in: 900, password_is_common: false });

const enter = (id: string, text: string) => fireEvent.changeText(screen.getByTestId(id), text);
const press = (id: string) => act(async () => fireEvent.press(screen.getByTestId(id)));

async function register(answers: Answers) {
  const sent = api(answers);
  await show(<Register />);
  enter("email", PERSON.email);
  enter("password", PERSON.password);
  await press("submit");
  return sent;
}

describe("registering", () => {
  test("asks for an account, logs nobody in, and leads to the mail", async () => {
    const sent = await register({ [REGISTER]: asked });
    await screen.findByText(en.account.mailSentTo(PERSON.email));
    expect(sent.map(({ what, body }) => [what, body])).toEqual([[REGISTER, PERSON]]);
    expect(mockKept.size).toBe(0);
    // The same words whoever has the address: they name both mails that may come.
    expect(en.account.mailSentHow).toMatch(/^If the address has an account already/);
    await press("to-confirm");
    await press("to-login");
    expect(mockTo.mock.calls).toEqual([["/confirm"], ["/login"]]);
  });

  test("another mail is one more registration with the same address and password", async () => {
    const sent = await register({ [REGISTER]: asked });
    expect(screen.queryByText(en.account.sentAgain)).toBeNull();
    await press("resend");
    await screen.findByText(en.account.sentAgain);
    expect(sent.map(({ body }) => body)).toEqual([PERSON, PERSON]);
  });

  test("another mail that is refused is not called sent", async () => {
    const answers: Answers = { [REGISTER]: asked };
    await register(answers);
    answers[REGISTER] = () => refused(429, "TOO_MANY_TRIES");
    await press("resend");
    await screen.findByText(en.problems.TOO_MANY_TRIES);
    expect(screen.queryByText(en.account.sentAgain)).toBeNull();
  });

  test("who has mistyped the address goes back to what was entered", async () => {
    await register({ [REGISTER]: asked });
    await press("change");
    expect(screen.getByTestId("email").props.value).toBe(PERSON.email);
  });

  test.each([
    [400, "REQUEST_INVALID"],
    [429, "TOO_MANY_TRIES"],
    [503, "DATABASE_UNAVAILABLE"],
  ] as const)("%s %s is told, and no mail is promised", async (status, code) => {
    await register({ [REGISTER]: () => refused(status, code) });
    await screen.findByText(en.problems[code]);
    expect(screen.queryByText(en.account.lookAtMail)).toBeNull();
  });
});

describe("opening the account", () => {
  async function confirm(answers: Answers) {
    const sent = api(answers);
    await show(<Confirm />);
    enter("password", PERSON.password);
    await press("submit");
    return sent;
  }

  test("takes the code of the link and the password, then logs in with that", async () => {
    const sent = await confirm({ [CONFIRM]: opened, [LOGIN]: loggedIn });
    await screen.findByText(en.account.opened);
    expect(sent[0]).toMatchObject({ what: CONFIRM, body: { token: "code-of-the-mail", password: PERSON.password } });
    expect(sent[1]).toMatchObject({ what: LOGIN, body: PERSON });
    expect(mockKept.get("token")).toBe("t");
    await press("go-on");
    expect(mockTo).toHaveBeenCalledWith("/");
  });

  test("an account that is open is called so though the login fails, and leads to it", async () => {
    await confirm({ [CONFIRM]: opened, [LOGIN]: () => refused(503, "DATABASE_UNAVAILABLE") });
    await screen.findByText(en.account.opened);
    await press("go-on");
    expect(mockTo).toHaveBeenCalledWith("/login");
  });

  test("whoever is logged in here stays so", async () => {
    mockKept.set("token", "of somebody").set("email", "b@example.com");
    const sent = await confirm({ [CONFIRM]: opened });
    await screen.findByText(en.account.opened);
    expect(sent.map(({ what }) => what)).toEqual([CONFIRM]);
    expect(mockKept.get("token")).toBe("of somebody");
  });

  test("the password of another registration is marked, and says what may have happened", async () => {
    await confirm({ [CONFIRM]: () => refused(401, "CREDENTIALS_INVALID") });
    await screen.findByText(en.account.otherPassword.replace(/^i/, "I"));
    expect(screen.queryByText(en.account.opened)).toBeNull();
    expect(screen.getByTestId("link-code").props.value).toBe("code-of-the-mail");
    await press("to-register");
    expect(mockTo).toHaveBeenCalledWith("/register");
  });

  test("a link that was used leads to the log-in, or to another", async () => {
    await confirm({ [CONFIRM]: () => refused(400, "LINK_INVALID") });
    await screen.findByText(en.problems.LINK_INVALID);
    await press("to-login");
    await press("to-register");
    expect(mockTo.mock.calls).toEqual([["/login"], ["/register"]]);
  });

  test("without a code or a password nothing is sent", async () => {
    mockLinkCode = "";
    const sent = api({});
    await show(<Confirm />);
    enter("password", PERSON.password);
    await press("submit");
    enter("link-code", "code");
    enter("password", "");
    fireEvent(screen.getByTestId("password"), "submitEditing");
    expect(sent).toEqual([]);
  });

  test.each([
    [429, "TOO_MANY_TRIES"],
    [500, "INTERNAL"],
    [503, "DATABASE_UNAVAILABLE"],
  ] as const)("%s %s is told, and nothing is called open", async (status, code) => {
    await confirm({ [CONFIRM]: () => refused(status, code) });
    await screen.findByText(en.problems[code]);
    expect(screen.queryByText(en.account.opened)).toBeNull();
  });
});
