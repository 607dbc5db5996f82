import { fireEvent, render, screen, waitFor } from "@testing-library/react-native";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { PaperProvider } from "react-native-paper";

import { ApiProblem } from "@/api/problem";
import { FreshCode } from "@/ui/fresh-code";
import { en } from "@/words/en";

const mockPost = jest.fn();
jest.mock("@/api/session", () => ({ useSession: () => ({ api: { POST: mockPost } }) }));
jest.mock("@/api/client", () => ({ body: (answer: Promise<unknown>) => answer }));

const NEEDED = new ApiProblem("FRESH_CODE_NEEDED", "show a code");
const again = jest.fn();

function show(error: unknown) {
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { mutations: { gcTime: 0 } } })}>
      <PaperProvider settings={{ icon: () => null }}>
        <FreshCode error={error} again={again} />
      </PaperProvider>
    </QueryClientProvider>,
  );
}

beforeEach(() => {
  mockPost.mockReset();
  again.mockReset();
});

test("whoever is asked for nothing sees nothing", () => {
  show(null);
  expect(screen.queryByTestId("show-code")).toBeNull();
  show(new ApiProblem("CONFLICT", "not now"));
  expect(screen.queryByTestId("show-code")).toBeNull();
});

test("a code that is right does what was asked for, once", async () => {
  mockPost.mockResolvedValue({ fresh_until: "2026-11-27T10:00:00Z" });
  show(NEEDED);
  fireEvent.press(screen.getByTestId("show-code"));
  expect(mockPost).not.toHaveBeenCalled();

  fireEvent.changeText(screen.getByTestId("code"), " 492039 ");
  fireEvent.press(screen.getByTestId("show-code"));

  await waitFor(() => expect(again).toHaveBeenCalledTimes(1));
  expect(mockPost).toHaveBeenCalledWith("/api/v1/auth/second-factor/verify", { body: { code: "492039" } });
});

test("a wrong code does nothing, is told, and is not sent again by itself", async () => {
  mockPost.mockRejectedValue(new ApiProblem("CREDENTIALS_INVALID", "the code is not right, or was used before"));
  show(NEEDED);
  fireEvent.changeText(screen.getByTestId("code"), "000000");
  fireEvent(screen.getByTestId("code"), "submitEditing");

  await waitFor(() => expect(screen.getByText("the code is not right, or was used before")).toBeTruthy());
  expect(again).not.toHaveBeenCalled();
  expect(mockPost).toHaveBeenCalledTimes(1);
  expect(screen.getByTestId("code").props.value).toBe("");
  expect(screen.getByText(en.secondFactor.fresh)).toBeTruthy();
});
