// Draws the app's icon and splash into assets/: a price that falls to its stop, and the stop's dashed line.
import { mkdirSync, writeFileSync } from "node:fs";
import { PNG } from "pngjs";

const GROUND = [23, 78, 166];
const PRICE = [255, 255, 255];
const STOP = [253, 214, 99];
/** Of a square of 1 by 1; within the circle that Android leaves of an adaptive icon (two thirds across). */
const LINE = [[0.24, 0.55], [0.38, 0.36], [0.5, 0.48], [0.62, 0.3], [0.76, 0.62]];
const DASHES = [[0.24, 0.33], [0.385, 0.475], [0.53, 0.62], [0.675, 0.765]].map(([from, to]) => [[from, 0.68], [to, 0.68]]);
const HALF = { price: 0.028, stop: 0.016 };
/** Steps across one pixel: edges without stairs. */
const FINE = 3;

function distance([x, y], [ax, ay], [bx, by]) {
  const along = Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)));
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}

function colourAt(point, isPlain) {
  if (LINE.slice(1).some((end, i) => distance(point, LINE[i], end) <= HALF.price)) return PRICE;
  if (DASHES.some(([from, to]) => distance(point, from, to) <= HALF.stop)) return isPlain ? PRICE : STOP;
  return null;
}

/** `ground` null: see-through. `scale`: how much of the square the drawing takes. */
function draw(name, size, { ground = null, scale = 1, isPlain = false }) {
  const image = new PNG({ width: size, height: size });
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const sum = [0, 0, 0, 0];
      for (let step = 0; step < FINE * FINE; step += 1) {
        const at = [x + ((step % FINE) + 0.5) / FINE, y + (Math.floor(step / FINE) + 0.5) / FINE].map((one) => (one / size - 0.5) / scale + 0.5);
        const colour = colourAt(at, isPlain) ?? ground;
        if (colour === null) continue;
        colour.forEach((part, i) => (sum[i] += part));
        sum[3] += 1;
      }
      const place = (y * size + x) * 4;
      for (let i = 0; i < 3; i += 1) image.data[place + i] = sum[3] === 0 ? 0 : Math.round(sum[i] / sum[3]);
      image.data[place + 3] = Math.round((255 * sum[3]) / FINE ** 2);
    }
  }
  // Apple takes no icon with transparency in it, not even unused.
  const options = ground === null ? { colorType: 6 } : { colorType: 2 };
  writeFileSync(new URL(`../assets/${name}.png`, import.meta.url), PNG.sync.write(image, { ...options, deflateLevel: 9 }));
}

mkdirSync(new URL("../assets/", import.meta.url), { recursive: true });
draw("icon", 1024, { ground: GROUND, scale: 1.35 });
draw("adaptive-icon", 1024, {});
draw("adaptive-icon-plain", 1024, { isPlain: true });
