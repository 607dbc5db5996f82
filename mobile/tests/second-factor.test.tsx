import { act, fireEvent, screen } from "@testing-library/react-native";

import SecondFactor from "@/app/second-factor";
import { en } from "@/words/en";

import { api, ok, refused, show, type Answers } from "./stage";

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/second-factor" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const press = (id: string) => act(async () => fireEvent.press(screen.getByTestId(id)));
const OFF = () => ok({ is_on: false, recovery_codes_left: null });

async function setUp(password = "a long passphrase") {
  fireEvent.changeText(await screen.findByTestId("password"), password);
  await press("set-up");
}

test("a switch that was made without its answer says that the recovery codes are lost", async () => {
  let isOn = false;
  api({
    "GET /auth/second-factor": () => ok({ is_on: isOn, recovery_codes_left: isOn ? 10 : null }),
    "POST /auth/second-factor": () => ok({ secret: "ABC", uri: "otpauth://totp/x" }),
    "POST /auth/second-factor/confirm": () => {
      isOn = true;
      throw new TypeError("Network request failed");
    },
  });
  await show(<SecondFactor />);
  await setUp();
  fireEvent.changeText(await screen.findByTestId("code"), "123456");
  await press("confirm-code");
  await screen.findByText(en.secondFactor.codesLost);
});

test("codes that came are shown, and nothing is said to be lost", async () => {
  let isOn = false;
  api({
    "GET /auth/second-factor": () => ok({ is_on: isOn, recovery_codes_left: isOn ? 10 : null }),
    "POST /auth/second-factor": () => ok({ secret: "ABC", uri: "otpauth://totp/x" }),
    "POST /auth/second-factor/confirm": () => {
      isOn = true;
      return ok({ recovery_codes: ["one", "two"] });
    },
    "POST /auth/second-factor/remove": () => {
      isOn = false;
      return ok({});
    },
  });
  await show(<SecondFactor />);
  await setUp();
  fireEvent.changeText(await screen.findByTestId("code"), "123456");
  await press("confirm-code");
  await screen.findByText(en.secondFactor.on);
  expect(screen.getByTestId("recovery-codes")).toHaveTextContent("one two");
  expect(screen.queryByText(en.secondFactor.codesLost)).toBeNull();

  fireEvent.changeText(await screen.findByTestId("code"), "654321");
  await act(async () => fireEvent.press(screen.getByText(en.secondFactor.remove)));
  await act(async () => fireEvent.press(screen.getByTestId("confirm")));
  await screen.findByText(en.secondFactor.off);
  expect(screen.queryByTestId("recovery-codes")).toBeNull();
});

test("a wrong code is called a wrong code, not a wrong password", async () => {
  api({
    "GET /auth/second-factor": () => ok({ is_on: false, recovery_codes_left: null }),
    "POST /auth/second-factor": () => ok({ secret: "ABC", uri: "otpauth://totp/x" }),
    "POST /auth/second-factor/confirm": () => refused(401, "CREDENTIALS_INVALID"),
  });
  await show(<SecondFactor />);
  await setUp();
  fireEvent.changeText(await screen.findByTestId("code"), "123456");
  await press("confirm-code");
  await screen.findByText(en.secondFactor.codeWrong);
  expect(screen.queryByText(en.problems.CREDENTIALS_INVALID)).toBeNull();
});

test("it is set up with the password, which is not kept, and not without one", async () => {
  const sent = api({ "GET /auth/second-factor": OFF, "POST /auth/second-factor": () => ok({ secret: "ABC", uri: "otpauth://totp/x" }) });
  await show(<SecondFactor />);
  fireEvent(await screen.findByTestId("password"), "submitEditing");
  await press("set-up");
  expect(sent.map(({ what }) => what)).toEqual(["GET /auth/second-factor"]);

  await setUp();
  expect(await screen.findByTestId("secret")).toHaveTextContent("ABC");
  expect(sent.slice(1).map(({ what, body }) => [what, body])).toEqual([["POST /auth/second-factor", { password: "a long passphrase" }]]);
  expect(screen.queryByTestId("password")).toBeNull();
});

test.each([
  [401, "CREDENTIALS_INVALID", en.secondFactor.passwordWrong],
  [429, "TOO_MANY_TRIES", en.problems.TOO_MANY_TRIES],
  [409, "CONFLICT", en.problems.CONFLICT],
] as const)("%s %s to the password is told, no secret is shown, and another try is open", async (status, code, words) => {
  const answers: Answers = { "GET /auth/second-factor": OFF, "POST /auth/second-factor": () => refused(status, code) };
  api(answers);
  await show(<SecondFactor />);
  await setUp("a wrong one");
  await screen.findByText(words);
  expect(screen.queryByTestId("secret")).toBeNull();
  expect(screen.queryByText(en.secondFactor.codeWrong)).toBeNull();

  answers["POST /auth/second-factor"] = () => ok({ secret: "ABC", uri: "otpauth://totp/x" });
  await setUp();
  await screen.findByTestId("secret");
  expect(screen.queryByText(words)).toBeNull();
});

test.each([
  [10, "10 recovery codes are left.", false],
  [3, "3 recovery codes are left.", false],
  [2, "2 recovery codes are left.", true],
  [1, "1 recovery code is left.", true],
  [0, "No recovery code is left.", true],
])("%s recovery codes that are left are counted, and few are called few", async (count, words, areFew) => {
  api({ "GET /auth/second-factor": () => ok({ is_on: true, recovery_codes_left: count }) });
  await show(<SecondFactor />);
  expect(await screen.findByTestId("codes-left")).toHaveTextContent(words);
  expect(screen.queryByText(en.secondFactor.codesFew) !== null).toBe(areFew);
});
