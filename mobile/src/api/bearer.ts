/** One login and its tokens. */
import { body, makeApi, type Bearer } from "./client";
import { ApiProblem } from "./problem";
import type { components } from "./schema";

export type LoginAnswer = components["schemas"]["LoginAnswer"];

/** What is held of one login. Another login is another object, also of the same person: so each request knows its own. */
export interface Held {
  token: string;
  refresh: string | null;
  /** Under way: a refresh token is good once, so whoever else needs a new token waits for the same answer. */
  renewing: Promise<string | null> | null;
}

export interface Keeper {
  readonly apiUrl: string;
  /** The login that goes on now; null while nobody is logged in. */
  current(): Held | null;
  /** Keeps the tokens that a login goes on with. */
  renewed(held: Held, answer: LoginAnswer): Promise<void>;
  /** The API ended the login that went on. */
  ended(): void;
}

/** Speaks for `held`, and for nobody who logs in after it. */
export function bearerOf(held: Held, keeper: Keeper): Bearer {
  const goesOn = (): boolean => {
    if (keeper.current() === held) return true;
    if (keeper.current() === null) return false;
    throw new ApiProblem("LOGIN_ENDED", "another login began while this was under way");
  };
  return {
    token: () => held.token,
    renew: async (refused) => {
      if (!goesOn()) return null;
      // An answer to a token that has been replaced meanwhile says nothing about the present one.
      if (refused !== held.token) return held.token;
      held.renewing ??= renew(held, keeper).finally(() => {
        held.renewing = null;
      });
      const token = await held.renewing;
      return goesOn() ? token : null;
    },
    refused: (refused) => {
      if (keeper.current() === held && refused === held.token) keeper.ended();
    },
  };
}

async function renew(held: Held, keeper: Keeper): Promise<string | null> {
  if (held.refresh === null) {
    keeper.ended();
    return null;
  }
  const open = makeApi(keeper.apiUrl, () => null);
  try {
    const answer = await body(open.POST("/api/v1/auth/refresh", { body: { refresh_token: held.refresh } }));
    // Whoever has logged out meanwhile, or in as somebody else, is not logged in again by it.
    if (keeper.current() !== held) return null;
    await keeper.renewed(held, answer);
    return answer.token;
  } catch (problem) {
    // Whatever else went wrong (no network) says nothing about the login.
    if (!(problem instanceof ApiProblem && problem.endsSession)) throw problem;
    if (keeper.current() === held) keeper.ended();
    return null;
  }
}
