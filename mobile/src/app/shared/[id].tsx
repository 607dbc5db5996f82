import { useQueryClient } from "@tanstack/react-query";
import { useLocalSearchParams } from "expo-router";
import { useEffect } from "react";
import { StyleSheet, View } from "react-native";
import { Text } from "react-native-paper";

import { useSharedAccounts, useSharedRisk, useSharedStanding, useSharedStrategies } from "@/api/access";
import { ApiProblem } from "@/api/problem";
import { LIST_POLL_MS, type Strategy } from "@/api/queries";
import { Loaded, Panel, StaleBanner, ToneText } from "@/ui/parts";
import { PositionsPanel } from "@/ui/positions";
import { RowList } from "@/ui/row-list";
import { FOCUSABLE, Screen } from "@/ui/screen";
import { StandingFacts, StateWord } from "@/ui/strategy-row";
import { useWords } from "@/words";

/** Another's account: what its strategies do and what they hold, to be read and never changed. */
export default function SharedAccountScreen() {
  const words = useWords().access.shared;
  const { id } = useLocalSearchParams<{ id: string }>();
  const strategies = useSharedStrategies(id);
  const queries = useQueryClient();
  // Nothing of another's account is kept once its screen is left.
  useEffect(() => () => queries.removeQueries({ queryKey: ["shared", id] }), [id, queries]);
  if (strategies.error instanceof ApiProblem && strategies.error.code === "ACCESS_DENIED") {
    // Its owner has ended it: what was read before is not to be seen any more either.
    return (
      <Screen title={words.title} back="/viewers">
        <View role="alert" testID="shared-ended">
          <ToneText tone="bad">{words.gone}</ToneText>
        </View>
      </Screen>
    );
  }
  return (
    <Screen title={words.title} back="/viewers" isList>
      <Loaded query={strategies} every={LIST_POLL_MS}>
        {(list) => (
          <RowList
            data={list}
            keyExtractor={(strategy) => strategy.strategy_id}
            renderItem={({ item }) => <Row account={id} strategy={item} />}
            ListHeaderComponent={<Head account={id} />}
            ListEmptyComponent={<Text style={styles.empty}>{words.none}</Text>}
            contentContainerStyle={styles.rows}
            initialNumToRender={8}
            windowSize={3}
            {...FOCUSABLE}
            testID="shared-strategies"
          />
        )}
      </Loaded>
    </Screen>
  );
}

function Head({ account }: { account: string }) {
  const words = useWords().access.shared;
  const accounts = useSharedAccounts();
  const risk = useSharedRisk(account);
  const owner = accounts.data?.find((one) => one.account_id === account)?.owner_email;
  return (
    <View style={styles.list}>
      {owner === undefined ? null : <ToneText tone="busy">{words.of(owner)}</ToneText>}
      <Loaded query={risk} every={LIST_POLL_MS}>{({ usage, as_of: asOf }) => <PositionsPanel positions={usage.exposure} asOf={asOf} />}</Loaded>
      <Text variant="titleMedium" role="heading" aria-level={2}>
        {words.strategies}
      </Text>
    </View>
  );
}

/** Only rows around what is in sight exist, so only they are read. */
function Row({ account, strategy }: { account: string; strategy: Strategy }) {
  const words = useWords();
  const standing = useSharedStanding(account, strategy.strategy_id);
  return (
    <View testID={`shared-${strategy.symbol}`}>
      <Panel>
        <View style={styles.head}>
          <Text variant="titleMedium">{`${strategy.symbol} · ${strategy.quantity}`}</Text>
          {standing.data ? <StateWord standing={standing.data} /> : null}
        </View>
        <StaleBanner query={standing} every={LIST_POLL_MS} isBrief />
        {standing.data ? <StandingFacts standing={standing.data} /> : standing.failureCount === 0 ? <Text style={styles.awaited}>{words.common.loading}</Text> : null}
      </Panel>
    </View>
  );
}

const styles = StyleSheet.create({
  rows: { paddingBottom: 24 },
  list: { gap: 12, paddingBottom: 24 },
  head: { flexDirection: "row", flexWrap: "wrap", justifyContent: "space-between", gap: 8 },
  awaited: { minHeight: 112 },
  empty: { padding: 24, textAlign: "center" },
});
