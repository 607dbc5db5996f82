import { fireEvent, screen, waitFor } from "@testing-library/react-native";

import Risk from "@/app/(tabs)/risk";

import { en } from "@/words/en";

import { api, ok, refused, show } from "./stage";

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

test("limits that another device has changed since are not overwritten unseen", async () => {
  // Both devices have read the same; the other one lowers the loss first.
  let stored = LIMITS;
  let tag = '"seen"';
  const read = () => ({ ...ok({ ...PROFILE, limits: stored }), headers: { ETag: tag } });
  const sent = api({
    "GET /risk/profile": read,
    "PUT /risk/profile": ({ headers, body }) => {
      if (headers?.get("If-Match") !== tag) return refused(412, "PRECONDITION_FAILED");
      stored = body as typeof LIMITS;
      tag = `"${stored.open_strategies}"`;
      return read();
    },
  });
  await show(<Risk />);
  await screen.findByTestId("open_strategies");
  stored = { ...LIMITS, daily_loss_limit: 1000 };
  tag = '"changed"';

  fireEvent.changeText(screen.getByTestId("open_strategies"), "5");
  fireEvent.press(screen.getByTestId("save-limits"));
  await screen.findByText(en.problems.PRECONDITION_FAILED);
  expect(stored.daily_loss_limit).toBe(1000);

  // Loaded again it shows what the other device has stored, and what is then saved is saved, and once more.
  fireEvent.press(screen.getByTestId("load-again"));
  await waitFor(() => expect(screen.getByTestId("daily_loss_limit").props.value).toBe("1000"));
  for (const count of ["6", "7"]) {
    fireEvent.changeText(screen.getByTestId("open_strategies"), count);
    fireEvent.press(screen.getByTestId("save-limits"));
    await screen.findByTestId("limits-saved");
    await waitFor(() => expect(stored).toEqual({ ...LIMITS, daily_loss_limit: 1000, open_strategies: Number(count) }));
    await new Promise((done) => setTimeout(done, 800));
  }
  expect(sent.filter(({ what }) => what === "PUT /risk/profile").map(({ headers }) => headers?.get("If-Match"))).toEqual(['"seen"', '"changed"', '"6"']);
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
