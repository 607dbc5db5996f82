/** The instrument of a plan, with the price that a watcher saw last. */
import { useQuery } from "@tanstack/react-query";

import { body } from "./client";
import { LIST_POLL_MS, useIsIn, type Instrument } from "./queries";
import { useApi } from "./session";

/** Null where the product does not know it (any more). Its price is read again while the plan is being made. */
export function useInstrument(exchange: string, symbol: string) {
  const api = useApi();
  const isIn = useIsIn();
  return useQuery<Instrument | null>({
    queryKey: ["instrument", exchange, symbol],
    queryFn: async ({ signal }) => {
      const { instruments } = await body(api.GET("/api/v1/instruments", { params: { query: { query: symbol } }, signal }));
      return instruments.find((one) => one.exchange === exchange && one.symbol === symbol) ?? null;
    },
    refetchInterval: LIST_POLL_MS,
    enabled: isIn && symbol !== "",
  });
}
