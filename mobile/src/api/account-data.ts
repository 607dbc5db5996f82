/** Everything that is kept of somebody, page by page, as one document. */
import { body } from "./client";
import type { Api } from "./client";
import { ApiProblem } from "./problem";

type Row = Record<string, unknown>;
export interface Collected {
  readonly text: string;
  readonly rows: number;
  readonly sections: number;
}

/** Reads every page. `onPage` is told how many there are so far. What breaks off in between has collected nothing. */
export async function collectAccountData(api: Api, onPage: (pages: number) => void, signal: AbortSignal): Promise<Collected> {
  const sections: Record<string, Row[]> = {};
  const seen = new Set<string>();
  let cursor: string | null = null;
  for (let pages = 1; ; pages += 1) {
    const query: { cursor?: string } = cursor === null ? {} : { cursor };
    const page: { sections: Record<string, Row[]>; next_cursor: string | null } = await body(api.GET("/api/v1/account/export", { params: { query }, signal }));
    for (const [name, rows] of Object.entries(page.sections)) sections[name] = [...(sections[name] ?? []), ...rows];
    onPage(pages);
    cursor = page.next_cursor;
    if (cursor === null) break;
    if (seen.has(cursor)) throw new ApiProblem("UNREADABLE", "the pages of the export lead in a circle");
    seen.add(cursor);
  }
  const rows = Object.values(sections).reduce((sum, each) => sum + each.length, 0);
  return { text: JSON.stringify({ taken_at: new Date().toISOString(), sections }, null, 2), rows, sections: Object.keys(sections).length };
}
