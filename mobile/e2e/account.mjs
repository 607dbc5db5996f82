// What somebody does with an account: confirm its e-mail, choose a new password, take everything along, leave.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { call, device, facts, fill, followMail, front, logIn, named, person, press, tab } from "./stage.mjs";

/** Registers, follows the link of the mail, and goes on in the page that it opened: whoever comes so is at home there. */
export async function register({ page, context, faults }, who) {
  await page.getByText("No account yet? Register").click();
  await fill(page, "email", who.email);
  await fill(page, "password", "short");
  await press(page, "submit");
  await page.getByText("must have at least 12 characters").waitFor();
  await fill(page, "password", who.password);
  await press(page, "submit");
  await page.getByText(`A mail is on its way to ${who.email}.`).waitFor();
  await assert.rejects(call("/auth/login", { body: who }), /CREDENTIALS_INVALID/, "nobody is let in before that");

  const { page: opened } = await followMail(context, who.email, "Confirm your e-mail");
  assert.notEqual(await front(opened, "link-code").inputValue(), "", "the link brings its code along");
  assert.equal(new URL(opened.url()).hash, "", "the code does not stay in the address");
  opened.on("pageerror", (error) => faults.push(String(error)));
  await fill(opened, "password", "a strangers passphrase");
  await press(opened, "submit");
  await opened.getByText(/^Is not the one of this mail\./).waitFor();
  await fill(opened, "password", who.password);
  await press(opened, "submit");
  await opened.getByText("Your e-mail is confirmed, and your account is open.").waitFor();
  await press(opened, "go-on");
  await page.close();
  const { token } = await call("/auth/login", { body: who });
  assert.equal((await call("/account", { token })).email_verified, true);
  return opened;
}

/** Somebody else registers with an address that has an account: there the same is said, and its owner is told. */
export async function registerAgain(browser, who) {
  const { page, context, faults } = await device(browser);
  await page.getByText("No account yet? Register").click();
  await fill(page, "email", who.email);
  await fill(page, "password", "a strangers passphrase");
  await press(page, "submit");
  await page.getByText(`A mail is on its way to ${who.email}.`).waitFor();
  const { page: led } = await followMail(context, who.email, "You have an account already");
  await logIn(led, who);
  assert.deepEqual(faults, []);
  await context.close();
}

export async function chooseNewPassword(browser) {
  const { token: _, ...who } = await person("forgetful");
  const changed = { email: who.email, password: "another long passphrase" };
  const one = await device(browser);
  await press(one.page, "to-forgot");
  await fill(one.page, "email", who.email);
  await press(one.page, "submit");
  await one.page.getByText("If this address has an account, a mail is on its way.").waitFor();
  const { page, url } = await followMail(one.context, who.email, "Choose a new password");
  await choose(page, changed.password);
  await page.getByText("Your password is changed and every device is logged out.").waitFor();
  await press(page, "to-login");
  await logIn(page, changed);
  await assert.rejects(call("/auth/login", { body: who }), /CREDENTIALS_INVALID/);

  await page.goto("about:blank");
  await page.goto(url);
  await choose(page, "a third long passphrase");
  await page.getByText("This link was used or is too old.").waitFor();
  assert.deepEqual(one.faults, []);
  await one.context.close();
}

async function choose(page, password) {
  await fill(page, "password", password);
  await press(page, "submit");
}

export async function takeEverythingAlong({ page }, who) {
  await tab(page, "Settings");
  await press(page, "to-account-data");
  await press(page, "collect");
  await page.getByText(/^Complete: [\d,]+ rows in \d+ sections/).waitFor();
  const download = page.waitForEvent("download");
  await press(page, "hand-over");
  const file = await download;
  assert.match(file.suggestedFilename(), /^algotrading-data-\d{4}-\d\d-\d\d\.json$/);
  const text = readFileSync(await file.path(), "utf8");
  const { sections } = JSON.parse(text);
  assert.ok(text.includes(who.email), "whose it is");
  assert.ok(sections.strategies.some(({ symbol }) => symbol === "TCS"), "what was traded");
  for (const secret of [who.password, facts.accounts[0].secret]) assert.ok(!text.includes(secret), "no secret");
  await page.getByText("Handed to your browser's downloads.").waitFor();
  await named(page, "Back");
}

export async function leave(browser) {
  const { token: _, ...who } = await person("leaving");
  const { page, context, faults } = await device(browser);
  await logIn(page, who);
  await tab(page, "Settings");
  await press(page, "to-account-data");
  const fire = page.getByRole("button", { name: "Delete the account for good", exact: true }).locator("visible=true").first();
  assert.equal(await fire.isDisabled(), true, "one gesture must not do it");
  await page.getByRole("switch", { name: "I want my account deleted for good" }).click();
  assert.equal(await fire.isDisabled(), true, "without the password it must not be done");
  await fill(page, "password", "a wrong passphrase");
  await fire.click();
  await press(page, "confirm");
  await page.getByText("E-mail, password or code is wrong.").waitFor();
  await call("/auth/login", { body: who });
  await fill(page, "password", who.password);
  await fire.click();
  await press(page, "confirm");
  await page.getByText("Your account is deleted. Nobody can log in to it any more.").waitFor();
  await assert.rejects(call("/auth/login", { body: who }), /CREDENTIALS_INVALID/);
  await press(page, "to-start");
  await front(page, "submit").waitFor();
  assert.deepEqual(faults, []);
  await context.close();
}
