/** Rupees as India writes them: lakhs and crores. */

const rupees = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR", minimumFractionDigits: 2 });
const signed = new Intl.NumberFormat("en-IN", {
  style: "currency",
  currency: "INR",
  minimumFractionDigits: 2,
  signDisplay: "exceptZero",
});
const NOTHING = "–";

export function showRupees(amount: number | null | undefined): string {
  return amount === null || amount === undefined ? NOTHING : rupees.format(amount);
}

/** With its sign: of profit and loss. */
export function showResult(amount: number | null | undefined): string {
  return amount === null || amount === undefined ? NOTHING : signed.format(amount);
}

export function showPercent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
