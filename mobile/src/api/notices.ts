/** Notices: the inbox, what is sent where, and what became of it. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { body, tagged } from "./client";
import { useOnce, type Change } from "./once";
import { LIST_POLL_MS, useIsIn } from "./queries";
import type { components } from "./schema";
import { useApi } from "./session";

type Schemas = components["schemas"];
export type Notice = Schemas["NoticeView"];
export type Delivery = Schemas["DeliveryView"];
/** With the tag of the choice, by which it is replaced and no other. */
export type Preferences = Schemas["PreferencesView"] & { tag: string | null };
export type Channel = Schemas["ChannelView"];
export type ChannelName = Schemas["DeliveryView"]["channel"];

const PAGE = 50;

/** The newest first, as far back as pages were asked for; the more there are, the rarer all are read again. */
export function useInbox() {
  const api = useApi();
  const isIn = useIsIn();
  return useInfiniteQuery({
    queryKey: ["inbox"],
    queryFn: ({ pageParam, signal }) => body(api.GET("/api/v1/notifications", { params: { query: page(pageParam) }, signal })),
    initialPageParam: null as number | null,
    getNextPageParam: ({ next_cursor }) => next_cursor,
    select: ({ pages }) => ({ notices: pages.flatMap(({ notices }) => notices), unread: pages[0]?.unread ?? 0 }),
    refetchInterval: ({ state }) => LIST_POLL_MS * Math.max(1, state.data?.pages.length ?? 1),
    enabled: isIn,
  });
}

/** Of these, or of all where none is named. */
export function useMarkRead() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (ids: number[] | null) => body(api.POST("/api/v1/notifications/read", { body: { notice_ids: ids } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["inbox"] }),
  });
}

export function useDeliveries() {
  const api = useApi();
  const isIn = useIsIn();
  return useInfiniteQuery({
    queryKey: ["deliveries"],
    queryFn: ({ pageParam, signal }) => body(api.GET("/api/v1/notifications/deliveries", { params: { query: page(pageParam) }, signal })),
    initialPageParam: null as number | null,
    getNextPageParam: ({ next_cursor }) => next_cursor,
    select: ({ pages }) => pages.flatMap(({ deliveries }) => deliveries),
    refetchInterval: ({ state }) => LIST_POLL_MS * Math.max(1, state.data?.pages.length ?? 1),
    enabled: isIn,
  });
}

export function usePreferencesOfNotices() {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery({
    queryKey: ["notice-preferences"],
    queryFn: async ({ signal }): Promise<Preferences> => {
      const { body: preferences, tag } = await tagged(api.GET("/api/v1/notifications/preferences", { signal }));
      return { ...preferences, tag };
    },
    enabled: isIn,
  });
}

/** A change of channels or of the choice. What stands is read anew afterwards, whatever the answer was. */
export function useNoticeChange<Asked, Answer>(change: Change<Asked, Answer>) {
  const queries = useQueryClient();
  return useOnce(change, { settled: () => queries.invalidateQueries({ queryKey: ["notice-preferences"] }) });
}

function page(cursor: number | null): { limit: number; cursor?: number } {
  return cursor === null ? { limit: PAGE } : { limit: PAGE, cursor };
}
