/** Hands a file to the browser, which keeps it among its downloads. */
export const HANDED = "saved";
const WHILE_IT_IS_READ_MS = 60_000;

export async function handOver(name: string, text: string): Promise<boolean> {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), WHILE_IT_IS_READ_MS);
  return true;
}

/** The browser has the file; here nothing is kept of it. */
export function forgetHanded(_name: string): void {}
