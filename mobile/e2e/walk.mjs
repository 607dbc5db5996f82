// The way through every screen, for whoever looks at them all.
import assert from "node:assert/strict";

import { fill, front, logIn, named, press, tab } from "./stage.mjs";

/** `look(name)` is called on every screen, when it stands still. */
export async function walk(page, app, trader, look) {
  const open = async (id, shown, name, further) => {
    await press(page, id);
    await front(page, shown).waitFor();
    await look(name);
    await further?.();
    await named(page, "Back");
  };
  const to = async (id) => front(page, id).scrollIntoViewIfNeeded();

  await front(page, "submit").waitFor();
  await look("login");
  await page.getByText("No account yet? Register").click();
  await look("register");
  await page.getByText("Have an account? Log in").click();
  await press(page, "to-forgot");
  await look("forgot");
  for (const [path, name] of [["reset", "reset"], ["verify", "verify"]]) {
    await page.goto(`${app}/${path}#code-of-the-mail`);
    await front(page, "link-code").waitFor();
    await look(name);
  }
  await page.goto(app);

  await logIn(page, trader);
  await front(page, "strategy-TCS").waitFor();
  await look("today");
  await open("new-strategy", "save", "create");
  await press(page, "strategy-TCS");
  await front(page, "state").waitFor();
  await look("strategy");
  await named(page, "Change");
  await front(page, "save").waitFor();
  await look("edit");
  await named(page, "Back");
  await open("timeline", "timeline-lines", "timeline");
  await open("orders", "trade", "orders");
  await open("open-kill", "kill-arm", "kill");
  await named(page, "Back");

  await tab(page, "Positions");
  await look("positions");
  await tab(page, /^Inbox/);
  await front(page, "notice-sold").waitFor();
  await look("inbox");
  await open("to-preferences", "email-state", "preferences", async () => {
    await to("bought-email");
    const last = await front(page, "bought-sms").boundingBox();
    assert.ok(last.x + last.width <= page.viewportSize().width, "the last channel's switch is on the screen");
    await look("preferences-choice");
  });
  await open("to-deliveries", "deliveries", "deliveries");
  await tab(page, "Risk");
  await look("risk");
  await tab(page, "Settings");
  await look("settings");
  await open("to-second-factor", "set-up", "second-factor");
  await open("to-password", "old-password", "password");
  await open("to-keys", "make-key", "keys");
  await open("to-viewers", "shared", "viewers", async () => {
    await press(page, "look");
    await front(page, "shared-TCS").getByText("TCS · 10").waitFor();
    await look("shared");
    await named(page, "Back");
  });
  await open("to-devices", "device", "devices");
  await open("to-account-data", "collect", "account-data");
  await open("to-broker", "broker-connected", "broker");
  await tab(page, "Today");
  await press(page, "strategy-TCS");
  await front(page, "state").waitFor();
  await named(page, "Change");
  await front(page, "last-price").waitFor();
  await to("broker-stop");
  await look("edit-figures");
  await named(page, "Back");
  await to("chart-prices");
  await front(page, "chart-SELL").waitFor();
  await look("strategy-chart");
}

/** The way through the screens that have something else to say where nothing is there yet, or nothing can be read.
 * `shown` is what each shows then. */
export async function walkWithout(page, trader, shown, look) {
  const at = async (name, open) => {
    await open();
    await shown(page, name);
    await look(name);
  };
  await logIn(page, trader);
  await at("today", async () => undefined);
  await at("positions", () => tab(page, "Positions"));
  await at("inbox", () => tab(page, /^Inbox/));
  // An inbox that cannot be read leads nowhere further.
  if (await front(page, "to-deliveries").isVisible()) {
    await at("deliveries", () => press(page, "to-deliveries"));
    await named(page, "Back");
  }
  await at("risk", () => tab(page, "Risk"));
  await tab(page, "Settings");
  for (const name of ["keys", "viewers", "devices", "broker"]) {
    await at(name, () => press(page, `to-${name}`));
    await named(page, "Back");
  }
}

/** The way through what is told apart where there are two broker accounts. */
export async function walkWithTwo(page, trader, look) {
  const to = async (id) => front(page, id).scrollIntoViewIfNeeded();
  await logIn(page, trader);
  await front(page, "strategy-TCS").getByText("Trades in HUF").waitFor();
  await look("today");
  await press(page, "new-strategy");
  await to("account");
  await look("create");
  await named(page, "Back");
  await tab(page, "Settings");
  await press(page, "to-broker");
  await front(page, "broker-account").waitFor();
  await look("broker");
  await named(page, "More: HUF");
  await look("broker-more");
  await named(page, "Less: HUF");
  await press(page, "add-account");
  await to("open-account");
  await look("broker-add");
}

/** What somebody new goes through after registering. */
export async function walkIn(page, app, trader, look) {
  await page.getByText("No account yet? Register").click();
  await fill(page, "email", trader.email);
  await fill(page, "password", trader.password);
  await press(page, "submit");
  await front(page, "to-confirm").waitFor();
  await look("mail-sent");
  await page.goto(`${app}/confirm#code-of-the-mail`);
  await front(page, "link-code").waitFor();
  await look("confirm");
}
