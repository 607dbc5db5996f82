import { act, fireEvent, screen } from "@testing-library/react-native";

import SecondFactor from "@/app/second-factor";
import { en } from "@/words/en";

import { api, ok, refused, show } from "./stage";

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/second-factor" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const press = (id: string) => act(async () => fireEvent.press(screen.getByTestId(id)));

test("a switch that was made without its answer says that the recovery codes are lost", async () => {
  let isOn = false;
  api({
    "GET /auth/second-factor": () => ok({ is_on: isOn }),
    "POST /auth/second-factor": () => ok({ secret: "ABC", uri: "otpauth://totp/x" }),
    "POST /auth/second-factor/confirm": () => {
      isOn = true;
      throw new TypeError("Network request failed");
    },
  });
  await show(<SecondFactor />);
  await screen.findByTestId("set-up");
  await press("set-up");
  fireEvent.changeText(await screen.findByTestId("code"), "123456");
  await press("confirm-code");
  await screen.findByText(en.secondFactor.codesLost);
});

test("codes that came are shown, and nothing is said to be lost", async () => {
  let isOn = false;
  api({
    "GET /auth/second-factor": () => ok({ is_on: isOn }),
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
  await screen.findByTestId("set-up");
  await press("set-up");
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
    "GET /auth/second-factor": () => ok({ is_on: false }),
    "POST /auth/second-factor": () => ok({ secret: "ABC", uri: "otpauth://totp/x" }),
    "POST /auth/second-factor/confirm": () => refused(401, "CREDENTIALS_INVALID"),
  });
  await show(<SecondFactor />);
  await screen.findByTestId("set-up");
  await press("set-up");
  fireEvent.changeText(await screen.findByTestId("code"), "123456");
  await press("confirm-code");
  await screen.findByText(en.secondFactor.codeWrong);
  expect(screen.queryByText(en.problems.CREDENTIALS_INVALID)).toBeNull();
});
