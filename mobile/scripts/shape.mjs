// Writes src/api/shape.ts: a fingerprint of what the API's answers look like, for whoever keeps one over an update.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const document = JSON.parse(readFileSync(new URL("../src/api/openapi.json", import.meta.url), "utf8"));
const shape = createHash("sha256").update(JSON.stringify(document.components.schemas)).digest("hex").slice(0, 16);
writeFileSync(
  new URL("../src/api/shape.ts", import.meta.url),
  `/** A fingerprint of what the API's answers look like, written by \`make app-client\`. */\nexport const SHAPE = "${shape}";\n`,
);
