// Every screen of one recorded day: held against its picture, and looked at by axe. Needs the built app alone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faultsOf } from "./axe.mjs";
import { emptied, readDay, replay, trader, withTwoAccounts } from "./day.mjs";
import { drawnWith, gallery } from "./pictures.mjs";
import { DESKTOP, device, facts, front, openBrowser, PHONE, until } from "./stage.mjs";
import { walk, walkIn, walkWithout, walkWithTwo } from "./walk.mjs";

/** More of the recorded day than a look takes. */
const LOOK_MS = 30_000;
/** Less than three readings of whatever is read most often. */
const LAST_JUMP_MS = 8_000;
const day = readDay();
const begin = Date.parse(day.at);
let browser;
let shown;
let walked = 0;
/** Two sizes and two colours, of every screen and of the way in; nothing there, nothing readable, and two broker accounts,
 * in two colours each. */
const WALKS = 14;

before(async () => {
  browser = await openBrowser();
  shown = gallery({ kept: facts.kept, into: facts.pictures, differences: facts.differences, drawn: await drawnWith(browser) });
});

after(() => browser.close());

/** Goes through screens with `go`, and takes a picture of each and what axe says of it. */
async function lookAt({ day, size, viewport, scheme, isFailing }, go) {
  let answering;
  const prepare = async (context) => {
    answering = await replay(context, day, { isFailing });
    await context.clock.install({ time: begin });
  };
  const { page, context, faults } = await device(browser, { viewport, scheme, prepare });
  const serious = [];
  let looks = 0;
  await go(page, async (name) => {
    await page.mouse.move(0, 0);
    await page.waitForTimeout(700);
    await until("everything is read", answering.isQuiet);
    // The same instant of the recorded day in every run: countdowns stand where they stood.
    const instant = begin + (looks += 1) * LOOK_MS;
    // Most of the way first, and everything is read again there: a jump makes old what was read before it, and that says so.
    const way = instant - LAST_JUMP_MS - (await page.evaluate(() => Date.now()));
    if (way > 0) await context.clock.fastForward(way);
    await page.waitForTimeout(700);
    await until("everything is read again", answering.isQuiet);
    await context.clock.pauseAt(instant);
    shown.add(`${name}-${size}-${scheme}`, await page.screenshot({ animations: "disabled" }));
    await context.clock.resume();
    serious.push(...(await faultsOf(page)).map((fault) => `${name}: ${fault}`));
  });
  await context.close();
  walked += 1;
  assert.deepEqual([...answering.unknown], [], "the app reads what was not recorded: make test-app RECORD=1 PICTURES=docs/app");
  assert.deepEqual(faults, []);
  assert.deepEqual([...new Set(serious)], []);
}

const SIZES = { phone: PHONE, desktop: DESKTOP };
for (const [size, viewport] of Object.entries(SIZES)) {
  for (const scheme of ["light", "dark"]) {
    test(`every screen is free of serious accessibility faults, ${size}, ${scheme}`, { timeout: 240_000 }, () =>
      lookAt({ day, size, viewport, scheme }, (page, look) => walk(page, facts.app, trader, look)));

    test(`so is the way of somebody new, ${size}, ${scheme}`, { timeout: 120_000 }, () =>
      lookAt({ day, size, viewport, scheme }, (page, look) => walkIn(page, facts.app, trader, look)));
  }
}

/** What is said where nothing is there yet. */
const NOTHING = {
  today: "No strategies yet.",
  positions: "Nothing is held or on order.",
  inbox: "Nothing yet.",
  deliveries: "Nothing was sent outside of the app yet.",
  risk: "Used right now",
  keys: "No program has a key.",
  viewers: "No account is shared with you.",
  devices: "Browser",
  broker: "No broker is connected",
};
for (const scheme of ["light", "dark"]) {
  test(`so is what a screen shows where nothing is there yet, ${scheme}`, { timeout: 120_000 }, () =>
    lookAt({ day: emptied(day), size: "phone", viewport: PHONE, scheme }, (page, look) =>
      walkWithout(page, trader, (_, name) => page.getByText(NOTHING[name]).locator("visible=true").first().waitFor(), (name) => look(`empty-${name}`))));

  test(`so is what it shows where nothing can be read, ${scheme}`, { timeout: 120_000 }, () =>
    lookAt({ day, size: "phone", viewport: PHONE, scheme, isFailing: true }, (page, look) =>
      walkWithout(page, trader, () => front(page, "problem").waitFor(), (name) => look(`failing-${name}`))));

  test(`so is what tells two broker accounts apart, ${scheme}`, { timeout: 120_000 }, () =>
    lookAt({ day: withTwoAccounts(day), size: "phone", viewport: PHONE, scheme }, (page, look) => walkWithTwo(page, trader, (name) => look(`two-${name}`))));
}

test("every screen looks as it is kept", (context) => {
  if (walked === WALKS) shown.finish();
  console.log("pictures:", JSON.stringify({ ...shown.tally, changed: shown.changed.length }));
  if (shown.whyNot !== null) {
    console.log(`[pictures] NOT COMPARED: ${shown.whyNot}. make test-app ONLY=pictures PICTURES=docs/app takes them anew here.`);
    return context.skip(shown.whyNot);
  }
  if (facts.pictures !== null) return undefined;
  assert.deepEqual(
    shown.changed,
    [],
    `these look otherwise than kept: see ${facts.differences}. If it is meant: make test-app ONLY=pictures PICTURES=docs/app, look at what git shows as changed, and commit it.`,
  );
});
