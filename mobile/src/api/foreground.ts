/** Tells TanStack Query whether anybody looks. While nobody does nothing is polled, and on return everything is read anew.
 * In a browser it sees by itself whether its tab is hidden; on a phone it is told. */
import { focusManager } from "@tanstack/react-query";
import { AppState, Platform } from "react-native";

export function watchForeground(): () => void {
  if (Platform.OS === "web") return () => undefined;
  const subscription = AppState.addEventListener("change", (state) => focusManager.setFocused(state === "active"));
  return () => subscription.remove();
}
