/** Pushes of this phone, on every screen: its token stays known to the API, and a tap opens what the notice speaks of. */
import { router, useRootNavigationState } from "expo-router";
import { useCallback, useEffect } from "react";

import { body } from "@/api/client";
import { readKept } from "@/api/keep";
import { useMarkRead } from "@/api/notices";
import { CAN_PUSH, onNewPushToken, presentPushToken, useTappedPush } from "@/api/push";
import { useSession } from "@/api/session";
import { screenOf, type PushedNotice } from "@/rules/notices";

export function Pushes() {
  useKeptToken();
  const isReady = useRootNavigationState()?.key !== undefined;
  const { mutate: markRead } = useMarkRead();
  const open = useCallback(
    (notice: PushedNotice) => {
      router.push(screenOf(notice) ?? "/inbox");
      markRead([notice.notice_id]);
    },
    [markRead],
  );
  useTappedPush(isReady, open);
  return null;
}

/** While its owner wants pushes here: at every start and login, and whenever the phone gets another token. */
function useKeptToken() {
  const { api, device, state } = useSession();
  useEffect(() => {
    if (!CAN_PUSH || state !== "in" || device === null) return;
    const register = async () => {
      if ((await readKept("push")) !== "on") return;
      const token = await presentPushToken();
      if (token !== null) await body(api.PUT("/api/v1/notifications/push/{id}", { params: { path: { id: device } }, body: { token } }));
    };
    // What fails here is done at the next start: the inbox has everything meanwhile.
    const tryNow = () => void register().catch(() => undefined);
    tryNow();
    return onNewPushToken(tryNow);
  }, [api, device, state]);
}
