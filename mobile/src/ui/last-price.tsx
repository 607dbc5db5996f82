import { View } from "react-native";
import { Text } from "react-native-paper";

import type { useInstrument } from "@/api/instruments";
import { istMoment } from "@/rules/clock";
import { showRupees } from "@/rules/money";
import { useWords } from "@/words";

import { useClock, useNow } from "./now";
import { Hint } from "./parts";

/** A price is a few seconds old by the time that it is shown. */
const FRESH_MS = 10_000;

/** When a price was seen, where that is longer ago than a reading takes: `at` is ISO 8601, null where there is no price. */
export function SeenAt({ at }: { at: string | null }) {
  const words = useWords().positions;
  const text = useClock((now) => (at === null || Math.abs(now - Date.parse(at)) <= FRESH_MS ? null : words.seen(istMoment(at, now))));
  return text === null ? null : <Hint>{text}</Hint>;
}

type Read = Pick<ReturnType<typeof useInstrument>, "data" | "isError">;

/** The price that the stop and the money at risk are reckoned from, with when it was seen; or why there is none. */
export function LastPrice({ instrument, isOverridden }: { instrument: Read; isOverridden: boolean }) {
  const words = useWords().plan;
  const now = useNow();
  const { last_price: price = null, last_price_at: at = null } = instrument.data ?? {};
  const text =
    price !== null && at !== null
      ? words.lastPrice(showRupees(price), istMoment(at, now), isOverridden)
      : instrument.data
        ? words.lastUnseen
        : instrument.isError
          ? words.lastUnread
          : null;
  return text === null ? null : (
    <View testID="last-price">
      <Text>{text}</Text>
    </View>
  );
}
