// What hands do beside the story: keyboards, Back, a page loaded anew, large text, several tabs. Needs the built app alone, and
// the recorded day as in looks.test.mjs.
import assert from "node:assert/strict";
import { after, before, test as step } from "node:test";

import { faultsOf } from "./axe.mjs";
import { readDay, replay, trader, withTwoAccounts } from "./day.mjs";
import { device, facts, fill, front, logIn, named, openBrowser, press, until } from "./stage.mjs";

const day = readDay();
const begin = Date.parse(day.at);
const held = day.answers["/strategy"].strategies.find(({ symbol }) => symbol === "RELIANCE");
let browser;

before(async () => {
  browser = await openBrowser();
});

after(() => browser.close());

/** `answers`: by method and path, what is answered instead of the recorded day. */
async function opened({ answers = {}, size = "normal", recorded = day } = {}) {
  const prepare = async (context) => {
    await replay(context, { ...recorded, answers: { ...recorded.answers } });
    await context.route(`${facts.api}/api/v1/**`, async (route) => {
      const request = route.request();
      const answer = answers[`${request.method()} ${request.url().slice(`${facts.api}/api/v1`.length)}`];
      if (answer === undefined) return route.fallback();
      const headers = { "Access-Control-Allow-Origin": facts.app };
      return route.fulfill({ headers, contentType: "application/json", body: JSON.stringify(answer(request)) });
    });
    await context.clock.install({ time: begin });
    await context.addInitScript((chosen) => localStorage.setItem("preferences", JSON.stringify({ mode: "system", size: chosen, language: "en" })), size);
  };
  return device(browser, { prepare });
}

function test(name, play) {
  step(name, { timeout: 60_000 }, play);
}

const focused = (page) => page.evaluate(() => document.activeElement?.textContent ?? "");

test("a question takes the keyboard, keeps it, is left by Escape, and gives it back", async () => {
  const { page, context, faults } = await opened();
  await logIn(page, trader);
  await press(page, "strategy-RELIANCE");
  const stop = page.getByRole("button", { name: "Stop", exact: true }).locator("visible=true").last();
  await stop.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Stop" });
  await dialog.waitFor();
  await until("the focus is in the question", () => dialog.evaluate((element) => element.contains(document.activeElement)), 5);
  for (let presses = 0; presses < 6; presses += 1) {
    await page.keyboard.press("Tab");
    assert.equal(await dialog.evaluate((element) => element.contains(document.activeElement)), true, `after Tab ${presses + 1} it is on "${await focused(page)}" behind the question`);
  }
  assert.deepEqual(await faultsOf(page), []);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await focused(page), "Stop");
  assert.deepEqual(faults, []);
  await context.close();
});

test("a strategy and a notice are opened by keyboard alone", async () => {
  const { page, context } = await opened();
  await logIn(page, trader);
  await front(page, "strategy-RELIANCE").focus();
  await page.keyboard.press("Enter");
  await front(page, "state").waitFor();
  await named(page, "Back");
  await page.getByRole("tab", { name: /^Inbox/ }).click();
  await front(page, "notice-killed").focus();
  await page.keyboard.press("Enter");
  await front(page, "kill-arm").waitFor();
  await context.close();
});

test("the keyboard does not reach the tabs that are not in front", async () => {
  const { page, context } = await opened();
  await logIn(page, trader);
  for (const title of ["Positions", /^Inbox/, "Risk", "Today"]) await page.getByRole("tab", { name: title }).click();
  await front(page, "strategy-RELIANCE").waitFor();
  assert.deepEqual(await faultsOf(page), []);
  const hidden = [];
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(() => document.activeElement?.closest("[aria-hidden=true]") && document.activeElement.outerHTML.slice(0, 80));
    if (found) hidden.push(found);
  }
  assert.deepEqual(hidden, []);
  await context.close();
});

test("whatever is pressed is large enough for a thumb", async () => {
  const { page, context } = await opened();
  const small = [];
  const measure = async (name) => small.push(...(await tooSmall(page)).map((found) => `${name}: ${found}`));
  await measure("login");
  await logIn(page, trader);
  await front(page, "strategy-RELIANCE").waitFor();
  await measure("today");
  for (const [name, title] of [["positions", "Positions"], ["inbox", /^Inbox/], ["risk", "Risk"], ["settings", "Settings"]]) {
    await page.getByRole("tab", { name: title }).click();
    await measure(name);
  }
  for (const [name, shown] of [["keys", "make-key"], ["viewers", "accept"]]) {
    await press(page, `to-${name}`);
    await front(page, shown).waitFor();
    await measure(name);
    await named(page, "Back");
  }
  await page.getByRole("tab", { name: "Today" }).click();
  await measure("today");
  await press(page, "new-strategy");
  await front(page, "save").waitFor();
  await measure("create");
  await named(page, "Back");
  await press(page, "strategy-RELIANCE");
  await front(page, "state").waitFor();
  await measure("strategy");
  await named(page, "Stop");
  await front(page, "confirm").waitFor();
  await measure("question");
  await page.keyboard.press("Escape");
  await press(page, "open-kill");
  await front(page, "kill-fire").waitFor();
  await measure("kill");
  assert.deepEqual(small, []);
  await context.close();
});

test("a login that is over is asked for in front of everything", async () => {
  const { page, context } = await opened();
  await logIn(page, trader);
  await press(page, "strategy-RELIANCE");
  await front(page, "state").waitFor();
  await page.route("**/api/v1/**", (route) => {
    if (route.request().url().endsWith("/auth/login")) return route.fallback();
    return route.fulfill({ status: 401, json: { error: "TOKEN_EXPIRED", message: "the token is over", details: [] }, headers: { "Access-Control-Allow-Origin": facts.app } });
  });
  await context.clock.fastForward(20_000);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Your login is over", { exact: true }).waitFor();
  for (let presses = 0; presses < 6; presses += 1) {
    await page.keyboard.press("Tab");
    assert.equal(await dialog.evaluate((element) => element.contains(document.activeElement)), true, "the screen behind it cannot be used");
  }
  await page.keyboard.press("Escape");
  assert.equal(await dialog.isVisible(), true, "it has to be answered");
  await context.close();
});

test("Back after a saved change leads to the list, not to the same strategy again", async () => {
  const { page, context } = await opened({ answers: { [`PUT /strategy/${held.strategy_id}`]: () => ({ ...held, warnings: [] }) } });
  await logIn(page, trader);
  await press(page, "strategy-RELIANCE");
  await named(page, "Change");
  await press(page, "save");
  await front(page, "state").waitFor();
  await named(page, "Back");
  await front(page, "strategies").waitFor();
  assert.equal(new URL(page.url()).pathname, "/");
  await context.close();
});

test("a page loaded anew goes on, after the password, where it was, and Back leads to today", async () => {
  const { page, context } = await opened();
  const path = `/strategy/${held.strategy_id}/timeline`;
  await page.goto(`${facts.app}${path}`);
  await logIn(page, trader);
  await front(page, "timeline-lines").waitFor();
  assert.equal(new URL(page.url()).pathname, path);
  await named(page, "Back");
  await front(page, "strategies").waitFor();
  await context.close();
});

test("a form that was begun is not lost without a question when its page is loaded anew", async () => {
  const { page, context } = await opened();
  await logIn(page, trader);
  await press(page, "new-strategy");
  const asked = [];
  page.on("dialog", async (dialog) => {
    asked.push(dialog.type());
    await dialog.dismiss();
  });
  await fill(page, "quantity", "25");
  await page.evaluate(() => setTimeout(() => location.reload(), 0));
  await until("the browser asks", () => asked.length === 1, 10);
  assert.deepEqual(asked, ["beforeunload"]);
  assert.equal(await front(page, "quantity").inputValue(), "25");
  await context.close();
});

test("a form that was begun is not lost without a question by Back", async () => {
  const { page, context, faults } = await opened();
  await logIn(page, trader);
  await press(page, "new-strategy");
  await fill(page, "quantity", "25");
  await named(page, "Back");
  await named(page, "Cancel");
  assert.equal(await front(page, "quantity").inputValue(), "25");
  await named(page, "Back");
  await press(page, "confirm");
  await front(page, "strategies").waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("what is missing is gone to when it is not in sight", async () => {
  const { page, context } = await opened();
  await logIn(page, trader);
  await press(page, "new-strategy");
  await fill(page, "stopValue", "1400");
  await front(page, "save").scrollIntoViewIfNeeded();
  await press(page, "save");
  await front(page, "not-saved").waitFor();
  assert.equal(await front(page, "symbol").evaluate((field) => field === document.activeElement), true);
  await page.getByText("Choose an instrument from the list").waitFor();
  assert.deepEqual(await faultsOf(page), []);
  await context.close();
});

test("at the largest text nothing is cut off, and what is read grows", async () => {
  const usual = await opened();
  const huge = await opened({ size: "huge" });
  const heights = [];
  for (const { page } of [usual, huge]) {
    await logIn(page, trader);
    heights.push(await front(page, "broker-connected").evaluate((text) => parseFloat(getComputedStyle(text).fontSize)));
  }
  assert.ok(heights[1] > heights[0] * 1.4, `the broker's line is ${heights.join(" and ")} px`);
  const { page } = huge;
  assert.deepEqual(await settled(() => cutOff(page)), [], "today");
  await press(page, "strategy-RELIANCE");
  await front(page, "chart-BUY").waitFor();
  assert.deepEqual(await settled(() => cutOff(page)), [], "strategy");
  assert.deepEqual(await outside(page), [], "the chart's words");
  await named(page, "Back");
  await press(page, "new-strategy");
  await front(page, "save").waitFor();
  assert.deepEqual(await settled(() => cutOff(page)), [], "create");
  await named(page, "Back");
  await page.getByRole("tab", { name: "Settings" }).click();
  assert.deepEqual(await settled(() => cutOff(page)), [], "settings");
  await press(page, "to-devices");
  await front(page, "device").first().waitFor();
  assert.deepEqual(await settled(() => cutOff(page)), [], "devices");
  for (const [name, shown] of [["keys", "make-key"], ["viewers", "accept"]]) {
    await named(page, "Back");
    await press(page, `to-${name}`);
    await front(page, shown).waitFor();
    assert.deepEqual(await settled(() => cutOff(page)), [], name);
  }
  await usual.context.close();
  await huge.context.close();
});

test("several broker accounts are large enough for a thumb, whole at the largest text, and chosen by keyboard", async () => {
  for (const size of ["normal", "huge"]) {
    const { page, context, faults } = await opened({ size, recorded: withTwoAccounts(day) });
    const look = async (name) => {
      assert.deepEqual(await settled(() => cutOff(page)), [], `${name}, ${size}`);
      assert.deepEqual(await tooSmall(page), [], `${name}, ${size}`);
    };
    await logIn(page, trader);
    await front(page, "strategy-TCS").getByText("Trades in HUF").waitFor();
    await look("today");
    await press(page, "new-strategy");
    const huf = page.getByRole("radio", { name: "HUF" });
    assert.equal(await page.getByRole("radio", { name: "Main account (default)" }).isChecked(), true);
    await huf.focus();
    await page.keyboard.press(size === "huge" ? "Enter" : "Space");
    await until("it is chosen", () => huf.isChecked(), 5);
    await look("create");
    await named(page, "Back");
    await look("question");
    await press(page, "confirm");
    await page.getByRole("tab", { name: "Settings" }).click();
    await press(page, "to-broker");
    await front(page, "broker-account").waitFor();
    const { height } = page.viewportSize();
    const inSight = await page.getByRole("button", { name: /^Log in at the broker: / }).evaluateAll((all, most) => all.filter((one) => one.getBoundingClientRect().bottom <= most).length, height);
    assert.equal(inSight, 2, "both logins are in sight at once");
    await named(page, "More: HUF");
    await press(page, "add-account");
    await look("broker");
    assert.deepEqual(faults, []);
    await context.close();
  }
});

/** What is found until nothing is, for five seconds: the kit measures a field's label after it has drawn it. */
async function settled(find) {
  let found = await find();
  for (let looks = 0; found.length > 0 && looks < 25; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    found = await find();
  }
  return found;
}

/** What can be pressed in sight and is less than 44 high or wide (WCAG 2.5.5). A switch is turned by its words, too. */
function tooSmall(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("button, a, [role=button], [role=link], [role=tab], [role=radio]")]
      .filter((element) => element.checkVisibility() && element.tabIndex >= 0)
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && (box.height < 44 || box.width < 44))
      .map(({ element, box }) => `${element.getAttribute("aria-label") ?? element.textContent} ${Math.round(box.width)}x${Math.round(box.height)}`),
  );
}

/** The words of the chart in sight that lie, in part, outside of it. */
function outside(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll('[data-testid="day-chart"]')]
      .filter((chart) => chart.checkVisibility())
      .flatMap((chart) => {
        const { left, right, top, bottom } = chart.getBoundingClientRect();
        return [...chart.querySelectorAll("text")]
          .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }))
          .filter(({ box }) => box.left < left - 1 || box.right > right + 1 || box.top < top - 1 || box.bottom > bottom + 1)
          .map(({ text }) => text);
      }),
  );
}

/** The texts in sight of which a part is not drawn: letters at the end of a line, or a whole line. */
function cutOff(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("div, span, h1, h2")]
      .filter((element) => element.checkVisibility() && element.childElementCount === 0 && element.textContent !== "")
      .filter((element) => getComputedStyle(element).overflow !== "visible" && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 10))
      .map((element) => element.textContent),
  );
}

test("of 200 strategies those around what is in sight are rows and are read, wherever the screen ends", async () => {
  const [first] = day.answers["/strategy"].strategies;
  const strategies = Array.from({ length: 200 }, (_, index) => ({ ...first, strategy_id: `s${index}`, symbol: `S${index}` }));
  const standings = Object.fromEntries(strategies.map(({ strategy_id: id }) => [`/strategy/status/${id}`, { ...day.answers[`/strategy/status/${first.strategy_id}`], strategy_id: id }]));
  const recorded = { ...day, answers: { ...day.answers, ...standings, "/strategy": { strategies, next_cursor: null } } };
  const { page, context, faults } = await opened({ recorded });
  const read = new Set();
  page.on("request", (request) => request.url().includes("/strategy/status/") && read.add(request.url()));
  await logIn(page, trader);
  await front(page, "strategy-S0").waitFor();
  const { width, height } = page.viewportSize();
  const counts = [];
  // Each ends at another place of a row.
  for (let less = 0; less < 120; less += 6) {
    await page.setViewportSize({ width, height: height - less });
    await page.waitForTimeout(700);
    counts.push(await page.locator('[data-testid^="strategy-S"]').count());
  }
  assert.ok(Math.max(...counts) < 20, `rows at each height: ${counts}`);
  assert.ok(read.size < 40, `${read.size} strategies were read`);
  assert.deepEqual(faults, []);
  await context.close();
});

test("an answer that cannot be shown leaves the kill switch, the way back and the tabs, on every screen that meets it", async () => {
  let isBroken = true;
  const risk = day.answers["/risk/profile"];
  // Of a strategy that is nothing not even its screen's frame can be drawn.
  const { page, context } = await opened({ answers: { "GET /risk/profile": () => (isBroken ? {} : risk), [`GET /strategy/${held.strategy_id}`]: () => null } });
  await logIn(page, trader);
  for (const tab of [/^Today/, /^Positions/, /^Risk/]) {
    await page.getByRole("tab", { name: tab }).click();
    await front(page, "broken").waitFor();
    assert.equal(await front(page, "open-kill").isVisible(), true);
  }
  await press(page, "open-kill");
  await front(page, "kill-arm").waitFor();
  await named(page, "Back");
  isBroken = false;
  await named(page, "Try again");
  await front(page, "daily_loss_limit").waitFor();
  await page.getByRole("tab", { name: /^Today/ }).click();
  await named(page, "Try again");
  // What the list told a second ago is not read again at once.
  await page.waitForTimeout(1_500);
  await press(page, "strategy-RELIANCE");
  await page.getByRole("heading", { name: "Not shown" }).waitFor();
  await press(page, "open-kill");
  await front(page, "kill-arm").waitFor();
  await named(page, "Back");
  await named(page, "Back");
  await front(page, "strategy-RELIANCE").waitFor();
  await context.close();
});
