/** Changes that are made once, however often their owner has to try. */
import { useMutation } from "@tanstack/react-query";

import type { Api } from "./client";
import { useIntentKey } from "./intent";
import { useApi } from "./session";

/** A change of what is `asked`; `once` are the headers by which a further try at the same thing does nothing twice. */
export type Change<Asked, Answer> = (api: Api, asked: Asked, once: Record<string, string>) => Promise<Answer>;

/** Not over before what is `settled` is: a screen shows what stands by then. Its key stays the same while the same thing is asked for, until the API has answered: see `IntentKey`. */
export function useOnce<Asked, Answer>(change: Change<Asked, Answer>, on: { success?: (answer: Answer) => void; settled?: () => Promise<void> } = {}) {
  const api = useApi();
  const intent = useIntentKey();
  return useMutation({
    mutationFn: async (asked: Asked) => {
      const answer = await change(api, asked, { "Idempotency-Key": intent.keyOf(asked) });
      intent.end();
      return answer;
    },
    onError: intent.failed,
    onSuccess: (answer) => on.success?.(answer),
    onSettled: () => on.settled?.(),
  });
}
