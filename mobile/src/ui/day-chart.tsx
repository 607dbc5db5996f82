/** What the price did today, where the stop is, and where the strategy bought and sold. */
import { usePathname } from "expo-router";
import { useEffect, useMemo, useRef } from "react";
import { View } from "react-native";
import { Text } from "react-native-paper";

import { CANDLES_POLL_MS, useCandles, type DayCandles, type Standing } from "@/api/queries";
import { serverNow } from "@/api/server-clock";
import { pointsOf, summaryOf } from "@/rules/chart";
import { istDay, istTime } from "@/rules/clock";
import { showRupees } from "@/rules/money";
import { distanceToStop } from "@/rules/stop";
import { useWords } from "@/words";

import { ChartPicture } from "./chart-picture";
import { Fact, Facts, Loaded, Panel } from "./parts";

/** `standing` is read more often than the candles: it brings the last price and the stop, and says when to look anew. */
export function DayChart({ id, standing }: { id: string; standing: Standing | null }) {
  const words = useWords().chart;
  const isShown = usePathname() === `/strategy/${id}`;
  const candles = useCandles(id, isShown);
  useOnChange(standing?.position, () => {
    if (isShown) void candles.refetch();
  });
  const day = candles.data?.trading_day;
  const isToday = day === undefined || day === istDay(serverNow());
  return (
    <Panel title={isToday ? words.title : words.titleOf(day)}>
      <Loaded query={candles} every={CANDLES_POLL_MS}>{(read) => <Day read={read} standing={standing} />}</Loaded>
    </Panel>
  );
}

function Day({ read, standing }: { read: DayCandles; standing: Standing | null }) {
  const words = useWords().chart;
  // After a change of the plan one of the two may still speak of another instrument.
  const isSame = standing?.symbol === read.symbol && standing.exchange === read.exchange;
  const [at, price] = isSame ? [standing.last_price_at, standing.last_price] : [null, null];
  const points = useMemo(() => pointsOf(read.candles, at === null || price === null ? null : { at: Date.parse(at), price }), [read.candles, at, price]);
  const summary = summaryOf(read.candles, points);
  if (summary === null) return <Text testID="chart-empty">{words.none}</Text>;
  const stop = isSame ? standing.stop_loss : read.stop_loss;
  const told = [
    words.told(read.symbol, istTime(summary.from).slice(0, 5), istTime(summary.to).slice(0, 5)),
    words.prices(summary.open, summary.high, summary.low, summary.last),
    words.stopAt(stop, distanceToStop(summary.last, stop)),
    ...read.executed.map(({ side, quantity, price, at }) => words.executed(side, quantity, price, istTime(at))),
  ].join(" ");
  return (
    <>
      <ChartPicture candles={read.candles} points={points} stop={stop} executed={read.executed} told={told} />
      <View testID="chart-prices">
        <Facts>
          <Fact name={words.open}>{showRupees(summary.open)}</Fact>
          <Fact name={words.high}>{showRupees(summary.high)}</Fact>
          <Fact name={words.low}>{showRupees(summary.low)}</Fact>
          <Fact name={words.last}>{showRupees(summary.last)}</Fact>
        </Facts>
      </View>
    </>
  );
}

/** Calls when what is known of something changes into something else that is known. */
function useOnChange<T>(value: T | undefined, call: () => void): void {
  const seen = useRef(value);
  const latest = useRef(call);
  useEffect(() => {
    latest.current = call;
  });
  useEffect(() => {
    if (seen.current !== undefined && value !== undefined && seen.current !== value) latest.current();
    if (value !== undefined) seen.current = value;
  }, [value]);
}
