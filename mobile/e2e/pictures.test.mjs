// The comparison of pictures finds what an eye would, forgives what no eye sees, and says when it cannot compare.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PNG } from "pngjs";

import { compare, gallery } from "./pictures.mjs";

const HERE = { chromium: "150.0.1", text: "a" };

/** A white picture with a grey bar, `change`d. */
function picture(change = () => undefined, width = 120) {
  const image = new PNG({ width, height: 80 });
  const paint = (x, y, [r, g, b]) => image.data.set([r, g, b, 255], (y * width + x) * 4);
  for (let y = 0; y < 80; y += 1) for (let x = 0; x < width; x += 1) paint(x, y, x > 20 && x < 60 && y > 20 && y < 30 ? [90, 90, 90] : [255, 255, 255]);
  change(paint);
  return PNG.sync.write(image);
}

const block = (left, top, size, colour) => (paint) => {
  for (let y = top; y < top + size; y += 1) for (let x = left; x < left + size; x += 1) paint(x, y, colour);
};

test("the same is the same, and a speck is forgiven", () => {
  assert.equal(compare(picture(), picture()), null);
  assert.equal(compare(picture(), picture(block(5, 5, 2, [120, 120, 120]))), null);
});

test("a letter's worth of change is found, and drawn", () => {
  const found = compare(picture(), picture(block(70, 40, 5, [90, 90, 90])));
  assert.match(found.text, /pixels differ/);
  assert.equal(PNG.sync.read(found.image).width, 120);
});

test("a slightly other colour of something large is found", () => {
  assert.notEqual(compare(picture(block(0, 40, 20, [11, 107, 46])), picture(block(0, 40, 20, [40, 125, 70]))), null);
});

test("another size is said", () => assert.match(compare(picture(), picture(() => undefined, 100)).text, /120x80 and is 100x80/));

function rooms() {
  const root = mkdtempSync(join(tmpdir(), "pictures-"));
  return { kept: join(root, "kept"), differences: join(root, "differences") };
}

test("what is kept is compared; only what changed is taken anew", () => {
  const { kept, differences } = rooms();
  const first = gallery({ kept, into: kept, differences, drawn: HERE });
  first.add("one", picture());
  assert.equal(readFileSync(join(kept, "one.png")).length > 0, true);

  const held = gallery({ kept, into: null, differences, drawn: { ...HERE, chromium: "150.0.9" } });
  assert.equal(held.whyNot, null);
  held.add("one", picture(block(70, 40, 5, [0, 0, 0])));
  held.add("two", picture());
  assert.deepEqual(held.changed.map((each) => each.split(":")[0]), ["one", "two"]);
  for (const kind of ["now", "kept", "difference"]) assert.ok(existsSync(join(differences, `one-${kind}.png`)), kind);

  const anew = gallery({ kept, into: kept, differences, drawn: HERE });
  anew.add("one", picture());
  assert.deepEqual(anew.tally, { taken: 1, unchanged: 1 });
  anew.finish();
  assert.deepEqual(anew.changed, []);
});

test("a picture without a screen is found, and goes when pictures are taken anew", () => {
  const { kept, differences } = rooms();
  const first = gallery({ kept, into: kept, differences, drawn: HERE });
  first.add("one", picture());
  first.add("gone", picture());
  for (const into of [null, kept]) {
    const later = gallery({ kept, into, differences, drawn: HERE });
    later.add("one", picture());
    later.finish();
    assert.deepEqual(later.changed, ["gone: kept, but there is no such screen"]);
  }
  assert.equal(existsSync(join(kept, "gone.png")), false);
  assert.equal(existsSync(join(kept, "one.png")), true);
});

test("another Chromium or other fonts are not compared, and that is said", () => {
  const { kept, differences } = rooms();
  assert.match(gallery({ kept, into: null, differences, drawn: HERE }).whyNot, /no pictures are kept/);
  gallery({ kept, into: kept, differences, drawn: HERE }).add("one", picture());
  const newer = gallery({ kept, into: null, differences, drawn: { chromium: "151.0.0", text: "a" } });
  newer.add("one", picture(block(0, 0, 40, [0, 0, 0])));
  assert.match(newer.whyNot, /another Chromium.*150\.0\.1.*151\.0\.0/);
  assert.deepEqual(newer.changed, []);
  assert.match(gallery({ kept, into: null, differences, drawn: { ...HERE, text: "b" } }).whyNot, /other fonts/);
});
