/** What is held: what it cost, what it is worth, what it brings, and what of that nobody knows. */
import { act, fireEvent, screen, within } from "@testing-library/react-native";

import type { BrokerAccount, RiskProfile, Strategy } from "@/api/queries";
import Positions from "@/app/(tabs)/positions";
import { istMoment } from "@/rules/clock";
import { openResult, type Exposure } from "@/rules/positions";
import { en } from "@/words/en";

import day from "../e2e/day.json";
import { api, ok, refused, show } from "./stage";

const mockPush = jest.fn();
jest.mock("expo-router", () => ({ router: { push: (to: string) => mockPush(to) }, usePathname: () => "/positions" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

const recorded = (day.answers as Record<string, unknown>)["/risk/profile"] as RiskProfile;
const HELD: Exposure = {
  exchange: "NSE",
  symbol: "TCS",
  quantity: 10,
  value: 35500,
  is_estimated: false,
  held: 10,
  average_price: 3600.05,
  last_price: 3550,
  last_price_at: "2026-11-27T08:34:50Z",
  open_pnl: -500.5,
  strategy_ids: ["s1"],
};
const UNKNOWN: Exposure = { ...HELD, symbol: "INFY", is_estimated: true, last_price: null, last_price_at: null, open_pnl: null };

const [own] = ((day.answers as Record<string, unknown>)["/broker/accounts"] as { accounts: [BrokerAccount] }).accounts;
const [stored] = ((day.answers as Record<string, unknown>)["/strategy"] as { strategies: [Strategy] }).strategies;
const OWNERS = {
  "GET /strategy": () => ok({ strategies: [{ ...stored, strategy_id: "s1", account_id: "a1" }, { ...stored, strategy_id: "s2", account_id: "a2" }] }),
  "GET /broker/accounts": () => ok({ accounts: [{ ...own, account_id: "a1", name: "My own" }, { ...own, account_id: "a2", name: "Family", is_default: false }] }),
};

async function open(...exposure: Exposure[]) {
  api({ ...OWNERS, "GET /risk/profile": () => ok({ ...recorded, as_of: "2026-11-27T08:35:00Z", usage: { ...recorded.usage, exposure } }) });
  await show(<Positions />);
  await act(async () => void (await new Promise((done) => setTimeout(done, 0))));
}

test("a position is told with what it cost, its last price and when that was, and what it brings", async () => {
  await open(HELD);
  const tcs = within(await screen.findByTestId("position-TCS"));
  for (const text of ["TCS · NSE", "10", "₹3,600.05", "₹3,550.00", "at 14:04:50 IST", "₹35,500.00", "-₹500.50"]) expect(tcs.getByText(text)).toBeTruthy();
  expect(tcs.queryByText(en.positions.estimated)).toBeNull();
});

test("all that is held has one result", async () => {
  await open(HELD, { ...HELD, symbol: "INFY", open_pnl: 800.75 });
  expect(within(await screen.findByTestId("positions-total")).getByText("+₹300.25")).toBeTruthy();
});

test("without a price there is no result, and the sum says what it leaves out", async () => {
  await open(HELD, UNKNOWN);
  const infy = within(await screen.findByTestId("position-INFY"));
  expect(infy.getByText(en.positions.estimated)).toBeTruthy();
  expect(infy.getAllByText("–")).toHaveLength(2);
  const total = within(screen.getByTestId("positions-total"));
  expect(total.getByText("-₹500.50")).toBeTruthy();
  expect(total.getByText("Without INFY: no price is known.")).toBeTruthy();
});

test("what is only on order is not called held, and brings nothing yet", async () => {
  await open({ ...HELD, held: 0, average_price: null, open_pnl: null });
  const tcs = within(await screen.findByTestId("position-TCS"));
  expect(tcs.getByText("10 on order")).toBeTruthy();
  expect(screen.queryByTestId("positions-total")).toBeNull();
});

test("half of an order that is filled is told apart from what is to come", async () => {
  await open({ ...HELD, held: 4 });
  expect(within(await screen.findByTestId("position-TCS")).getByText("4, and 6 on order")).toBeTruthy();
});

test("a position leads to its strategies, and names their accounts where there are several", async () => {
  await open({ ...HELD, strategy_ids: ["s1", "s2"] });
  expect(await screen.findByText("Its strategy in My own")).toBeTruthy();
  fireEvent.press(screen.getByText("Its strategy in Family"));
  expect(mockPush).toHaveBeenCalledWith("/strategy/s2");
});

test("whoever has one account is told of none", async () => {
  api({ ...OWNERS, "GET /broker/accounts": () => ok({ accounts: [own] }), "GET /risk/profile": () => ok({ ...recorded, usage: { ...recorded.usage, exposure: [HELD] } }) });
  await show(<Positions />);
  fireEvent.press(await screen.findByText("Its strategy"));
  expect(mockPush).toHaveBeenLastCalledWith("/strategy/s1");
});

test("where nothing is held that is said", async () => {
  await open();
  expect(await screen.findByText(en.positions.none)).toBeTruthy();
  expect(screen.queryByTestId("positions-total")).toBeNull();
});

test("what cannot be read says what to do, and shows no position", async () => {
  api({ "GET /risk/profile": () => refused(400, "REQUEST_INVALID") });
  await show(<Positions />);
  expect(await screen.findByText(en.problems.REQUEST_INVALID)).toBeTruthy();
  expect(screen.getByText(en.common.tryAgain)).toBeTruthy();
  expect(screen.queryByText(en.positions.none)).toBeNull();
});

test("a sum is exact to the paisa, and of nothing known it is not zero", () => {
  expect(openResult([{ ...HELD, open_pnl: 0.1 }, { ...HELD, open_pnl: 0.2 }]).result).toBe(0.3);
  expect(openResult([UNKNOWN])).toEqual({ result: null, unknown: ["INFY"] });
  expect(openResult([{ ...UNKNOWN, held: 0 }])).toEqual({ result: null, unknown: [] });
});

test("the time alone is told only of what was today in India", () => {
  const now = Date.parse("2026-11-27T19:00:00Z");
  expect(istMoment("2026-11-27T18:31:00Z", now)).toBe("00:01:00");
  expect(istMoment("2026-11-27T09:59:59Z", now)).toBe("2026-11-27 15:29:59");
});
