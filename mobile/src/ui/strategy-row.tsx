import { router } from "expo-router";
import { memo } from "react";
import { StyleSheet, View } from "react-native";
import { Text, TouchableRipple } from "react-native-paper";

import { ROW_READY_POLL_MS, STATUS_POLL_MS, useReadiness, useStanding, type Standing, type Strategy } from "@/api/queries";
import { istMoment, istTime } from "@/rules/clock";
import { showPercent, showResult, showRupees } from "@/rules/money";
import { boughtInPart, buysToday, isUnderWay, nextEvent, stateOf, TONES } from "@/rules/standing";
import { distanceToStop } from "@/rules/stop";
import { useWords } from "@/words";

import { SeenAt } from "./last-price";
import { useNow } from "./now";
import { Fact, Facts, Result, StaleBanner, ToneText } from "./parts";
import { NotReady } from "./readiness";
import { useAppTheme } from "./theme";

interface Shown {
  strategy: Strategy;
  /** The broker account that it trades in, where there are several. */
  account: string | null;
  /** A kill switch is on. */
  isLocked: boolean;
}

/** One strategy of the day. Only rows around what is in sight exist, so only they are polled. */
export const StrategyRow = memo(function StrategyRow({ strategy, account, isLocked }: Shown) {
  const words = useWords();
  const { colors } = useAppTheme();
  // What was stopped may still be held, or its sale under way.
  const isPolled = (last: Standing | undefined) => strategy.status === "running" || (last !== undefined && isUnderWay(last));
  const standing = useStanding(strategy.strategy_id, isPolled);
  // The switch is told once, above the rows.
  const isAsked = standing.data !== undefined && !isLocked && buysToday(standing.data);
  const readiness = useReadiness(strategy.strategy_id, isAsked ? ROW_READY_POLL_MS : null);
  return (
    <TouchableRipple
      // A browser leaves the Enter of a link to an address, which this has not: no keyboard would open it.
      role="button"
      onPress={() => router.push(`/strategy/${strategy.strategy_id}`)}
      style={[styles.row, { backgroundColor: colors.surface, borderColor: colors.outlineVariant }]}
      testID={`strategy-${strategy.symbol}`}
    >
      <View style={styles.inside}>
        <View style={styles.head}>
          <Text variant="titleMedium">{`${strategy.symbol} · ${strategy.quantity}`}</Text>
          {standing.data ? <StateWord standing={standing.data} /> : null}
        </View>
        {account === null ? null : <Text variant="bodySmall">{words.control.inAccount(account)}</Text>}
        <StaleBanner query={standing} every={isPolled(standing.data) ? STATUS_POLL_MS : undefined} isBrief />
        {isAsked && readiness.data !== undefined ? <NotReady found={readiness.data} /> : null}
        {standing.data ? <WhyNot standing={standing.data} /> : null}
        {standing.data ? <StandingFacts standing={standing.data} isLocked={isLocked} /> : standing.failureCount === 0 ? <Text style={styles.awaited}>{words.common.loading}</Text> : null}
      </View>
    </TouchableRipple>
  );
});

export function StateWord({ standing, large = false }: { standing: Standing; large?: boolean }) {
  const words = useWords();
  const state = stateOf(standing);
  const part = boughtInPart(standing);
  // "Not filled yet" would be wrong of an order that is filled in part.
  const isPartSold = state === "selling" && standing.held_quantity > 0 && standing.held_quantity < standing.bought_quantity;
  const word = isPartSold ? words.today.sellingRest(standing.held_quantity) : state === "buying" && part !== null ? words.today.buyingRest : words.states[state];
  return (
    <ToneText tone={TONES[state]} large={large}>
      {part === null ? word : `${word} · ${words.today.part(part.bought, part.of)}`}
    </ToneText>
  );
}

/** Why nothing was bought, or what failed: nobody looks for it behind the row. */
function WhyNot({ standing }: { standing: Standing }) {
  const state = stateOf(standing);
  if (standing.note === null || (state !== "nothing_bought" && state !== "failed")) return null;
  return <Text testID="why-not">{standing.note}</Text>;
}

export function StandingFacts({ standing, isLocked = false }: { standing: Standing; isLocked?: boolean }) {
  const words = useWords();
  const far = standing.position === "bought" ? distanceToStop(standing.last_price, standing.stop_loss) : null;
  return (
    <>
      <Facts>
        <Fact name={words.today.position}>{words.today[standing.position]}</Fact>
        <Fact name={words.today.last}>
          <Text variant="titleSmall">{showRupees(standing.last_price)}</Text>
          <SeenAt at={standing.last_price_at} />
        </Fact>
        <Fact name={words.today.toStop}>{far === null ? "–" : `${showRupees(far.points)} (${showPercent(far.share)})`}</Fact>
        <Fact name={words.today.result}>
          <Result amount={standing.net_pnl} text={showResult(standing.net_pnl)} />
        </Fact>
      </Facts>
      <Countdown standing={standing} isLocked={isLocked} />
    </>
  );
}

/** An order takes seconds. What was due longer ago is not happening now: the state is an old one, or something failed. */
const LONG_DUE_MS = 5 * 60_000;

/** The next event. Counts down by itself, so that the rest is not drawn every second. */
export function Countdown({ standing, isLocked }: { standing: Standing; isLocked: boolean }) {
  const words = useWords();
  const { colors } = useAppTheme();
  const now = useNow();
  const next = standing.status === "running" || standing.position === "bought" ? nextEvent(standing) : null;
  if (next === null) return <Text style={{ color: colors.onSurfaceVariant }}>{words.today.nextNone}</Text>;
  if (next.kind === "buy" && isLocked) return <Text style={{ color: colors.onSurfaceVariant }}>{words.today.locked}</Text>;
  const left = next.at - now;
  if (Number.isNaN(left)) return <Text style={{ color: colors.onSurfaceVariant }}>{words.common.unknown}</Text>;
  if (left < -LONG_DUE_MS) return <Text style={{ color: colors.onSurfaceVariant }}>{words.today.wasDue(next.kind, istMoment(next.at, now))}</Text>;
  const verb = next.kind === "buy" ? words.today.buys(left) : words.today.sells(left);
  return <Text style={{ color: colors.onSurfaceVariant }}>{`${verb} · ${istTime(next.at)} IST`}</Text>;
}

const styles = StyleSheet.create({
  row: { borderWidth: 1, borderRadius: 10, padding: 14 },
  // As high as what will be there, so that nothing jumps under a thumb.
  awaited: { minHeight: 112 },
  inside: { gap: 8 },
  head: { flexDirection: "row", flexWrap: "wrap", justifyContent: "space-between", gap: 8 },
});
