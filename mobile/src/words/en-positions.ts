/** What is said about positions and what they bring. */
export const positions = {
  title: "Positions",
  none: "Nothing is held or on order.",
  held: "Held and on order by your strategies",
  foreign: "Your own positions, left alone",
  quantity: (held: number, ordered: number) => (ordered === 0 ? String(held) : held === 0 ? `${ordered} on order` : `${held}, and ${ordered} on order`),
  average: "Average buy price",
  last: "Last price",
  seen: (at: string) => `at ${at} IST`,
  value: "Value",
  result: "Open result, before charges",
  total: "Open result of all, before charges",
  without: (symbols: string) => `Without ${symbols}: no price is known.`,
  toStrategy: "Its strategy",
  toStrategyIn: (account: string) => `Its strategy in ${account}`,
  estimated: "No price is known: valued at what it cost.",
};
