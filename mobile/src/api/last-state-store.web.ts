/** A browser keeps no state: whoever opens the page anew has no login there, and without one nothing is shown. */
export function takeLastState(): string | null {
  return null;
}

export function keepLastState(_text: string | null): void {}
