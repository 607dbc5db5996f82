/** The trader's broker accounts, in English. Names of accounts are said only where there are several. */
import type { components } from "@/api/schema";

const brokers: Record<components["schemas"]["BrokerName"], string> = { kite: "Kite" };

/** "A, B and C". */
const all = (names: readonly string[]) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

export const broker = {
  title: "Broker",
  brokers,
  connect: "Connect",
  connected: (who: string) => `Connected as ${who}.`,
  endsIn: (time: string) => `The login ends in ${time}, at 06:00 IST.`,
  required: "Log in at the broker: without it nothing is bought.",
  requiredOf: (names: readonly string[]) => `Log in at the broker for ${all(names)}: without it nothing is bought there.`,
  requiredHere: "Log in at the broker: without it nothing is bought here.",
  refused: (since: string) => `The broker has refused the login since ${since} IST. Log in again: without it nothing is bought.`,
  refusedHere: (since: string) => `The broker has refused the login since ${since} IST. Log in again: without it nothing is bought here.`,
  refusedOf: (name: string, since: string) => `${name}: the broker has refused the login since ${since} IST. Log in again: without it nothing is bought there.`,
  none: "No broker is connected: nothing can be bought.",
  noneOf: (names: readonly string[]) => `No broker is connected in ${all(names)}: nothing can be bought there.`,
  noneHere: "No broker is connected here: nothing can be bought.",
  key: "API key",
  secret: "API secret",
  token: "Access token (optional)",
  tokenHelp: "Leave the token out to log in on the broker's own page.",
  logIn: "Log in at the broker",
  waiting: "Waiting for the broker's login. Come back here when its page says Connected.",
  openAgain: "Open the broker's page again",
  disconnect: "Disconnect",
  demo: "Fill in the simulated account",
  issued: "must be as the broker shows it: letters, digits and . _ ~ - only",
  addresses: "Register with your broker, or it takes no orders",
  postback: "Postback address for your broker app",
  change: "Use other keys",
  /** A word or a button that stands once in each account, as a screen reader says it. */
  of: (what: string, name: string) => `${what}: ${name}`,
  accounts: {
    add: "Add another broker account",
    addHow: "Your family's or your HUF's, say. Each strategy trades in one account. Name it here, then connect it with keys of its own.",
    full: (most: number) => `You have ${most} broker accounts, as many as one can have.`,
    name: "What you call it",
    open: "Add it",
    isDefault: "default",
    strategies: (count: number) => (count === 1 ? "1 strategy" : `${count} strategies`),
    more: "More",
    less: "Less",
    rename: "Rename",
    makeDefault: "Make it the default",
    defaultHow: "New strategies are put into the default account. Those you have stay where they are.",
    remove: "Remove the account",
    removeAsk: (name: string) => `${name} is shown no more, and its keys are forgotten. Its orders stay on record.`,
    disconnectAsk: (name: string) => `The keys of ${name} are forgotten: nothing can be bought there until it is connected again.`,
  },
};
