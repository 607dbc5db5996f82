/** Numbers as they are typed in India. */

const GROUPED = /^\d{1,3}(,\d{2,3})*,\d{3}(\.\d+)?$/;

/** Without the commas of lakhs and crores. Commas elsewhere stay, so that `1,5` is not taken for 15. */
export function plain(text: string): string {
  const typed = text.trim();
  return GROUPED.test(typed) ? typed.replace(/,/g, "") : typed;
}

/** Null for what is no number above or equal to zero with at most four decimals. */
export function number(text: string | undefined): number | null {
  const digits = plain(text ?? "");
  return /^\d+(\.\d{1,4})?$/.test(digits) ? Number(digits) : null;
}
