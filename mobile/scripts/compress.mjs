// Leaves a compressed neighbour beside every text file of a build, and says how large what a browser loads first is.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";

const LIMIT = 600 * 1024;
const folder = process.argv[2];
let total = 0;
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(js|css|html|json|svg)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const packed = gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION });
  writeFileSync(`${path}.gz`, packed);
  if (/\.(js|css|html)$/.test(entry.name)) total += packed.length;
}
console.log(`[app] ${(total / 1024).toFixed(0)} KB gzipped, of ${LIMIT / 1024} KB allowed`);
if (total > LIMIT) process.exit(1);
