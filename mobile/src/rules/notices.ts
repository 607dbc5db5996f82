/** Kinds of notices, and where each leads. The API may have learnt kinds that this app does not know yet. */

/** Every kind by what it speaks of, in the order of docs/notifications.md. */
export const NOTICE_GROUPS = {
  orders: ["buy_accepted", "partly_bought", "bought", "sell_accepted", "partly_sold", "sold_so_far", "sold", "order_unknown", "order_not_placed"],
  entries: ["entry_missed", "entry_skipped", "entry_blocked", "entry_refused", "entry_unfilled"],
  exits: ["exit_blocked", "exit_refused", "exit_unfilled", "stop_not_resting"],
  surprises: ["closed_outside", "late_order", "oversold", "duplicate_order", "open_at_close", "snapshot_missing", "unsettled"],
  account: ["password_changed", "second_factor_on", "second_factor_off", "api_key_made", "viewer_joined", "channel_set", "account_locked", "account_unlocked", "logins_held_up", "new_device", "code_reused", "login_copied", "not_ready", "login_refused", "daily_summary"],
  limits: ["loss_limit", "killed", "released", "verified_flat", "nothing_placed", "deployment_killed", "deployment_released"],
} as const;

export type NoticeGroup = keyof typeof NOTICE_GROUPS;
export type NoticeKind = (typeof NOTICE_GROUPS)[NoticeGroup][number];

const WHO_GETS_IN = ["password_changed", "second_factor_on", "second_factor_off", "api_key_made", "viewer_joined", "channel_set", "account_locked", "account_unlocked", "logins_held_up", "new_device", "code_reused", "login_copied"] as const;

const SCREENS: Partial<Record<NoticeKind, Screen>> = {
  password_changed: "/devices",
  channel_set: "/notifications/preferences",
  new_device: "/devices",
  login_copied: "/devices",
  not_ready: "/",
  login_refused: "/broker",
  daily_summary: "/",
  snapshot_missing: "/broker",
  loss_limit: "/risk",
  killed: "/kill",
  released: "/kill",
  verified_flat: "/kill",
  nothing_placed: "/kill",
  deployment_killed: "/kill",
  deployment_released: "/kill",
};

export type Screen = "/" | "/broker" | "/devices" | "/kill" | "/notifications/preferences" | "/risk" | `/strategy/${string}`;

/** What a push carries of its notice. */
export interface PushedNotice {
  readonly notice_id: number;
  readonly kind: string;
  readonly strategy_id: string | null;
}

/** Where what a notice speaks of is shown; null where it says everything itself. */
export function screenOf(notice: { kind: string; strategy_id: string | null }): Screen | null {
  if (notice.strategy_id !== null) return `/strategy/${notice.strategy_id}`;
  // Every object has a "constructor", and more, of its kind.
  return Object.hasOwn(SCREENS, notice.kind) ? (SCREENS[notice.kind as NoticeKind] ?? null) : null;
}

/** The kinds that the API names, by group; those that this app does not know come last. */
export function groupsOf(kinds: readonly string[]): { group: NoticeGroup | "other"; kinds: string[] }[] {
  const groups = Object.entries(NOTICE_GROUPS).map(([group, known]) => ({
    group: group as NoticeGroup | "other",
    kinds: (known as readonly string[]).filter((kind) => kinds.includes(kind)),
  }));
  const known = new Set(groups.flatMap((each) => each.kinds));
  groups.push({ group: "other", kinds: kinds.filter((kind) => !known.has(kind)) });
  return groups.filter((each) => each.kinds.length > 0);
}

/** Whoever has taken an account over cannot switch off that its owner hears of it. */
export function isAlwaysSent(kind: string, channel: string): boolean {
  return (WHO_GETS_IN as readonly string[]).includes(kind) && channel === "email";
}

/** `12`, `99+`: of what is counted up to a thousand only. */
export function showCount(count: number): string {
  return count > 99 ? "99+" : String(count);
}
