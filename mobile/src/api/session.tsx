/** Who is logged in, and the client that speaks for them. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Platform } from "react-native";

import { bearerOf, type Held, type LoginAnswer } from "./bearer";
import { body, makeApi, type Api } from "./client";
import type { Environment } from "./environment";
import { readKept, writeKept, type KeptName } from "./keep";
import { useLastState } from "./last-state";
import { stopPushes } from "./push";

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
  /** Whether what this phone kept of a login could not be read at the start: then nobody is logged in. */
  readonly isUnreadable: boolean;
  /** Whether everybody tries the password first by which this login began: to be changed. */
  readonly isPasswordCommon: boolean;
  passwordChanged(): void;
  logIn(email: string, password: string, code?: string): Promise<void>;
  /** Asks for an account, and logs nobody in: a mail comes first. */
  register(email: string, password: string): Promise<void>;
  logOut(): Promise<void>;
}

/** What cannot be kept is in this run's memory all the same. */
async function keepEach(values: Partial<Record<KeptName, string | null | undefined>>): Promise<void> {
  await Promise.allSettled(Object.entries(values).map(([name, value]) => writeKept(name as KeptName, value ?? null)));
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
  const [isUnreadable, setUnreadable] = useState(false);
  const held = useRef<Held | null>(null);
  const queries = useQueryClient();
  const lastState = useLastState();
  const ownerOf = useCallback((who: string) => `${environment.apiUrl} ${who}`, [environment.apiUrl]);

  /** What the present login was given; null keeps nothing. */
  const keep = useCallback(async (login: LoginAnswer | null) => {
    setDevice(login?.device_id ?? null);
    await keepEach({ token: login?.token, refresh: login?.refresh_token, device: login?.device_id });
  }, []);

  const api = useMemo(() => {
    const keeper = {
      apiUrl: environment.apiUrl,
      current: () => held.current,
      renewed: (login: Held, answer: LoginAnswer) => {
        [login.token, login.refresh] = [answer.token, answer.refresh_token];
        return keep(answer);
      },
      ended: () => {
        held.current = null;
        void keep(null);
        setState("over");
      },
    };
    return makeApi(environment.apiUrl, () => (held.current === null ? null : bearerOf(held.current, keeper)));
  }, [environment.apiUrl, keep]);

  useEffect(() => {
    const start = async () => {
      const [keptToken, keptRefresh, keptDevice, keptEmail] = await Promise.all([readKept("token"), readKept("refresh"), readKept("device"), readKept("email")]);
      held.current = keptToken === null ? null : { token: keptToken, refresh: keptRefresh, renewing: null };
      setDevice(keptDevice);
      setEmail(keptEmail);
      if (keptToken === null || keptEmail === null) lastState.forget();
      else lastState.restore(ownerOf(keptEmail), Date.now());
      setState(keptToken === null ? "out" : "in");
    };
    // A keystore that fails must not keep anybody from logging in: the kill switch is behind that.
    start().catch(() => {
      setUnreadable(true);
      lastState.forget();
      setState("out");
    });
  }, [lastState, ownerOf]);

  const begin = useCallback(
    async (login: LoginAnswer, newEmail: string) => {
      held.current = { token: login.token, refresh: login.refresh_token, renewing: null };
      if (newEmail !== email) queries.clear();
      lastState.begin(ownerOf(newEmail));
      await Promise.all([keep(login), keepEach({ email: newEmail, known: login.device_id })]);
      setUnreadable(false);
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
      isUnreadable,
      isPasswordCommon,
      passwordChanged: () => setPasswordCommon(false),
      logIn: async (who, password, code) => {
        const known = await readKept("known").catch(() => null);
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
        const ended = held.current?.refresh ?? null;
        held.current = null;
        const isPushed = (await readKept("push").catch(() => null)) === "on";
        await Promise.all([keep(null), keepEach({ email: null, push: null })]);
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
    [api, begin, device, email, environment, isPasswordCommon, isUnreadable, keep, lastState, queries, state],
  );

  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}
