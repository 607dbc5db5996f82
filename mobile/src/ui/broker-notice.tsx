import { router } from "expo-router";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useBroker, useRisk, type Broker } from "@/api/queries";
import { istTime, showDuration } from "@/rules/clock";
import { useWords } from "@/words";
import type { Words } from "@/words/en";

import { useNow } from "./now";
import { StaleBanner } from "./parts";
import { useAppTheme } from "./theme";

/** What stands between the trader and the next purchase, with the remedy one tap away. */
export function BrokerNotice() {
  const words = useWords();
  const { colors } = useAppTheme();
  const broker = useBroker();
  const risk = useRisk();
  // A login that has ended since it was read of is none, whatever was true then.
  const isOver = useIsOver(broker.data);
  const lines: { text: string; action: string; to: "/broker" | "/kill" }[] = [];
  if (risk.data?.kill_switch.is_locked) lines.push({ text: risk.data.kill_switch.own === null ? words.kill.operator : words.kill.on, action: words.kill.open, to: "/kill" });
  if (broker.data?.status === "not_connected")
    lines.push({ text: words.broker.none, action: words.broker.connect, to: "/broker" });
  if (broker.data?.status === "login_required" || isOver)
    lines.push({ text: loginNeeded(words, broker.data), action: words.broker.logIn, to: "/broker" });
  return (
    <>
      {lines.map((line) => (
        <View key={line.text} style={[styles.notice, { borderColor: colors.bad }]} role="status">
          <Text style={styles.text}>{line.text}</Text>
          <Button mode="contained" onPress={() => router.push(line.to)}>
            {line.action}
          </Button>
        </View>
      ))}
      {broker.data === undefined ? null : <StaleBanner query={broker} isBrief />}
      {broker.data?.status === "connected" && !isOver ? <BrokerCountdown broker={broker.data} /> : null}
    </>
  );
}

/** Why a login is needed: one that the broker ended early is not missed by anybody who logged in this morning. */
export function loginNeeded(words: Words, broker: Broker | undefined): string {
  const since = broker?.token_refused_at;
  return since ? words.broker.refused(istTime(since)) : words.broker.required;
}

function useIsOver(broker: Broker | undefined): boolean {
  const now = useNow();
  const ends = broker?.status === "connected" ? broker.token_expires_at : null;
  return ends !== null && ends !== undefined && Date.parse(ends) <= now;
}

export function BrokerCountdown({ broker }: { broker: Broker }) {
  const words = useWords();
  const { colors } = useAppTheme();
  const now = useNow();
  const ends = broker.token_expires_at ? Date.parse(broker.token_expires_at) - now : null;
  return (
    <Text style={{ color: colors.good }} testID="broker-connected">
      {words.broker.connected(broker.broker_user_id ?? words.common.unknown)}
      {ends === null ? "" : ` ${words.broker.endsIn(showDuration(ends))}`}
    </Text>
  );
}

const styles = StyleSheet.create({
  notice: {
    borderWidth: 1,
    borderLeftWidth: 6,
    borderRadius: 6,
    padding: 12,
    gap: 8,
    flexDirection: "row",
    flexWrap: "wrap",
    alignItems: "center",
    justifyContent: "space-between",
  },
  text: { flexShrink: 1 },
});
