import { router } from "expo-router";
import { StyleSheet, useWindowDimensions, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { BROKER_POLL_MS, useBrokerAccounts, useRisk, type Broker, type BrokerAccount } from "@/api/queries";
import { nameWhereSeveral, statusOf, withoutBroker, withoutLogin } from "@/rules/broker-accounts";
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
  const broker = useBrokerAccounts();
  const risk = useRisk();
  const now = useNow();
  const accounts = broker.data ?? [];
  const unconnected = withoutBroker(accounts, now);
  const loggedOut = withoutLogin(accounts, now);
  const connected = accounts.filter((one) => one.connection !== null && statusOf(one, now) === "connected");
  // A phone held across: what is held must be in sight below it.
  const isLow = useWindowDimensions().height < LOW;
  const notices: { texts: readonly string[]; action: string; to: "/broker" | "/kill" }[] = [];
  if (risk.data?.kill_switch.is_locked) notices.push({ texts: [risk.data.kill_switch.own === null ? words.kill.operator : words.kill.on], action: words.kill.open, to: "/kill" });
  if (unconnected.length > 0) notices.push({ texts: [brokerMissing(words, accounts, unconnected)], action: words.broker.connect, to: "/broker" });
  if (loggedOut.length > 0) notices.push({ texts: loginsMissing(words, accounts, loggedOut), action: words.broker.logIn, to: "/broker" });
  return (
    <>
      {notices.map(({ texts, action, to }) => (
        <View key={texts.join()} style={[styles.notice, { borderColor: colors.bad }]} role="status">
          {texts.length === 1 ? <Text style={styles.text}>{texts[0]}</Text> : <View style={styles.texts}>{texts.map((text) => <Text key={text}>{text}</Text>)}</View>}
          <Button mode="contained" onPress={() => router.push(to)}>
            {action}
          </Button>
        </View>
      ))}
      {broker.data === undefined ? null : <StaleBanner query={broker} every={BROKER_POLL_MS} isBrief />}
      {connected.length === 0 ? null : (
        <View style={isLow ? styles.beside : styles.below} testID="connected">
          {connected.map((one) =>
            one.connection === null ? null : <BrokerCountdown key={one.account_id} connection={one.connection} name={nameWhereSeveral(accounts, one.account_id)} />,
          )}
        </View>
      )}
    </>
  );
}

function brokerMissing(words: Words, accounts: readonly BrokerAccount[], unconnected: readonly BrokerAccount[]): string {
  return accounts.length === 1 ? words.broker.none : words.broker.noneOf(unconnected.map((one) => one.name));
}

/** One sentence for all that nobody has logged in to yet, and one for each whose login the broker has ended. */
function loginsMissing(words: Words, accounts: readonly BrokerAccount[], loggedOut: readonly BrokerAccount[]): readonly string[] {
  if (accounts.length === 1) return loggedOut.map((one) => loginNeeded(words, one.connection));
  const due = loggedOut.filter((one) => !one.connection?.token_refused_at);
  const refused = loggedOut.flatMap(({ name, connection }) => (connection?.token_refused_at ? [words.broker.refusedOf(name, istTime(connection.token_refused_at))] : []));
  return due.length === 0 ? refused : [words.broker.requiredOf(due.map((one) => one.name)), ...refused];
}

/** Why a login is needed: one that the broker ended early is not missed by anybody who logged in this morning. */
export function loginNeeded(words: Words, connection: Broker | null): string {
  const since = connection?.token_refused_at;
  return since ? words.broker.refused(istTime(since)) : words.broker.required;
}

/** `name`: of the account, where there are several. */
export function BrokerCountdown({ connection, name = null }: { connection: Broker; name?: string | null }) {
  const words = useWords().broker;
  const unknown = useWords().common.unknown;
  const { colors } = useAppTheme();
  const now = useNow();
  const ends = connection.token_expires_at ? Date.parse(connection.token_expires_at) - now : null;
  const who = words.connected(connection.broker_user_id ?? unknown);
  return (
    <Text style={{ color: colors.good }} testID="broker-connected">
      {name === null ? who : words.of(name, who)}
      {ends === null ? "" : ` ${words.endsIn(showDuration(ends))}`}
    </Text>
  );
}

const LOW = 480;

const styles = StyleSheet.create({
  below: { gap: 12 },
  beside: { flexDirection: "row", flexWrap: "wrap", columnGap: 16 },
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
  texts: { flexShrink: 1, gap: 8 },
});
