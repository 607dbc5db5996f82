/** Who is logged in, and the client that speaks for them. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";

import { body, makeApi, type Api } from "./client";
import type { Environment } from "./environment";
import { readKept, writeKept } from "./keep";

/** `over`: the token was refused. The screen stays, marked, until its owner has logged in again. */
export type SessionState = "unknown" | "out" | "in" | "over";

export interface Session {
  readonly state: SessionState;
  readonly email: string | null;
  readonly api: Api;
  readonly environment: Environment;
  logIn(email: string, password: string): Promise<void>;
  register(email: string, password: string): Promise<void>;
  logOut(): Promise<void>;
}

const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("useSession outside of SessionProvider");
  return session;
}

export function useApi(): Api {
  return useSession().api;
}

export function SessionProvider({ environment, children }: { environment: Environment; children: ReactNode }) {
  const [state, setState] = useState<SessionState>("unknown");
  const [email, setEmail] = useState<string | null>(null);
  const token = useRef<string | null>(null);
  const queries = useQueryClient();

  const api = useMemo(
    () =>
      makeApi(environment.apiUrl, {
        token: () => token.current,
        refused: (refused) => {
          // An answer to a token that has been replaced meanwhile says nothing about the present one.
          if (refused !== token.current) return;
          token.current = null;
          void writeKept("token", null);
          setState("over");
        },
      }),
    [environment.apiUrl],
  );

  useEffect(() => {
    void (async () => {
      const [keptToken, keptEmail] = await Promise.all([readKept("token"), readKept("email")]);
      token.current = keptToken;
      setEmail(keptEmail);
      setState(keptToken === null ? "out" : "in");
    })();
  }, []);

  const begin = useCallback(
    async (newToken: string, newEmail: string) => {
      if (newEmail !== email) queries.clear();
      token.current = newToken;
      await Promise.all([writeKept("token", newToken), writeKept("email", newEmail)]);
      setEmail(newEmail);
      setState("in");
      void queries.invalidateQueries();
    },
    [email, queries],
  );

  const session = useMemo<Session>(
    () => ({
      state,
      email,
      api,
      environment,
      logIn: async (who, password) => {
        const answer = await body(api.POST("/api/v1/auth/login", { body: { email: who, password } }));
        await begin(answer.token, who);
      },
      register: async (who, password) => {
        const answer = await body(api.POST("/api/v1/auth/register", { body: { email: who, password } }));
        await begin(answer.token, who);
      },
      logOut: async () => {
        token.current = null;
        await Promise.all([writeKept("token", null), writeKept("email", null)]);
        queries.clear();
        setEmail(null);
        setState("out");
      },
    }),
    [api, begin, email, environment, queries, state],
  );

  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}
