/** What a phone knows of pushes, through Expo's service (https://docs.expo.dev/versions/latest/sdk/notifications/). */
import * as Notifications from "expo-notifications";
import { useEffect } from "react";
import { Platform } from "react-native";

import type { PushedNotice } from "@/rules/notices";

/** The API names it in every push; Android shows none for a channel that is not there. */
const ANDROID_CHANNEL = "default";

export const CAN_PUSH: boolean = true;

Notifications.setNotificationHandler({
  handleNotification: async () => ({ shouldShowBanner: true, shouldShowList: true, shouldPlaySound: false, shouldSetBadge: false }),
});

/** Asks the phone's owner where they were not asked yet; null when they do not allow it. Throws where the phone or the
 * service gives no token. */
export async function askForPushToken(channelName: string): Promise<string | null> {
  // Android 13 and later ask only once there is a channel.
  if (Platform.OS === "android") {
    await Notifications.setNotificationChannelAsync(ANDROID_CHANNEL, { name: channelName, importance: Notifications.AndroidImportance.HIGH });
  }
  const { granted } = await Notifications.requestPermissionsAsync();
  return granted ? readToken() : null;
}

/** The present token, without asking anybody; null when it is not allowed any more. */
export async function presentPushToken(): Promise<string | null> {
  const { granted } = await Notifications.getPermissionsAsync();
  return granted ? readToken() : null;
}

/** The phone got another token while the app was running. */
export function onNewPushToken(listener: () => void): () => void {
  const subscription = Notifications.addPushTokenListener(listener);
  return () => subscription.remove();
}

/** The phone shows nothing more, whether or not the API hears of it. */
export async function stopPushes(): Promise<void> {
  await Notifications.unregisterForNotificationsAsync();
}

/** Hands over the notice of the push that was tapped last, once, also when the tap has started the app. */
export function useTappedPush(isReady: boolean, open: (notice: PushedNotice) => void): void {
  const response = Notifications.useLastNotificationResponse();
  useEffect(() => {
    if (!isReady || !response || response.actionIdentifier !== Notifications.DEFAULT_ACTION_IDENTIFIER) return;
    Notifications.clearLastNotificationResponse();
    const notice = noticeOf(response.notification.request.content.data);
    if (notice !== null) open(notice);
  }, [isReady, open, response]);
}

async function readToken(): Promise<string> {
  return (await Notifications.getExpoPushTokenAsync()).data;
}

/** Whoever has this phone's token can push: nothing but what a notice holds is taken from it. */
function noticeOf(data: Record<string, unknown> | null | undefined): PushedNotice | null {
  const { notice_id: id, kind, strategy_id: strategy } = data ?? {};
  if (typeof id !== "number" || typeof kind !== "string") return null;
  return { notice_id: id, kind, strategy_id: typeof strategy === "string" && UUID.test(strategy) ? strategy : null };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
