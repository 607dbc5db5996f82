import { strengthOf } from "@/rules/strength";

test.each([
  ["", "short"],
  ["eleven char", "short"],
  // Long, and foreseen: the same again, rows of the keyboard, the alphabet, pieces that come again.
  ["aaaaaaaaaaaaaaaaaaaaaaaa", "weak"],
  ["qwertyuiopasdfghjkl", "weak"],
  ["abcdefghijklmnopqrstuvwxyz", "weak"],
  ["12345678901234567890", "weak"],
  ["abcabcabcabcabcabcabc", "weak"],
  ["hunter2hunter2hunter2", "weak"],
  ["839174628015", "weak"],
  ["thebluehorse", "fair"],
  ["correct horse battery staple", "good"],
  ["a long passphrase", "good"],
  ["kT9#vLq2!xWz", "good"],
  ["पासवर्ड पासवर्ड घोड़ा", "good"],
])("%j is %s", (password, strength) => expect(strengthOf(password)).toBe(strength));

test("a longer one is never called weaker", () => {
  const order = ["short", "weak", "fair", "good"];
  const whole = "my aunt keeps seven green umbrellas";
  const steps = [...whole].map((_, at) => order.indexOf(strengthOf(whole.slice(0, at + 1))));
  expect(steps).toEqual([...steps].sort((one, other) => one - other));
});
