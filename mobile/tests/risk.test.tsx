import { fireEvent, screen, waitFor } from "@testing-library/react-native";

import Risk from "@/app/(tabs)/risk";

import { api, ok, show } from "./stage";

jest.mock("expo-router", () => ({ router: { push: jest.fn() }, usePathname: () => "/risk" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const LIMITS = {
  daily_loss_limit: 5000,
  weekly_loss_limit: null,
  position_size_limit: null,
  symbol_exposure_limit: null,
  orders_per_minute: null,
  open_strategies: 20,
  square_off_on_loss: false,
};
const RESULT = { realised: 0, open: 0, charges: 0, net: 0 };
const PROFILE = {
  limits: LIMITS,
  usage: { today: RESULT, week: RESULT, open_strategies: 0, orders_in_last_minute: 0 },
  kill_switch: { is_locked: false, operator: null },
  events: [],
};

test("what was stored is said to be, until something else is entered", async () => {
  api({ "GET /risk/profile": () => ok(PROFILE), "PUT /risk/profile": () => ok(PROFILE) });
  await show(<Risk />);
  const daily = await screen.findByTestId("daily_loss_limit");
  expect(screen.queryByTestId("limits-saved")).toBeNull();
  fireEvent.changeText(daily, "4000");
  fireEvent.press(screen.getByTestId("save-limits"));
  await screen.findByTestId("limits-saved");
  fireEvent.changeText(daily, "3000");
  await waitFor(() => expect(screen.queryByTestId("limits-saved")).toBeNull());
  fireEvent.changeText(daily, "4000");
  await screen.findByTestId("limits-saved");
});

test("limits are read as India writes them", async () => {
  const sent = api({ "GET /risk/profile": () => ok(PROFILE), "PUT /risk/profile": () => ok(PROFILE) });
  await show(<Risk />);
  fireEvent.changeText(await screen.findByTestId("daily_loss_limit"), "1,00,000.50");
  fireEvent.changeText(screen.getByTestId("orders_per_minute"), "1,000");
  fireEvent.press(screen.getByTestId("save-limits"));
  await screen.findByTestId("limits-saved");
  const { body } = sent.find(({ what }) => what === "PUT /risk/profile") ?? {};
  expect(body).toEqual({ ...LIMITS, daily_loss_limit: 100_000.5, orders_per_minute: 1000 });
});

test("a comma that groups nothing is asked about rather than guessed at", async () => {
  const sent = api({ "GET /risk/profile": () => ok(PROFILE) });
  await show(<Risk />);
  fireEvent.changeText(await screen.findByTestId("daily_loss_limit"), "1,5");
  fireEvent.press(screen.getByTestId("save-limits"));
  await waitFor(() => expect(screen.getByText(/^Must be empty or a number above zero/)).toBeTruthy());
  expect(sent.some(({ what }) => what.startsWith("PUT"))).toBe(false);
});
