// What guards an account: the second factor, the fresh code that risking more asks for, and the reset that ends what others have.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";

import { call, device, fill, followMail, front, logIn, person, press, tab } from "./stage.mjs";

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
async function switchOn({ token }) {
  const { secret } = await call("/auth/second-factor", { token, body: {} });
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
