// Pictures of every screen, held against the kept ones. Text is drawn differently by every version of Chromium and every
// set of fonts: a picture is compared only with one that was drawn alike, and a run that cannot compare says so.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";

const DRAWN_WITH = "drawn-with.json";
/** Of 32 by 32 pixels: a moved edge or another colour of one letter is more. */
const WINDOW = 32;
const MOST_DIFFERENT = 6;
const SAMPLE = `data:text/html,<meta charset="utf-8"><body style="margin:8px;background:white">${["system-ui", "sans-serif", "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"]
  .flatMap((family) => [12, 14, 16, 22].flatMap((size) => [400, 500, 700].map((weight) => `<p style="margin:2px;font:${weight} ${size}px ${encodeURIComponent(family)}">₹12,34,567.50 Hamburgefonstiv ✓ ✗ – ·</p>`)))
  .join("")}`;

/** How this browser on this machine draws: its version, and a fingerprint of a sample text. */
export async function drawnWith(browser) {
  const page = await browser.newPage({ viewport: { width: 640, height: 1000 } });
  await page.goto(SAMPLE);
  const fingerprint = createHash("sha256").update(PNG.sync.read(await page.screenshot()).data).digest("hex");
  await page.close();
  return { chromium: browser.version(), text: fingerprint };
}

/** Takes pictures anew into `into`, or, where that is null, holds them against those in `kept`. */
export function gallery({ kept, into, differences, drawn }) {
  const folder = into ?? kept;
  const before = existsSync(`${folder}/${DRAWN_WITH}`) ? JSON.parse(readFileSync(`${folder}/${DRAWN_WITH}`, "utf8")) : null;
  const isAlike = before !== null && major(before.chromium) === major(drawn.chromium) && before.text === drawn.text;
  const changed = [];
  const taken = new Set();
  const tally = { taken: 0, unchanged: 0 };
  rmSync(differences, { recursive: true, force: true });
  mkdirSync(differences, { recursive: true });
  if (into !== null) {
    mkdirSync(into, { recursive: true });
    writeFileSync(`${into}/${DRAWN_WITH}`, `${JSON.stringify(isAlike ? before : drawn, null, 2)}\n`);
  }

  return {
    tally,
    changed,
    /** Why nothing can be compared here; null where it can. */
    whyNot: isAlike || into !== null ? null : before === null ? "no pictures are kept" : notAlike(before, drawn),
    add(name, picture) {
      tally.taken += 1;
      taken.add(name);
      const path = `${folder}/${name}.png`;
      if (into === null && !isAlike) return;
      const verdict = isAlike && existsSync(path) ? compare(readFileSync(path), picture) : { text: existsSync(path) ? "drawn differently" : "there was none", image: null };
      if (verdict === null) {
        tally.unchanged += 1;
        return;
      }
      changed.push(`${name}: ${verdict.text}`);
      if (into !== null) return writeFileSync(path, picture);
      writeFileSync(`${differences}/${name}-now.png`, picture);
      if (existsSync(path)) writeFileSync(`${differences}/${name}-kept.png`, readFileSync(path));
      if (verdict.image) writeFileSync(`${differences}/${name}-difference.png`, verdict.image);
    },
    /** Once every screen was looked at: pictures of screens that are no more. */
    finish() {
      if (!existsSync(folder)) return;
      const pictures = readdirSync(folder).filter((file) => file.endsWith(".png")).map((file) => file.slice(0, -4));
      for (const name of pictures.filter((each) => !taken.has(each))) {
        changed.push(`${name}: kept, but there is no such screen`);
        if (into !== null) rmSync(`${folder}/${name}.png`);
      }
    },
  };
}

/** Null where they are the same to the eye. */
export function compare(keptFile, nowFile) {
  if (keptFile.equals(nowFile)) return null;
  const [kept, now] = [PNG.sync.read(keptFile), PNG.sync.read(nowFile)];
  const size = ({ width, height }) => `${width}x${height}`;
  if (size(kept) !== size(now)) return { text: `it was ${size(kept)} and is ${size(now)}`, image: null };
  const worst = pixelmatch(kept.data, now.data, null, now.width, now.height, { threshold: 0.05, windowSize: WINDOW });
  if (worst <= MOST_DIFFERENT) return null;
  const difference = new PNG({ width: now.width, height: now.height });
  const all = pixelmatch(kept.data, now.data, difference.data, now.width, now.height, { threshold: 0.05 });
  return { text: `${all} pixels differ`, image: PNG.sync.write(difference) };
}

function notAlike(before, now) {
  const versions = `kept: Chromium ${before.chromium}, here: Chromium ${now.chromium}`;
  return major(before.chromium) === major(now.chromium) ? `this machine draws text with other fonts (${versions})` : `another Chromium draws otherwise (${versions})`;
}

function major(version) {
  return version.split(".")[0];
}
