// Takes the outlines of the icons that the app uses out of @mdi/js, whose whole set would be larger than the app.
import { writeFileSync } from "node:fs";
import * as mdi from "@mdi/js";

const USED = [
  "alert-circle", "alert-octagon", "arrow-left", "bank", "bell", "cash-multiple", "check", "check-circle", "chevron-right",
  "clock-outline", "close", "cog", "eye", "eye-off", "format-list-bulleted", "home", "information", "link-variant", "logout",
  "magnify", "menu-down", "menu-up", "minus", "pencil", "play", "plus", "radiobox-blank", "radiobox-marked", "refresh",
  "shield-alert", "stop", "timeline-clock", "trash-can", "wifi-off", "checkbox-marked", "checkbox-blank-outline",
  "account-eye", "key-variant",
];
const exportName = (name) => "mdi" + name.split("-").map((part) => part[0].toUpperCase() + part.slice(1)).join("");
const rows = USED.map((name) => {
  const path = mdi[exportName(name)];
  if (path === undefined) throw new Error(`@mdi/js has no ${name}`);
  return `  ${JSON.stringify(name)}: ${JSON.stringify(path)},`;
});
const text = `// Written by scripts/icons.mjs from @mdi/js (Apache License 2.0). Not to be edited by hand.\nexport const ICONS = {\n${rows.join("\n")}\n} as const;\n\nexport type IconName = keyof typeof ICONS;\n`;
writeFileSync(new URL("../src/ui/icon-paths.ts", import.meta.url), text);
