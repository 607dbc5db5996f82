// Every screen of one recorded day: held against its picture, and looked at by axe. Needs the built app alone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faultsOf } from "./axe.mjs";
import { readDay, replay, trader } from "./day.mjs";
import { drawnWith, gallery } from "./pictures.mjs";
import { DESKTOP, device, facts, openBrowser, PHONE, until } from "./stage.mjs";
import { walk } from "./walk.mjs";

/** More of the recorded day than a look takes. */
const LOOK_MS = 30_000;
const day = readDay();
const begin = Date.parse(day.at);
let browser;
let shown;
let walked = 0;

before(async () => {
  browser = await openBrowser();
  shown = gallery({ kept: facts.kept, into: facts.pictures, differences: facts.differences, drawn: await drawnWith(browser) });
});

after(() => browser.close());

for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
  for (const scheme of ["light", "dark"]) {
    test(`every screen is free of serious accessibility faults, ${size}, ${scheme}`, { timeout: 240_000 }, async () => {
      let answering;
      const prepare = async (context) => {
        answering = await replay(context, day);
        await context.clock.install({ time: begin });
      };
      const { page, context, faults } = await device(browser, { viewport, scheme, prepare });
      const serious = [];
      let looks = 0;
      await walk(page, facts.app, trader, async (name) => {
        await page.mouse.move(0, 0);
        await page.waitForTimeout(700);
        await until("everything is read", answering.isQuiet);
        // The same instant of the recorded day in every run: countdowns stand where they stood.
        await context.clock.pauseAt(begin + (looks += 1) * LOOK_MS);
        shown.add(`${name}-${size}-${scheme}`, await page.screenshot({ animations: "disabled" }));
        await context.clock.resume();
        serious.push(...(await faultsOf(page)).map((fault) => `${name}: ${fault}`));
      });
      await context.close();
      walked += 1;
      assert.deepEqual([...answering.unknown], [], "the app reads what was not recorded: make test-app RECORD=1 PICTURES=docs/app");
      assert.deepEqual(faults, []);
      assert.deepEqual([...new Set(serious)], []);
    });
  }
}

test("every screen looks as it is kept", (context) => {
  if (walked === 4) shown.finish();
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
