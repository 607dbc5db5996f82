/** What the screens read, how often, and what they may ask for. */
import { notifyManager, QueryClient, skipToken, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useSyncExternalStore } from "react";

import { istDay } from "@/rules/clock";
import { isUnderWay, netOf } from "@/rules/standing";

import { body, ifMatch, tagged } from "./client";
import { useIntentKey } from "./intent";
import { useOneAtATime } from "./one-at-a-time";
import { ApiProblem } from "./problem";
import { serverNow } from "./server-clock";
import type { components } from "./schema";
import { useApi, useSession } from "./session";

type Schemas = components["schemas"];
export type Strategy = Schemas["StrategyDetails"];
export type Standing = Schemas["StrategyStanding"];
export type Plan = Schemas["PlanRequest"];
export type RiskProfile = Schemas["RiskProfileView"];
/** With the tag of its limits, by which they are replaced and no others. */
export type RiskRead = RiskProfile & { tag: string | null };
export type RiskLimits = Schemas["RiskProfileRequest"];
export type Broker = Schemas["BrokerView"];
export type BrokerAccount = Schemas["BrokerAccountView"];
export type OrderEvent = Schemas["OrderView"];
export type Trade = Schemas["TradeView"];
export type TimelineLine = Schemas["LineView"];
export type DayCandles = Schemas["CandlesView"];
export type Readiness = Schemas["PreflightView"];
export type Device = Schemas["DeviceView"];
export type Check = Schemas["CheckView"];
export type Instrument = Schemas["InstrumentView"];

/** The specification's interval of polling a strategy's status. */
export const STATUS_POLL_MS = 5_000;
export const LIST_POLL_MS = 15_000;
/** On a row: of a screenful, which is read every 5 seconds, it makes a sixth more. */
export const ROW_READY_POLL_MS = 30_000;
/** There is another candle once a minute. */
export const CANDLES_POLL_MS = 60_000;
export const BROKER_POLL_MS = 30_000;
const WAITING_FOR_BROKER_MS = 2_000;
const MOST_RETRIES = 2;
/** Readings of a standing that may fail or come late before it is called an old one. */
const MOST_MISSED = 3;
const COMMAND_REST_MS = 700;

/** Reads are repeated with growing pauses when that may help. What changes something is never repeated by itself. */
export function makeQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The browser's idea of being online says nothing about the API: requests are tried, and fail visibly.
        networkMode: "always",
        retry: (failures, error) => failures < MOST_RETRIES && error instanceof ApiProblem && error.mayPass,
        retryDelay: (attempt) => Math.min(1_000 * 2 ** attempt, 8_000) * (0.75 + Math.random() / 2),
        staleTime: 1_000,
        gcTime: Infinity,
        refetchOnWindowFocus: true,
      },
      mutations: { networkMode: "always", retry: false },
    },
  });
}

export function useStrategies() {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["strategies"],
    queryFn: async ({ signal }) => (await body(api.GET("/api/v1/strategy", { signal }))).strategies,
    refetchInterval: LIST_POLL_MS,
    enabled: isIn,
  });
}

/** A strategy as it was read, and the tag by which a change is made to that state and to no other. */
export type StrategyRead = { strategy: Strategy; tag: string | null };

/** Polled: another device may start, stop or change it. Until it is read, what the list has told of it is known. */
export function useStrategy(id: string) {
  const api = useApi();
  const isIn = useIsIn();
  const queries = useQueryClient();
  const listed = () => queries.getQueryData<Strategy[]>(["strategies"])?.find((one) => one.strategy_id === id);
  return useQuery<StrategyRead>({
    queryKey: ["strategy", id],
    queryFn: async ({ signal }) => {
      const { body: strategy, tag } = await tagged(api.GET("/api/v1/strategy/{id}", { params: { path: { id } }, signal }));
      return { strategy, tag };
    },
    initialData: () => {
      const strategy = listed();
      return strategy && { strategy, tag: null };
    },
    initialDataUpdatedAt: () => queries.getQueryState(["strategies"])?.dataUpdatedAt,
    refetchInterval: LIST_POLL_MS,
    enabled: isIn,
  });
}

/** What the API warned of at the last command to a strategy: kept for the strategy's own screen, which opens after it. */
export function useWarnings(id: string): readonly string[] {
  return useQuery<readonly string[]>({ queryKey: ["warnings", id], queryFn: skipToken }).data ?? [];
}

export function useStanding(id: string, isPolled: boolean | ((last: Standing | undefined) => boolean) = true) {
  const api = useApi();
  const isIn = useIsIn();
  const queries = useQueryClient();
  return useQuery({
    queryKey: ["standing", id],
    queryFn: async ({ signal }) => {
      const before = queries.getQueryData<Standing>(["standing", id]);
      const standing = await body(api.GET("/api/v1/strategy/status/{id}", { params: { path: { id } }, signal }));
      // What kept it from trading may be the broker's login, which is read rarely.
      if (before !== undefined && before.note !== standing.note) void queries.invalidateQueries({ queryKey: ["broker-accounts"] }, { cancelRefetch: false });
      return standing;
    },
    refetchInterval: ({ state }) => ((typeof isPolled === "function" ? isPolled(state.data) : isPolled) ? STATUS_POLL_MS : false),
    enabled: isIn,
  });
}

/** What the rows bring together, by the standings that they show; null where one of them is missing or is not read anew,
 * as one out of sight. */
export function useNetOfRows(strategies: readonly Strategy[], others: number): number | null {
  const queries = useQueryClient();
  const cache = queries.getQueryCache();
  return useSyncExternalStore(
    useCallback((changed) => cache.subscribe(notifyManager.batchCalls(changed)), [cache]),
    () => {
      const shown: Standing[] = [];
      for (const { strategy_id: id, status } of strategies) {
        const state = queries.getQueryState<Standing>(["standing", id]);
        if (state?.data === undefined) return null;
        const now = Date.now();
        const isRead = status === "running" || isUnderWay(state.data);
        if (isRead ? Math.abs(now - state.dataUpdatedAt) > MOST_MISSED * STATUS_POLL_MS : istDay(state.data.as_of) !== istDay(serverNow())) return null;
        shown.push(state.data);
      }
      return netOf(shown, others);
    },
  );
}

/** Whether the strategy can trade next time. `every`, ms: how often it is asked; null: not at all. */
export function useReadiness(id: string, every: number | null = LIST_POLL_MS) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["readiness", id],
    queryFn: ({ signal }) => body(api.GET("/api/v1/strategy/{id}/preflight", { params: { path: { id } }, signal })),
    refetchInterval: every ?? false,
    enabled: isIn && every !== null,
  });
}

/** The day's price of a strategy's instrument. Only `isShown` asks for it. */
export function useCandles(id: string, isShown: boolean) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["candles", id],
    queryFn: ({ signal }) => body(api.GET("/api/v1/strategy/{id}/candles", { params: { path: { id } }, signal })),
    refetchInterval: CANDLES_POLL_MS,
    enabled: isIn && isShown,
  });
}

export function useOrders(id: string) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["orders", id],
    queryFn: ({ signal }) => body(api.GET("/api/v1/strategy/{id}/orders", { params: { path: { id } }, signal })),
    refetchInterval: STATUS_POLL_MS,
    enabled: isIn,
  });
}

export function useTimeline(id: string, day: string | null) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["timeline", id, day],
    queryFn: ({ signal }) =>
      body(
        api.GET("/api/v1/strategy/{id}/timeline", {
          params: { path: { id }, query: day === null ? {} : { day } },
          signal,
        }),
      ),
    refetchInterval: STATUS_POLL_MS,
    enabled: isIn,
  });
}

/** `isPolled`: false where something else on the screen reads it. */
export function useRisk(isPolled = true) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["risk"],
    queryFn: async ({ signal }): Promise<RiskRead> => {
      const { body: profile, tag } = await tagged(api.GET("/api/v1/risk/profile", { signal }));
      return { ...profile, tag };
    },
    refetchInterval: isPolled ? STATUS_POLL_MS : false,
    enabled: isIn,
  });
}

/** The broker accounts, oldest first; one of them is the default. How often they are read: not by themselves at all where
 * something else on the screen reads them. */
export function useBrokerAccounts(reading: "often" | "now and then" | "once" = "now and then") {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["broker-accounts"],
    queryFn: async ({ signal }) => (await body(api.GET("/api/v1/broker/accounts", { signal }))).accounts,
    refetchInterval: { often: WAITING_FOR_BROKER_MS, "now and then": BROKER_POLL_MS, once: false as const }[reading],
    enabled: isIn,
  });
}

export function useDevices() {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["devices"],
    queryFn: async ({ signal }) => (await body(api.GET("/api/v1/auth/devices", { signal }))).devices,
    enabled: isIn,
  });
}

export function useSecondFactor() {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["second-factor"],
    queryFn: ({ signal }) => body(api.GET("/api/v1/auth/second-factor", { signal })),
    enabled: isIn,
  });
}

export function useInstruments(query: string) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["instruments", query],
    queryFn: async ({ signal }) =>
      (await body(api.GET("/api/v1/instruments", { params: { query: { query } }, signal }))).instruments,
    enabled: isIn && query.length >= 2,
    staleTime: 10 * 60_000,
  });
}

export type Command =
  | { kind: "start" | "stop" | "square-off" | "delete"; id: string }
  | { kind: "create"; plan: Plan }
  | { kind: "change"; id: string; plan: Plan; tag: string | null }
  | { kind: "limits"; limits: RiskLimits; tag: string | null }
  | { kind: "end-device"; id: string }
  | { kind: "end-devices" }
  | { kind: "kill" }
  | { kind: "release" };

export type CommandAnswer = {
  id: string | null;
  warnings: readonly string[];
  reason: string | null;
  /** Of the state after it, where what was changed has one. */
  tag?: string | null;
};

/** Asks for a change. While one is under way a second call is not sent; one intent keeps one Idempotency-Key, over
 * every further try of its owner, until the API has answered or the intent has changed. */
export function useCommand() {
  const api = useApi();
  const queries = useQueryClient();
  const intent = useIntentKey();
  const oneAtATime = useOneAtATime(COMMAND_REST_MS);
  const mutation = useMutation<CommandAnswer, Error, Command>({
    mutationFn: async (command) => {
      const answer = await carryOut(api, command, { "Idempotency-Key": intent.keyOf(command) });
      intent.end();
      if (answer.id !== null) queries.setQueryData(["warnings", answer.id], answer.warnings);
      return answer;
    },
    onError: intent.failed,
    // Also after a failure: the change may have been made all the same, and only the API knows.
    onSettled: () => void queries.invalidateQueries(),
  });
  const { mutateAsync } = mutation;
  const send = (
    command: Command,
    onTaken: (answer: CommandAnswer) => void = () => undefined,
    onFailed: (error: unknown) => void = () => undefined,
  ): void => {
    // What failed is on `error` too, for the screen to tell.
    oneAtATime(async () => onTaken(await mutateAsync(command))).catch(onFailed);
  };
  return { send, isPending: mutation.isPending, isSuccess: mutation.isSuccess, error: mutation.error, data: mutation.data };
}

async function carryOut(
  api: ReturnType<typeof useApi>,
  command: Command,
  headers: Record<string, string>,
): Promise<CommandAnswer> {
  switch (command.kind) {
    case "create": {
      const made = await body(api.POST("/api/v1/strategy/create", { body: command.plan, headers }));
      return { id: made.strategy_id, warnings: made.warnings, reason: made.effective_sell_time_reason };
    }
    case "change": {
      const params = { path: { id: command.id } };
      const made = await body(
        api.PUT("/api/v1/strategy/{id}", { params, body: command.plan, headers: { ...headers, ...ifMatch(command.tag) } }),
      );
      return { id: command.id, warnings: made.warnings, reason: made.effective_sell_time_reason };
    }
    case "start": {
      const made = await body(
        api.POST("/api/v1/strategy/start", { body: { strategy_id: command.id }, headers }),
      );
      return { id: command.id, warnings: made.warnings, reason: null };
    }
    case "stop":
      await body(api.POST("/api/v1/strategy/stop", { body: { strategy_id: command.id }, headers }));
      return { id: command.id, warnings: [], reason: null };
    case "square-off":
      await body(api.POST("/api/v1/strategy/square-off", { body: { strategy_id: command.id }, headers }));
      return { id: command.id, warnings: [], reason: null };
    case "delete":
      await body(api.DELETE("/api/v1/strategy/{id}", { params: { path: { id: command.id } }, headers }));
      return { id: null, warnings: [], reason: null };
    case "limits": {
      const seen = { ...headers, ...ifMatch(command.tag) };
      const { tag } = await tagged(api.PUT("/api/v1/risk/profile", { body: command.limits, headers: seen }));
      return { id: null, warnings: [], reason: null, tag };
    }
    case "end-device":
      await body(api.DELETE("/api/v1/auth/devices/{id}", { params: { path: { id: command.id } }, headers }));
      return { id: null, warnings: [], reason: null };
    case "end-devices":
      await body(api.DELETE("/api/v1/auth/devices", { headers }));
      return { id: null, warnings: [], reason: null };
    case "kill": {
      const made = await body(api.POST("/api/v1/risk/kill", { body: {}, headers }));
      // Whatever else stands between here and the API may answer 200 as well.
      if (made?.is_locked !== true) throw new ApiProblem("UNREADABLE", "the answer does not say that the switch is on");
      return { id: null, warnings: [], reason: null };
    }
    case "release":
      await body(api.POST("/api/v1/risk/release", { body: {}, headers }));
      return { id: null, warnings: [], reason: null };
  }
}

export function useIsIn(): boolean {
  return useSession().state === "in";
}
