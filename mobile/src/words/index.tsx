/** The words of the chosen language. A new language is one more object in LANGUAGES. */
import { createContext, useContext } from "react";

import { ApiProblem, type ProblemCode } from "@/api/problem";

import { en, type Words } from "./en";

export const LANGUAGES = { en: { name: "English", words: en } } as const satisfies Record<
  string,
  { name: string; words: Words }
>;
export type Language = keyof typeof LANGUAGES;

export const WordsContext = createContext<Words>(en);

export function useWords(): Words {
  return useContext(WordsContext);
}

/** What a code asks for where it means something narrower than elsewhere. */
export type Here = Partial<Record<ProblemCode, string>>;

/** What happened, and what to do about it. */
export function tell(words: Words, error: unknown, here: Here = {}): { message: string; advice: string } {
  if (!(error instanceof ApiProblem)) return { message: String(error), advice: words.problems.UNREADABLE };
  const advice = here[error.code] ?? (words.problems as Record<string, string>)[error.code] ?? words.problems.UNREADABLE;
  return { message: forPeople(error.message), advice };
}

/** The API's own sentence without what it tells programs: in brackets, the request by which a thing is done. */
export function forPeople(text: string): string {
  return text.replace(FOR_PROGRAMS, "");
}

/** Whether the sentence sends its reader to the broker's login. */
export function isToBroker(text: string): boolean {
  return /\(GET \/broker\/login/.test(text);
}

const FOR_PROGRAMS = / ?\((?:GET|POST|PUT|DELETE) \/[^()]*\)/g;
