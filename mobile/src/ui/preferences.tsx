/** Appearance, text size and language: kept on the device. */
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import * as z from "zod/mini";

import { readKept, writeKept } from "@/api/keep";
import { LANGUAGES, WordsContext } from "@/words";

const shape = z.object({
  mode: z.enum(["system", "light", "dark"]),
  size: z.enum(["normal", "large", "huge"]),
  language: z.enum(["en"]),
});
export type Preferences = z.infer<typeof shape>;
const USUAL: Preferences = { mode: "system", size: "normal", language: "en" };

interface Kept {
  readonly preferences: Preferences;
  change(some: Partial<Preferences>): void;
}

const PreferencesContext = createContext<Kept>({ preferences: USUAL, change: () => undefined });

export function usePreferences(): Kept {
  return useContext(PreferencesContext);
}

export function PreferencesProvider({ children }: { children: ReactNode }) {
  const [preferences, setPreferences] = useState(USUAL);
  useEffect(() => {
    void readKept("preferences").then((text) => {
      const read = shape.safeParse(parsed(text));
      if (read.success) setPreferences(read.data);
    });
  }, []);
  const kept = useMemo<Kept>(
    () => ({
      preferences,
      change: (some) => {
        const next = { ...preferences, ...some };
        setPreferences(next);
        void writeKept("preferences", JSON.stringify(next));
      },
    }),
    [preferences],
  );
  return (
    <PreferencesContext.Provider value={kept}>
      <WordsContext.Provider value={LANGUAGES[preferences.language].words}>{children}</WordsContext.Provider>
    </PreferencesContext.Provider>
  );
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
