/** Rupees as India writes them: lakhs and crores. */

const rupees = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR", minimumFractionDigits: 2 });
const signed = new Intl.NumberFormat("en-IN", {
  style: "currency",
  currency: "INR",
  minimumFractionDigits: 2,
  signDisplay: "exceptZero",
});
const round = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const NOTHING = "–";

export function showRupees(amount: number | null | undefined): string {
  return amount === null || amount === undefined ? NOTHING : rupees.format(amount);
}

/** Along an axis: paise only where `isFine`. */
export function showScale(amount: number, isFine: boolean): string {
  return (isFine ? fine : round).format(amount);
}

/** With its sign: of profit and loss. */
export function showResult(amount: number | null | undefined): string {
  return amount === null || amount === undefined ? NOTHING : signed.format(amount);
}

export function showPercent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
