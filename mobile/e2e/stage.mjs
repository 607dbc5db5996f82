// What the story stands on: the browser, people on devices, the exchange's prices, and the API for what is only setting.
import { chromium } from "playwright-core";

export const facts = JSON.parse(process.env.STORY ?? "null");
if (facts === null) throw new Error("start this with: make test-app");

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };

export async function openBrowser() {
  return chromium.launch({ executablePath: facts.browser, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** A device of somebody: its page, and every error that the page raised. `prepare` is done before the app is loaded. */
export async function device(browser, { viewport = PHONE, scheme = "light", prepare = async () => undefined } = {}) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, locale: "en-IN", timezoneId: "America/New_York" });
  await prepare(context);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.setDefaultTimeout(20_000);
  await page.goto(facts.app);
  return { context, page, faults };
}

/** Only what is in front: a stack keeps earlier screens in the page. */
export function front(page, id) {
  return page.locator(`[data-testid="${id}"]:visible`).last();
}

export async function fill(page, id, text) {
  await front(page, id).fill(text);
}

export async function press(page, id) {
  await front(page, id).click();
}

export async function named(page, name) {
  await page.getByRole("button", { name, exact: true }).locator("visible=true").last().click();
}

export async function logIn(page, { email, password }) {
  await fill(page, "email", email);
  await fill(page, "password", password);
  await press(page, "submit");
  await front(page, "open-kill").waitFor();
}

/** Waits for a mail in the mailbox, follows its link there, and answers the page that it led to and the link. */
export async function followMail(context, to, subject) {
  await mail(to, subject);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(facts.mailbox);
  const link = page.locator("article").filter({ hasText: to }).filter({ hasText: subject }).first().getByRole("link").first();
  const url = await link.getAttribute("href");
  await link.click();
  await page.waitForURL(`${facts.app}/**`);
  return { page, url };
}

export async function tab(page, name) {
  await page.getByRole("tab", { name }).click();
}

export async function call(path, { token, body, method = body ? "POST" : "GET" } = {}) {
  const response = await fetch(`${facts.api}/api/v1${path}`, {
    method,
    headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Somebody with an account, which was opened by the link of its mail. */
export async function person(name) {
  const who = { email: `${name}-${Date.now()}@example.com`, password: "a long passphrase" };
  await call("/auth/register", { body: who });
  const { text } = await mail(who.email, "Confirm your e-mail");
  await call("/auth/register/confirm", { body: { token: /\/confirm#(\S+)/.exec(text)[1], password: who.password } });
  return { ...who, token: (await call("/auth/login", { body: who })).token };
}

/** Waits for a mail in the mailbox. */
async function mail(to, subject) {
  return until(`a mail "${subject}" to ${to}`, async () => {
    const messages = await (await fetch(`${facts.mailbox}/messages`)).json();
    return messages.findLast((each) => each.to === to && each.subject.includes(subject));
  });
}

export async function pin(symbol, price) {
  const response = await fetch(`${facts.exchange}/sim/prices/${symbol}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ price, pin: true }),
  });
  if (!response.ok) throw new Error(`pin ${symbol}: ${response.status} ${await response.text()}`);
}

/** HH:MM:SS in India, some seconds from now. */
export function india(secondsAhead) {
  return new Date(Date.now() + 5.5 * 3_600_000 + secondsAhead * 1000).toISOString().slice(11, 19);
}

export async function until(what, holds, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
