/** What a trader changes of the broker accounts themselves. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { body, ifMatch, type Api } from "./client";
import { useIntentKey } from "./intent";
import { useOneAtATime } from "./one-at-a-time";
import { useApi } from "./session";

export type AccountChange =
  | { kind: "open"; name: string }
  | { kind: "rename"; id: string; name: string; tag: string }
  | { kind: "default"; id: string; tag: string }
  | { kind: "remove"; id: string; tag: string };

/** Asks for a change, one at a time; `onTaken` gets the account's id. What stands is read anew, whatever the answer was. */
export function useAccountChange() {
  const api = useApi();
  const queries = useQueryClient();
  const intent = useIntentKey();
  const oneAtATime = useOneAtATime();
  const mutation = useMutation<string, Error, AccountChange>({
    mutationFn: async (change) => {
      const id = await carryOut(api, change, intent.keyOf(change));
      intent.end();
      return id;
    },
    onError: intent.failed,
    onSettled: () => void queries.invalidateQueries(),
  });
  const { mutateAsync, isPending, error, variables } = mutation;
  const send = (change: AccountChange, onTaken: (id: string) => void = () => undefined): void => {
    // What failed is on `error`, for the screen to tell.
    oneAtATime(async () => onTaken(await mutateAsync(change))).catch(() => undefined);
  };
  return { send, isPending, error, asked: variables?.kind };
}

async function carryOut(api: Api, change: AccountChange, key: string): Promise<string> {
  if (change.kind === "open") {
    const made = await body(api.POST("/api/v1/broker/accounts", { body: { name: change.name }, headers: { "Idempotency-Key": key } }));
    return made.account_id;
  }
  // What another device has changed since the account was shown is not changed unseen.
  const seen = { params: { path: { id: change.id } }, headers: ifMatch(change.tag) };
  switch (change.kind) {
    case "rename":
      await body(api.PUT("/api/v1/broker/accounts/{id}", { ...seen, body: { name: change.name } }));
      break;
    case "default":
      await body(api.PUT("/api/v1/broker/accounts/{id}", { ...seen, body: { is_default: true } }));
      break;
    case "remove":
      await body(api.DELETE("/api/v1/broker/accounts/{id}", seen));
      break;
  }
  return change.id;
}
