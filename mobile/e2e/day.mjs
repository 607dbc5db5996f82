// The day that the pictures show: the API's answers to one trader, recorded from the running product. Prices, times and
// identifiers are the same in every run, so that a picture changes only when the app does.
import { readFileSync, writeFileSync } from "node:fs";

import { call, facts } from "./stage.mjs";

const FILE = new URL("./day.json", import.meta.url);
const ANSWERED = {
  "/auth/login": { token: "recorded", refresh_token: "recorded", expires_in: 900, device_id: "00000000-0000-4000-8000-000000000000" },
  "/auth/register": { status: "asked" },
};

export const trader = { email: "trader@example.com", password: "a long passphrase" };

/** Asks the API for all that the app reads, and keeps it without what belongs to this run alone. */
export async function record(who) {
  const { token } = await call("/auth/login", { body: who });
  const { strategies } = await call("/strategy", { token });
  const paths = [
    "/strategy",
    "/risk/profile",
    "/broker/accounts",
    "/auth/devices",
    "/auth/second-factor",
    "/account/keys",
    "/account/viewers",
    "/account/shared",
    "/notifications?limit=50",
    "/notifications/deliveries?limit=50",
    "/notifications/preferences",
    ...new Set(strategies.map(({ symbol }) => `/instruments?query=${encodeURIComponent(symbol)}`)),
    ...strategies.flatMap(({ strategy_id: id }) => [`/strategy/${id}`, `/strategy/status/${id}`, `/strategy/${id}/preflight`, `/strategy/${id}/timeline`, `/strategy/${id}/orders`, `/strategy/${id}/candles`]),
  ];
  const answers = {};
  for (const path of paths) answers[path] = await call(path, { token });
  const own = [
    [who.email, trader.email],
    [facts.api, "https://api.example.com"],
    [facts.accounts[0].key, "simulated"],
  ];
  const text = own.reduce((all, [value, kept]) => all.replaceAll(value, kept), JSON.stringify({ at: new Date().toISOString(), answers }, null, 1));
  writeFileSync(FILE, `${text}\n`);
}

/** The same day of somebody who has nothing yet. */
export function emptied(day) {
  const risk = day.answers["/risk/profile"];
  const nothing = { realised: 0, open: 0, charges: 0, net: 0 };
  const usage = { ...risk.usage, today: nothing, week: nothing, exposure: [], orders_in_last_minute: 0, open_strategies: 0 };
  const none = Object.fromEntries(Object.entries(risk.limits).map(([name, limit]) => [name, typeof limit === "boolean" ? false : null]));
  const answers = {
    ...day.answers,
    "/strategy": { ...day.answers["/strategy"], strategies: [] },
    "/risk/profile": { ...risk, limits: none, usage, events: [], kill_switch: { ...risk.kill_switch, open_positions: 0 } },
    "/broker/accounts": { accounts: day.answers["/broker/accounts"].accounts.map((account) => ({ ...account, strategies: 0, connection: null })) },
    "/account/keys": { keys: [] },
    "/account/viewers": { viewers: [] },
    "/account/shared": { accounts: [] },
    "/notifications?limit=50": { ...day.answers["/notifications?limit=50"], notices: [], unread: 0, next_cursor: null },
    "/notifications/deliveries?limit=50": { ...day.answers["/notifications/deliveries?limit=50"], deliveries: [], next_cursor: null },
  };
  return { ...day, answers };
}

/** The same day of somebody with a second broker account, whose login the broker has ended, and in which one strategy trades. */
export function withTwoAccounts(day) {
  const [first] = day.answers["/broker/accounts"].accounts;
  const second = {
    ...first,
    account_id: "6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f",
    name: "HUF",
    is_default: false,
    strategies: 1,
    connection: { ...first.connection, account_id: "6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f", broker_user_id: "APP002", status: "login_required", token_expires_at: null, token_refused_at: "2026-11-27T08:31:02Z" },
  };
  const { strategies } = day.answers["/strategy"];
  const moved = strategies.find(({ symbol }) => symbol === "TCS");
  const inSecond = { ...moved, account_id: second.account_id };
  const answers = {
    ...day.answers,
    "/broker/accounts": { accounts: [{ ...first, strategies: first.strategies - 1 }, second] },
    "/strategy": { ...day.answers["/strategy"], strategies: strategies.map((one) => (one === moved ? inSecond : one)) },
    [`/strategy/${moved.strategy_id}`]: { ...day.answers[`/strategy/${moved.strategy_id}`], account_id: second.account_id },
    [`/strategy/status/${moved.strategy_id}`]: { ...day.answers[`/strategy/status/${moved.strategy_id}`], account_id: second.account_id },
  };
  return { ...day, answers };
}

/** What the API says when it fails: nothing that comes right by being asked again. */
export const FAILURE = { error: "INTERNAL", message: "something went wrong on our side", details: [] };

export function readDay() {
  return JSON.parse(readFileSync(FILE, "utf8"));
}

/** Answers a page from the recorded day. `isQuiet()`: nothing is being answered right now; `unknown`: what was asked beside. */
export async function replay(context, day, { isFailing = false } = {}) {
  const unknown = new Set();
  let open = 0;
  await context.route(`${facts.api}/api/v1/**`, async (route) => {
    open += 1;
    const request = route.request();
    const path = request.url().slice(`${facts.api}/api/v1`.length);
    const answer = request.method() === "POST" ? ANSWERED[path] : request.method() === "GET" ? day.answers[path] : undefined;
    if (answer === undefined && request.method() !== "OPTIONS") unknown.add(`${request.method()} ${path}`);
    const headers = { "Access-Control-Allow-Origin": facts.app, "Access-Control-Allow-Headers": "*, authorization, content-type" };
    if (isFailing && request.method() === "GET") await route.fulfill({ status: 500, headers, json: FAILURE });
    else await (answer === undefined ? route.fulfill({ status: 404, headers, json: { error: "NOT_FOUND", message: "not recorded", details: [] } }) : route.fulfill({ headers, json: answer }));
    open -= 1;
  });
  return { isQuiet: () => open === 0, unknown };
}
