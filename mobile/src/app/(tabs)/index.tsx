import { router } from "expo-router";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { LIST_POLL_MS, STATUS_POLL_MS, useBrokerAccounts, useNetOfRows, useRisk, useStrategies, type Strategy } from "@/api/queries";
import { nameWhereSeveral } from "@/rules/broker-accounts";
import { showResult } from "@/rules/money";
import { BrokerNotice } from "@/ui/broker-notice";
import { ClockNotice } from "@/ui/clock-notice";
import { Hint, Loaded, Result, StaleBanner } from "@/ui/parts";
import { PasswordNotice } from "@/ui/password-notice";
import { RowList } from "@/ui/row-list";
import { Screen } from "@/ui/screen";
import { StrategyRow } from "@/ui/strategy-row";
import { useWords } from "@/words";

export default function Today() {
  const words = useWords();
  const strategies = useStrategies();
  return (
    <Screen title={words.today.title} isList>
      <Loaded query={strategies} every={LIST_POLL_MS}>{(list) => <DayList strategies={list} />}</Loaded>
    </Screen>
  );
}

function DayList({ strategies }: { strategies: readonly Strategy[] }) {
  const words = useWords();
  // The notice above the rows reads them again and again.
  const accounts = useBrokerAccounts("once").data;
  const isLocked = useRisk(false).data?.kill_switch.is_locked ?? false;
  // What trades comes first; the API tells the oldest first.
  const ordered = [...strategies].sort((a, b) => Number(b.status === "running") - Number(a.status === "running"));
  return (
    <RowList
      data={ordered}
      keyExtractor={(strategy) => strategy.strategy_id}
      renderItem={({ item }) => <StrategyRow strategy={item} account={nameWhereSeveral(accounts, item.account_id)} isLocked={isLocked} />}
      ListHeaderComponent={<Head strategies={strategies} />}
      ListEmptyComponent={<Text style={styles.empty}>{words.today.empty}</Text>}
      contentContainerStyle={styles.list}
      initialNumToRender={8}
      maxToRenderPerBatch={8}
      windowSize={3}
      testID="strategies"
    />
  );
}

function Head({ strategies }: { strategies: readonly Strategy[] }) {
  const words = useWords();
  const risk = useRisk();
  const today = risk.data?.usage.today;
  const ofDeleted = risk.data?.usage.deleted_net ?? 0;
  // Of what the rows show, so that they add up; where not all of them are up to date, as it was last read.
  const net = useNetOfRows(strategies, ofDeleted) ?? today?.net;
  return (
    <View style={styles.head}>
      <PasswordNotice />
      <ClockNotice />
      <BrokerNotice />
      <View style={styles.line}>
        <View>
          <Text variant="bodySmall">{words.today.net}</Text>
          {risk.data === undefined ? null : <StaleBanner query={risk} every={STATUS_POLL_MS} isBrief />}
          <Result amount={net} text={showResult(net)} />
          {ofDeleted === 0 ? null : <Hint>{words.today.ofDeleted(showResult(ofDeleted))}</Hint>}
        </View>
        <Button mode="contained" icon="plus" onPress={() => router.push("/strategy/new")} testID="new-strategy">
          {words.today.create}
        </Button>
      </View>
    </View>
  );
}

const styles = StyleSheet.create({
  list: { paddingBottom: 24 },
  head: { gap: 12 },
  line: { flexDirection: "row", flexWrap: "wrap", justifyContent: "space-between", alignItems: "center", gap: 12 },
  empty: { padding: 24, textAlign: "center" },
});
