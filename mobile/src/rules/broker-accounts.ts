/** A trader's broker accounts: how each stands, and which has to be looked after. Everybody has one; where there are
 * several, they are told apart by their names. */
import type { Broker, BrokerAccount } from "@/api/queries";

/** The API opens no more (docs/api.md). */
export const MOST_ACCOUNTS = 5;
/** Letters of a name that the API takes. */
export const LONGEST_NAME = 40;

/** How it stands at `now`: a login that has ended since it was read of is none, whatever was true then. */
export function statusOf({ connection }: Pick<BrokerAccount, "connection">, now: number): Broker["status"] {
  if (connection === null) return "not_connected";
  const ends = connection.token_expires_at;
  const isOver = connection.status === "connected" && typeof ends === "string" && Date.parse(ends) <= now;
  return isOver ? "login_required" : connection.status;
}

/** Where a login is missing that the trader has to make. */
export function withoutLogin(accounts: readonly BrokerAccount[], now: number): readonly BrokerAccount[] {
  return accounts.filter((one) => statusOf(one, now) === "login_required");
}

/** Where a broker is missing. An account in which nothing is to trade may be without one, unless it is what is meant
 * wherever none is named. */
export function withoutBroker(accounts: readonly BrokerAccount[], now: number): readonly BrokerAccount[] {
  return accounts.filter((one) => statusOf(one, now) === "not_connected" && (one.is_default || one.strategies > 0));
}

/** What an account is called, where there are several; null where there is one, whose name troubles nobody. */
export function nameWhereSeveral(accounts: readonly BrokerAccount[] | undefined, id: string): string | null {
  if (accounts === undefined || accounts.length < 2) return null;
  return accounts.find((one) => one.account_id === id)?.name ?? null;
}

/** Of several accounts the one that is meant: the one that was chosen, else the default. Null where there are not several:
 * then none is named. */
export function accountMeant(chosen: string, accounts: readonly BrokerAccount[]): string | null {
  if (accounts.length < 2) return null;
  return chosen === "" ? (accounts.find((one) => one.is_default)?.account_id ?? null) : chosen;
}
