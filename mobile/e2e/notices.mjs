// What a trader is told: where it goes, how it is found, what became of it.
import assert from "node:assert/strict";

import { call, facts, fill, front, named, press, tab, until } from "./stage.mjs";

const WEBHOOK = "https://hooks.example.com/app";
const CHAT = "987654321";
const MOBILE = "+919812345678";

export async function chooseChannels({ page }, who) {
  const { token } = await call("/auth/login", { body: who });
  await tab(page, "Settings");
  await press(page, "to-notices");
  await front(page, "email-state").getByText("On", { exact: true }).waitFor();
  await fill(page, "webhook-url", "http://hooks.example.com/app");
  await press(page, "set-webhook");
  await page.getByText("must be an https:// address on port 443, without a user's name").waitFor();
  await fill(page, "webhook-url", WEBHOOK);
  await press(page, "set-webhook");
  assert.match(await front(page, "webhook-secret").innerText(), /^whsec_/);
  await front(page, "webhook-state").getByText(WEBHOOK).waitFor();

  await fill(page, "chat", CHAT);
  await press(page, "ask-chat");
  await front(page, "telegram-state").getByText("Not confirmed: nothing is sent there yet").waitFor();
  await fill(page, "chat-code", await codeFor(CHAT));
  await press(page, "confirm-chat");
  await front(page, "telegram-state").getByText("On", { exact: true }).waitFor();

  await fill(page, "mobile", "98123 45678");
  await press(page, "ask-mobile");
  await front(page, "sms-state").getByText("+91******5678").waitFor();
  await fill(page, "mobile-code", await codeFor(MOBILE));
  await press(page, "confirm-mobile");
  await front(page, "sms-state").getByText("On", { exact: true }).waitFor();

  await page.getByRole("switch", { name: "Buy accepted, not filled yet: by Mail", exact: true }).click();
  await front(page, "bought-switches").getByText("Telegram").click();
  assert.equal(await page.getByRole("switch", { name: "Password changed: by Mail", exact: true }).isDisabled(), true);
  await press(page, "save-choice");
  await front(page, "choice-saved").waitFor();
  const { kinds } = await call("/notifications/preferences", { token });
  assert.deepEqual([kinds.buy_accepted.toSorted(), kinds.bought.toSorted()], [["email", "webhook"], ["email", "push", "webhook"]]);
  await named(page, "Back");
  await tab(page, "Today");
}

function codeFor(to) {
  return until(`the code for ${to}`, async () => {
    const messages = await (await fetch(`${facts.mailbox}/messages`)).json();
    return /code is (\w+)\./.exec(messages.findLast((each) => each.to === to)?.text ?? "")?.[1];
  });
}

export async function readInbox({ page }, who) {
  const begun = Date.now();
  const { token } = await call("/auth/login", { body: who });
  const unread = async () => Number(/^\d+/.exec(await front(page, "unread").innerText())?.[0] ?? 0);
  await tab(page, /^Inbox \(\d+\), unread$/);
  const sold = page.locator('[data-testid="notice-sold"]:visible').filter({ hasText: "TCS" });
  await sold.getByText("New").waitFor();
  // This very login is on a device that nobody has seen before, and told a moment later.
  const before = await until("the login above is told, and counted on the screen", async () => {
    const inbox = await call("/notifications", { token });
    const isTold = inbox.notices.some((each) => each.kind === "new_device" && Date.parse(each.created_at) >= begun - 1000);
    return isTold && (await unread()) === inbox.unread && inbox.unread;
  });
  assert.ok(before >= 8, `a day with two trades and a kill tells more than ${before} things`);
  await sold.click();
  await page.getByRole("heading", { name: "TCS" }).locator("visible=true").waitFor();
  assert.equal(await front(page, "state").innerText(), "Sold");
  await named(page, "Back");
  await until("one less is unread", async () => (await unread()) === before - 1);
  await sold.getByText("New").waitFor({ state: "detached" });
  await press(page, "mark-all");
  await page.getByText("Everything is read.").waitFor();
  assert.equal((await call("/notifications", { token })).unread, 0);
  await page.getByRole("tab", { name: "Inbox", exact: true }).waitFor();
}

export async function readDeliveries({ page }) {
  await tab(page, "Inbox");
  await press(page, "to-deliveries");
  const log = front(page, "deliveries");
  for (const channel of ["Mail", "Webhook", "Telegram", "SMS"]) await log.getByText(new RegExp(`^${channel}, `)).first().waitFor();
  await log.getByText("Taken by the channel").first().waitFor();
  await named(page, "Back");
}
