import { act, fireEvent, screen } from "@testing-library/react-native";

import SecondFactor from "@/app/second-factor";
import { en } from "@/words/en";

import { api, ok, refused, show } from "./stage";

jest.mock("expo-router", () => ({ router: {}, usePathname: () => "/second-factor" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const press = (id: string) => act(async () => fireEvent.press(screen.getByTestId(id)));

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
