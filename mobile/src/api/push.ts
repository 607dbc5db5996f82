/** Pushes, as far as this app can take them. Expo Go on Android does not even let expo-notifications be loaded (its
 * src/warnOfExpoGoPushUsage.ts): there the app goes on without. */
import { isRunningInExpoGo } from "expo";

import * as nowhere from "./push-nowhere";

const push = isRunningInExpoGo() ? nowhere : (require("./push-phone") as typeof nowhere);

export const { CAN_PUSH, askForPushToken, presentPushToken, onNewPushToken, stopPushes, useTappedPush } = push;
