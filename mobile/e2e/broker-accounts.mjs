// Two broker accounts of one trader: the second is added and logged in to in the app, and a strategy trades in it.
import assert from "node:assert/strict";

import { call, device, facts, fill, front, logIn, named, person, press, tab, until } from "./stage.mjs";

/** `create(page, plan)` fills a new strategy's form. */
export async function tradeInSecondAccount(browser, create) {
  const family = await person("family");
  const [, first, second] = facts.accounts;
  await call("/broker/connect", { token: family.token, body: { api_key: first.key, api_secret: first.secret, access_token: first.token } });
  const one = await device(browser);
  const { page, faults } = one;
  await logIn(page, family);
  await page.getByText(/^Connected as APP002\./).waitFor();
  await press(page, "new-strategy");
  await front(page, "save").waitFor();
  assert.equal(await page.locator('[data-testid="account"]:visible').count(), 0, "whoever has one account is asked nothing");
  await named(page, "Back");

  await addAccount(one, second);
  await named(page, "Back");
  await tab(page, "Today");
  await page.getByText(/^HUF: Connected as APP003\./).waitFor();
  await create(page, { symbol: "HDFCBANK", price: 985, stopPercent: 5, buyIn: 20 });
  await page.getByRole("radio", { name: "HUF" }).click();
  await press(page, "save");
  await front(page, "in-account").getByText("Trades in HUF").waitFor();
  await press(page, "start");
  const isAt = (state) => async () => (await front(page, "state").innerText()) === state;
  await until("it holds", isAt("Holding"), 70);
  const { strategies } = await call("/strategy", { token: family.token });
  const { accounts } = await call("/broker/accounts", { token: family.token });
  assert.deepEqual(strategies.map(({ account_id }) => account_id), [accounts.find(({ name }) => name === "HUF").account_id]);

  await named(page, "Change");
  await page.getByRole("radio", { name: "Main account (default)" }).locator("visible=true").click();
  const seen = page.waitForRequest((request) => request.method() === "PUT");
  await press(page, "save");
  assert.match((await (await seen).allHeaders())["if-match"] ?? "none", /^"/, "a browser may read the tag of what it changes");
  await front(page, "account").getByText("Cannot change while a position is open").waitFor();
  await named(page, "Back");
  await press(page, "confirm"); // what was entered is not stored
  await named(page, "Back");
  await refuseToRemove(page);
  await tab(page, "Today");
  await press(page, "strategy-HDFCBANK");
  await named(page, "Stop");
  await press(page, "confirm");
  await until("it is sold", isAt("Sold"), 40);
  assert.deepEqual(faults, []);
  await one.context.close();
}

async function addAccount({ page, context }, keys) {
  await tab(page, "Settings");
  await press(page, "to-broker");
  await press(page, "add-account");
  await fill(page, "account-name", "HUF");
  await press(page, "open-account");
  await fill(page, "apiKey", keys.key);
  await fill(page, "apiSecret", keys.secret);
  const opened = context.waitForEvent("page");
  await press(page, "connect");
  const brokerPage = await opened;
  await brokerPage.getByRole("button", { name: "Log in and authorise" }).click();
  await brokerPage.getByText("Your broker account APP003 is connected until 06:00 IST.").waitFor();
  await brokerPage.close();
  const cards = page.locator('[data-testid="broker-account"]:visible');
  await cards.filter({ hasText: "HUF" }).getByText(/^Connected as APP003\./).waitFor();
  await cards.filter({ hasText: "Main account" }).getByText(/^Connected as APP002\./).waitFor();
}

/** An account in which something trades, and the default one, stay: each says why. */
async function refuseToRemove(page) {
  await tab(page, "Settings");
  await press(page, "to-broker");
  for (const [name, why] of [["HUF", "Strategies or orders need this account. Move or delete its strategies; if it traded today, try tomorrow."], ["Main account", "This is your default account."]]) {
    await named(page, `More: ${name}`);
    await named(page, `Remove the account: ${name}`);
    await press(page, "confirm");
    await page.locator('[data-testid="broker-account"]:visible').filter({ hasText: name }).getByText(why).waitFor();
    await named(page, `Less: ${name}`);
  }
  await named(page, "Back");
}
