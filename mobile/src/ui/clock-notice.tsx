import { Text } from "react-native-paper";

import { deviceAhead } from "@/api/server-clock";
import { showDuration } from "@/rules/clock";
import { useWords } from "@/words";

import { useNow } from "./now";
import { useAppTheme } from "./theme";

/** Less misleads nobody who looks from the phone's clock to a countdown. */
const TOLD_FROM_MS = 60_000;

/** Said where this device's clock is wrong: what is due is due by the product's. */
export function ClockNotice() {
  const words = useWords().today;
  const { colors } = useAppTheme();
  useNow();
  const ahead = deviceAhead();
  if (Math.abs(ahead) < TOLD_FROM_MS) return null;
  return (
    <Text role="status" style={{ color: colors.busy }} testID="clock-wrong">
      {words.clockWrong(showDuration(Math.abs(ahead)), ahead > 0)}
    </Text>
  );
}
