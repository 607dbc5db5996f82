/** Who and what else gets into an account: keys of programs, viewers, and the accounts that others share. */
import { useQuery, useQueryClient } from "@tanstack/react-query";

import { body } from "./client";
import { useOnce, type Change } from "./once";
import { LIST_POLL_MS, useIsIn } from "./queries";
import type { components } from "./schema";
import { useApi } from "./session";

type Schemas = components["schemas"];
export type ApiKey = Schemas["ApiKeyView"];
export type Scope = Schemas["Scope"];
export type Viewer = Schemas["ViewerView"];
export type SharedAccount = Schemas["SharedAccountView"];
export type KeyRequest = Schemas["CreateKeyRequest"];

export function useKeys() {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["access", "keys"],
    queryFn: async ({ signal }) => (await body(api.GET("/api/v1/account/keys", { signal }))).keys,
    enabled: isIn,
  });
}

export function useViewers() {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["access", "viewers"],
    queryFn: async ({ signal }) => (await body(api.GET("/api/v1/account/viewers", { signal }))).viewers,
    enabled: isIn,
  });
}

export function useSharedAccounts() {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["access", "shared"],
    queryFn: async ({ signal }) => (await body(api.GET("/api/v1/account/shared", { signal }))).accounts,
    enabled: isIn,
  });
}

/** A change of who gets in. What stands is read anew afterwards, whatever the answer was. */
export function useAccessChange<Asked, Answer>(change: Change<Asked, Answer>) {
  const queries = useQueryClient();
  return useOnce(change, { settled: () => queries.invalidateQueries({ queryKey: ["access"] }) });
}

/** Another's strategies, read only. Each look is on the owner's record, so they are read as rarely as lists are. */
export function useSharedStrategies(account: string) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["shared", account, "strategies"],
    queryFn: async ({ signal }) => (await body(api.GET("/api/v1/strategy", { params: { header: { "X-Account": account } }, signal }))).strategies,
    refetchInterval: LIST_POLL_MS,
    enabled: isIn,
  });
}

export function useSharedStanding(account: string, id: string) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["shared", account, "standing", id],
    queryFn: ({ signal }) =>
      body(api.GET("/api/v1/strategy/status/{id}", { params: { path: { id }, header: { "X-Account": account } }, signal })),
    refetchInterval: LIST_POLL_MS,
    enabled: isIn,
  });
}

export function useSharedRisk(account: string) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["shared", account, "risk"],
    queryFn: ({ signal }) => body(api.GET("/api/v1/risk/profile", { params: { header: { "X-Account": account } }, signal })),
    refetchInterval: LIST_POLL_MS,
    enabled: isIn,
  });
}
