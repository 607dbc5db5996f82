// What guards an account: the second factor, the fresh code that risking more asks for, and the reset that ends what others have.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";

import { call, device, fill, followMail, front, logIn, named, person, press, tab } from "./stage.mjs";

const STEP_MS = 30_000;

/** What an authenticator app shows so many steps of half a minute from now (RFC 6238). No digits are good twice. */
export function digitsOf(secret, steps = 0) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / STEP_MS) + steps));
  const hash = createHmac("sha1", key).update(step).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Switches a second factor on from another device of theirs, and answers what that one has got. */
async function switchOn({ token, password }) {
  const { secret } = await call("/auth/second-factor", { token, body: { password } });
  const { recovery_codes: recovery } = await call("/auth/second-factor/confirm", { token, body: { code: digitsOf(secret) } });
  return { secret, recovery };
}

/** A login on which no code was shown within five minutes: here one that was there before the second factor was. */
export async function showFreshCode(browser) {
  const guarded = await person("careful");
  await call("/risk/profile", { token: guarded.token, method: "PUT", body: { daily_loss_limit: 5000 } });
  const { page, context, faults } = await device(browser);
  await logIn(page, guarded);
  const { secret } = await switchOn(guarded);
  const limit = async () => (await call("/risk/profile", { token: guarded.token })).limits.daily_loss_limit;

  await tab(page, "Risk");
  await fill(page, "daily_loss_limit", "4000");
  await press(page, "save-limits");
  await front(page, "limits-saved").waitFor();
  assert.equal(await limit(), 4000, "to risk less needs no code");
  assert.equal(await page.locator('[data-testid="show-code"]:visible').count(), 0);
  // Within a moment after a success a press counts as the second of a double one.
  await page.waitForTimeout(1000);

  await fill(page, "daily_loss_limit", "9000");
  await press(page, "save-limits");
  await page.getByText("Enter a code of your authenticator app below").waitFor();
  assert.equal(await limit(), 4000, "without the code nothing is changed");
  await fill(page, "code", "000000");
  await press(page, "show-code");
  await page.getByText("the code is not right, or was used before").waitFor();
  assert.equal(await limit(), 4000, "a wrong code changes nothing");
  await fill(page, "code", digitsOf(secret, 1));
  await press(page, "show-code");
  await front(page, "limits-saved").waitFor();
  assert.equal(await limit(), 9000);
  assert.equal(await page.locator('[data-testid="show-code"]:visible').count(), 0, "nobody is asked any more");
  assert.deepEqual(faults, []);
  await context.close();
}

/** With the reset's switch, and without. */
export async function endAccessByReset(browser) {
  const kept = await reset(browser, false);
  assert.equal((await call("/strategy", { token: kept.key })).strategies.length, 0, "the program goes on");
  assert.equal((await call("/account/shared", { token: kept.viewer })).accounts.length, 1, "the viewer goes on");
  const ended = await reset(browser, true);
  await assert.rejects(call("/strategy", { token: ended.key }), /401/, "the program's key is refused");
  assert.deepEqual((await call("/account/shared", { token: ended.viewer })).accounts, [], "the viewer reads nothing any more");
}

async function reset(browser, isRevoking) {
  const owner = await person("owner");
  const viewer = await person("viewer");
  const { recovery } = await switchOn(owner);
  const { key } = await call("/account/keys", { token: owner.token, body: { name: "a spreadsheet", scopes: ["read"], code: recovery[0] } });
  const { invitation } = await call("/account/viewers", { token: owner.token, body: { name: "an accountant" } });
  await call("/account/shared/accept", { token: viewer.token, body: { invitation } });
  assert.equal((await call("/strategy", { token: key })).strategies.length, 0);

  const { page, context, faults } = await device(browser);
  await press(page, "to-forgot");
  await fill(page, "email", owner.email);
  await press(page, "submit");
  const mailed = await followMail(context, owner.email, "Choose a new password");
  await fill(mailed.page, "password", "another long passphrase");
  const ends = mailed.page.getByRole("switch", { name: "Somebody else may have had it: end API keys and viewers, too" });
  assert.equal(await ends.isChecked(), false, "nobody's programs end unasked");
  if (isRevoking) await ends.click();
  await press(mailed.page, "submit");
  await mailed.page.getByText("Your password is changed and every device is logged out.").waitFor();
  assert.deepEqual(faults, []);
  await context.close();
  return { key, viewer: viewer.token };
}

/** A program gets a key and somebody an invitation; both get in, change nothing, and are shut out again. */
export async function shareAccount(browser) {
  const [owner, viewer] = [await person("sharing"), await person("reading")];
  await call("/strategy/create", { token: owner.token, body: { symbol: "TCS", buy_time: "23:58:00", sell_time: "23:59:00", stop_loss: 1000, quantity: 3 } });
  const one = await device(browser);
  await logIn(one.page, owner);
  const { recovery } = await switchOn(owner);
  await tab(one.page, "Settings");
  await press(one.page, "to-keys");
  await fill(one.page, "key-name", "a spreadsheet");
  await fill(one.page, "code", recovery[0]);
  await press(one.page, "make-key");
  const key = (await front(one.page, "secret").innerText()).trim();
  assert.equal((await call("/strategy", { token: key })).strategies.length, 1);
  await assert.rejects(call("/risk/kill", { token: key, body: {} }), /403/, "reading opens nothing else");
  await press(one.page, "secret-taken");
  await one.page.getByText(/^Until \d{4}-\d\d-\d\d, /).locator("visible=true").waitFor();
  await named(one.page, "Revoke");
  await press(one.page, "confirm");
  await one.page.getByText("No program has a key.").waitFor();
  await assert.rejects(call("/strategy", { token: key }), /401/);
  await named(one.page, "Back");

  await press(one.page, "to-viewers");
  await fill(one.page, "viewer-name", "an accountant");
  await press(one.page, "invite");
  // Whoever reads along lets somebody in: this login showed no code yet.
  await fill(one.page, "code", recovery[1]);
  await press(one.page, "show-code");
  const invitation = (await front(one.page, "secret").innerText()).trim();
  await press(one.page, "secret-taken");
  const two = await device(browser);
  await logIn(two.page, viewer);
  await tab(two.page, "Settings");
  await press(two.page, "to-viewers");
  await fill(two.page, "invitation", invitation);
  await press(two.page, "accept");
  await press(two.page, "look");
  await front(two.page, "shared-TCS").getByText("TCS · 3").waitFor();
  await two.page.getByText(`You read the account of ${owner.email}.`).waitFor();

  await named(one.page, "Back");
  await press(one.page, "to-viewers");
  await front(one.page, "viewer").getByText(`an accountant · ${viewer.email}`).waitFor();
  await named(one.page, "Remove");
  await press(one.page, "confirm");
  await one.page.getByText("Nobody but you.").waitFor();
  await front(two.page, "shared-ended").waitFor({ timeout: 30_000 });
  assert.equal(await two.page.locator('[data-testid="shared-TCS"]:visible').count(), 0);
  for (const { faults, context } of [one, two]) {
    assert.deepEqual(faults, []);
    await context.close();
  }
}

/** Somebody who reads and is read, for the day that pictures show. */
export async function readAlong(who) {
  const { token } = await call("/auth/login", { body: who });
  const friend = await person("friend");
  const theirs = await call("/account/viewers", { token: friend.token, body: { name: "a colleague" } });
  await call("/account/shared/accept", { token, body: { invitation: theirs.invitation } });
  const ours = await call("/account/viewers", { token, body: { name: "My accountant" } });
  await call("/account/shared/accept", { token: friend.token, body: { invitation: ours.invitation } });
  await call("/account/viewers", { token, body: { name: "My partner" } });
}
