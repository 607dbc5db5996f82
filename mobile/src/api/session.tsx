/** Who is logged in, and the client that speaks for them. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Platform } from "react-native";

import { body, makeApi, type Api } from "./client";
import type { Environment } from "./environment";
import { readKept, writeKept } from "./keep";
import { useLastState } from "./last-state";
import { ApiProblem } from "./problem";
import { stopPushes } from "./push";
import type { components } from "./schema";

type Login = components["schemas"]["LoginAnswer"];
/** What the list of devices calls this one. */
const DEVICE = { web: "Browser", ios: "iPhone or iPad", android: "Android phone" }[Platform.OS as string] ?? "App";

/** `over`: the token was refused. The screen stays, marked, until its owner has logged in again. */
export type SessionState = "unknown" | "out" | "in" | "over";

export interface Session {
  readonly state: SessionState;
  readonly email: string | null;
  /** What the API calls this login, for as long as it goes on. */
  readonly device: string | null;
  readonly api: Api;
  readonly environment: Environment;
  /** Whether everybody tries the password first by which this login began: to be changed. */
  readonly isPasswordCommon: boolean;
  passwordChanged(): void;
  logIn(email: string, password: string, code?: string): Promise<void>;
  /** Asks for an account, and logs nobody in: a mail comes first. */
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
  const [device, setDevice] = useState<string | null>(null);
  const [isPasswordCommon, setPasswordCommon] = useState(false);
  const token = useRef<string | null>(null);
  const refresh = useRef<string | null>(null);
  const renewing = useRef<Promise<string | null> | null>(null);
  const queries = useQueryClient();
  const lastState = useLastState();
  const ownerOf = useCallback((who: string) => `${environment.apiUrl} ${who}`, [environment.apiUrl]);

  const keep = useCallback(async (login: Login | null) => {
    token.current = login?.token ?? null;
    refresh.current = login?.refresh_token ?? null;
    setDevice(login?.device_id ?? null);
    await Promise.all([writeKept("token", token.current), writeKept("refresh", refresh.current), writeKept("device", login?.device_id ?? null)]);
  }, []);

  const api = useMemo(() => {
    const end = () => {
      void keep(null);
      setState("over");
    };
    const open = makeApi(environment.apiUrl, { token: () => null, renew: async () => null, refused: () => undefined });
    const renew = async (): Promise<string | null> => {
      const used = refresh.current;
      if (used === null) {
        end();
        return null;
      }
      try {
        const answer = await body(open.POST("/api/v1/auth/refresh", { body: { refresh_token: used } }));
        // Whoever has logged out meanwhile, or in as somebody else, is not logged in again by it.
        if (refresh.current !== used) return token.current;
        await keep(answer);
        return answer.token;
      } catch (problem) {
        // Whatever else went wrong (no network) says nothing about the login.
        if (!(problem instanceof ApiProblem && problem.endsSession)) throw problem;
        end();
        return null;
      }
    };
    return makeApi(environment.apiUrl, {
      token: () => token.current,
      renew: async (refused) => {
        // An answer to a token that has been replaced meanwhile says nothing about the present one.
        if (refused !== token.current) return token.current;
        // A refresh token is good once: whoever else needs a new token waits for the same answer.
        renewing.current ??= renew().finally(() => {
          renewing.current = null;
        });
        return renewing.current;
      },
      refused: (refused) => {
        if (refused === token.current) end();
      },
    });
  }, [environment.apiUrl, keep]);

  useEffect(() => {
    void (async () => {
      const [keptToken, keptRefresh, keptDevice, keptEmail] = await Promise.all([readKept("token"), readKept("refresh"), readKept("device"), readKept("email")]);
      token.current = keptToken;
      refresh.current = keptRefresh;
      setDevice(keptDevice);
      setEmail(keptEmail);
      if (keptToken === null || keptEmail === null) lastState.forget();
      else lastState.restore(ownerOf(keptEmail), Date.now());
      setState(keptToken === null ? "out" : "in");
    })();
  }, [lastState, ownerOf]);

  const begin = useCallback(
    async (login: Login, newEmail: string) => {
      if (newEmail !== email) queries.clear();
      lastState.begin(ownerOf(newEmail));
      await Promise.all([keep(login), writeKept("email", newEmail), writeKept("known", login.device_id)]);
      setEmail(newEmail);
      setPasswordCommon(login.password_is_common);
      setState("in");
      void queries.invalidateQueries();
    },
    [email, keep, lastState, ownerOf, queries],
  );

  const session = useMemo<Session>(
    () => ({
      state,
      email,
      device,
      api,
      environment,
      isPasswordCommon,
      passwordChanged: () => setPasswordCommon(false),
      logIn: async (who, password, code) => {
        const known = await readKept("known");
        const answer = await body(
          api.POST("/api/v1/auth/login", {
            body: { email: who, password, device: DEVICE, ...(known === null ? {} : { known_device: known }), ...(code ? { code: code.trim() } : {}) },
          }),
        );
        await begin(answer, who);
      },
      register: async (who, password) => {
        await body(api.POST("/api/v1/auth/register", { body: { email: who, password } }));
      },
      logOut: async () => {
        const ended = refresh.current;
        const isPushed = (await readKept("push")) === "on";
        await Promise.all([keep(null), writeKept("email", null), writeKept("push", null)]);
        // Here nobody is to read on the locked screen what was another's, even if the API does not hear of the log-out.
        if (isPushed) void stopPushes().catch(() => undefined);
        // Out of reach or not: here nobody is logged in any more, and elsewhere the device can be ended from the list.
        if (ended !== null) void api.POST("/api/v1/auth/logout", { body: { refresh_token: ended } }).catch(() => undefined);
        queries.clear();
        setPasswordCommon(false);
        lastState.forget();
        setEmail(null);
        setState("out");
      },
    }),
    [api, begin, device, email, environment, isPasswordCommon, keep, lastState, queries, state],
  );

  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}
