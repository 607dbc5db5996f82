// What axe finds on a page that keeps somebody out.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Rules that leave to a person what here is a fault: what nobody sees is in reach of the keyboard. */
const JUDGED_HERE = new Set(["aria-hidden-focus"]);

/** The findings that are serious or critical. */
export async function faultsOf(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations", "incomplete"] }));
  return [...found.violations, ...found.incomplete.filter(({ id }) => JUDGED_HERE.has(id))]
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id} (${nodes.length}) ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary.slice(0, 200)}`);
}
