import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expo } from "../app.json";
import eas from "../eas.json";

/** Width, height and kind of colour (2: without transparency, 6: with it), as a PNG's head tells them. */
function headOf(path: string): { width: number; height: number; kind: number } {
  const bytes = readFileSync(join(__dirname, "..", path));
  expect(bytes.subarray(1, 4).toString()).toBe("PNG");
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), kind: bytes.readUInt8(25) };
}

test("the app has an icon of its own, square, and opaque where Apple asks for it", () => {
  const square = { width: 1024, height: 1024 };
  expect(headOf(expo.icon)).toEqual({ ...square, kind: 2 });
  expect(headOf(expo.android.adaptiveIcon.foregroundImage)).toEqual({ ...square, kind: 6 });
  expect(headOf(expo.android.adaptiveIcon.monochromeImage)).toEqual({ ...square, kind: 6 });
});

test("each profile takes the variables of the environment of its name, and none asks for a client that is not installed", () => {
  for (const [name, profile] of Object.entries(eas.build)) {
    expect(profile.environment).toBe(name);
    expect(profile).not.toHaveProperty("developmentClient");
  }
});
