/** How hard a new password is to guess, by its length and by what in it is not foreseen. An estimate for its owner, no rule:
 * what is too short or guessed early is refused by the API. */

export const SHORTEST_PASSWORD = 12;
export type Strength = "short" | "weak" | "fair" | "good";

/** Rows of keyboards and of the alphabet: a character that follows its neighbour adds nothing to guess. */
const ROWS = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm"];
const FAIR_BITS = 45;
const GOOD_BITS = 60;

export function strengthOf(password: string): Strength {
  const characters = [...password];
  if (characters.length < SHORTEST_PASSWORD) return "short";
  const bits = unforeseen(characters.map((each) => each.toLowerCase())) * Math.log2(kindsOf(password));
  return bits < FAIR_BITS ? "weak" : bits < GOOD_BITS ? "fair" : "good";
}

/** How many characters are neither neighbours of the one before nor part of a piece of three that was there already. */
function unforeseen(characters: readonly string[]): number {
  const pieces = new Set<string>();
  return characters.filter((each, at) => {
    const before = characters[at - 1];
    const piece = characters.slice(Math.max(0, at - 2), at + 1).join("");
    const isKnown = piece.length === 3 && pieces.has(piece);
    pieces.add(piece);
    return !isKnown && (before === undefined || (each !== before && !areNeighbours(before, each)));
  }).length;
}

function areNeighbours(one: string, other: string): boolean {
  return ROWS.some((row) => row.includes(one + other) || row.includes(other + one));
}

/** From how many characters each was chosen, by the kinds that are there. */
function kindsOf(password: string): number {
  const kinds: readonly (readonly [RegExp, number])[] = [
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/[0-9]/, 10],
    [/[ -/:-@[-`{-~]/, 33],
    [/[^ -~]/, 100],
  ];
  return kinds.reduce((sum, [kind, size]) => sum + (kind.test(password) ? size : 0), 0);
}
