/** Where no pushes can be taken: in a browser, and in Expo Go. The inbox, mail and Telegram reach whoever sits there. */
import type { PushedNotice } from "@/rules/notices";

export const CAN_PUSH: boolean = false;

export async function askForPushToken(_channelName: string): Promise<string | null> {
  return null;
}

export async function presentPushToken(): Promise<string | null> {
  return null;
}

export function onNewPushToken(_listener: () => void): () => void {
  return () => undefined;
}

export async function stopPushes(): Promise<void> {}

export function useTappedPush(_isReady: boolean, _open: (notice: PushedNotice) => void): void {}
