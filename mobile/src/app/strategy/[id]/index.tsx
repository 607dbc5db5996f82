import { router, useLocalSearchParams } from "expo-router";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { ApiProblem } from "@/api/problem";
import { LIST_POLL_MS, STATUS_POLL_MS, useBrokerAccounts, useCommand, useReadiness, useRisk, useStanding, useStrategy, useWarnings, type Command, type Standing, type Strategy } from "@/api/queries";
import { nameWhereSeveral } from "@/rules/broker-accounts";
import { istTime } from "@/rules/clock";
import { showResult, showRupees } from "@/rules/money";
import { DayChart } from "@/ui/day-chart";
import { AskedButton, Fact, Facts, Loaded, Panel, ProblemText, Result } from "@/ui/parts";
import { Readiness, redNow } from "@/ui/readiness";
import { Screen } from "@/ui/screen";
import { StandingFacts, StateWord } from "@/ui/strategy-row";
import { forPeople, isToBroker, useWords } from "@/words";

export default function StrategyControl() {
  const words = useWords();
  const { id } = useLocalSearchParams<{ id: string }>();
  const strategy = useStrategy(id);
  const standing = useStanding(id);
  const symbol = strategy.data?.strategy.symbol ?? standing.data?.symbol;
  const readiness = useReadiness(id).data;
  // One that was not started is not ready, and that is no trouble.
  const isRed = readiness !== undefined && redNow(readiness).some(({ name }) => name !== "running");
  const isGone = strategy.error instanceof ApiProblem && strategy.error.code === "NOT_FOUND";
  return (
    <Screen title={symbol ?? (strategy.error === null ? words.common.loading : words.notFound.title)} back="/">
      {isGone ? (
        <>
          <ProblemText error={strategy.error} />
          <Text>{words.control.gone}</Text>
          <Button mode="outlined" icon="format-list-bulleted" onPress={() => router.push(`/strategy/${id}/orders`)} testID="orders">
            {words.control.orders}
          </Button>
        </>
      ) : (
        <>
          <Loaded query={standing} every={STATUS_POLL_MS}>{(now) => <Now standing={now} />}</Loaded>
          <Loaded query={strategy} every={LIST_POLL_MS}>
            {(stored) => <Controls strategy={stored.strategy} standing={standing.data ?? null} />}
          </Loaded>
          {isRed ? <Readiness id={id} /> : null}
          <DayChart id={id} standing={standing.data ?? null} />
          {isRed ? null : <Readiness id={id} />}
        </>
      )}
    </Screen>
  );
}

function Now({ standing }: { standing: Standing }) {
  const words = useWords();
  const isLocked = useRisk().data?.kill_switch.is_locked ?? false;
  // The API reckons the next buy from the calendar alone.
  const note = isLocked && standing.note?.startsWith("buys next on") ? null : standing.note;
  return (
    <Panel>
      <View role="status" accessibilityLiveRegion="polite" testID="state">
        <StateWord standing={standing} large />
      </View>
      {note ? <Text>{note}</Text> : null}
      {standing.stop_reason && standing.stop_reason !== standing.note ? <Text>{standing.stop_reason}</Text> : null}
      <StandingFacts standing={standing} isLocked={isLocked} />
      <Facts>
        <Fact name={words.control.held}>{String(standing.held_quantity)}</Fact>
        <Fact name={words.control.average}>{showRupees(standing.average_buy_price)}</Fact>
        <Fact name={words.control.averageSell}>{showRupees(standing.average_sell_price)}</Fact>
        <Fact name={words.control.realised}>
          <Result amount={standing.realised_pnl} text={showResult(standing.realised_pnl)} />
        </Fact>
        <Fact name={words.control.charges}>{showRupees(standing.charges)}</Fact>
      </Facts>
      {standing.position === "bought" ? (
        <Text>
          {standing.broker_stop
            ? words.control.brokerStop(showRupees(standing.broker_stop.trigger_price))
            : words.control.watched}
        </Text>
      ) : null}
      <Text variant="bodySmall">{words.control.asOf(istTime(standing.as_of))}</Text>
    </Panel>
  );
}

function Controls({ strategy, standing }: { strategy: Strategy; standing: Standing | null }) {
  const words = useWords();
  const command = useCommand();
  const id = strategy.strategy_id;
  const send = (asked: Command) => command.send(asked, () => asked.kind === "delete" && router.dismissTo("/"));
  const isBusy = command.isPending;
  const warnings = useWarnings(id);
  // The standing is read more often: another device may have started or stopped it.
  const isRunning = (standing?.status ?? strategy.status) === "running";
  const isHolding = standing?.cycle?.state === "long" || standing?.cycle?.state === "entering";
  const sells = strategy.effective_sell_time;
  const account = nameWhereSeveral(useBrokerAccounts().data, strategy.account_id);
  return (
    <>
      <Panel>
        <Text>{words.control.plan(strategy.buy_time, strategy.sell_time, showRupees(strategy.stop_loss), strategy.quantity)}</Text>
        {account === null ? null : <Text testID="in-account">{words.control.inAccount(account)}</Text>}
        {sells === null ? null : (
          <Text testID="effective">
            {strategy.effective_sell_time_reason === null
              ? words.control.sells(sells)
              : words.control.sellsEarly(sells, strategy.effective_sell_time_reason)}
          </Text>
        )}
        {warnings.map((warning) => <Text key={warning} role="alert">{forPeople(warning)}</Text>)}
        {warnings.some(isToBroker) ? (
          <Button mode="outlined" icon="link-variant" onPress={() => router.push("/broker")} testID="to-broker">
            {words.settings.broker}
          </Button>
        ) : null}
      </Panel>
      <View style={styles.buttons}>
        {isRunning ? (
          <AskedButton label={words.control.stop} question={words.control.stopAsk} icon="stop" isDangerous isDisabled={isBusy} onConfirmed={() => send({ kind: "stop", id })} />
        ) : (
          <Button mode="contained" icon="play" loading={isBusy} disabled={isBusy} onPress={() => send({ kind: "start", id })} testID="start">
            {words.control.start}
          </Button>
        )}
        {isHolding ? (
          <AskedButton label={words.control.squareOff} question={words.control.squareOffAsk} icon="cash-multiple" isDangerous isDisabled={isBusy} onConfirmed={() => send({ kind: "square-off", id })} />
        ) : null}
        <Button mode="outlined" icon="pencil" onPress={() => router.push(`/strategy/${id}/edit`)}>
          {words.control.edit}
        </Button>
        {isRunning ? null : (
          <AskedButton label={words.control.remove} question={words.control.removeAsk} icon="trash-can" isDangerous isDisabled={isBusy} onConfirmed={() => send({ kind: "delete", id })} />
        )}
      </View>
      <ProblemText error={command.error} />
      {command.isSuccess ? <Text role="status">{words.control.asked}</Text> : null}
      <View style={styles.buttons}>
        <Button mode="outlined" icon="timeline-clock" onPress={() => router.push(`/strategy/${id}/timeline`)} testID="timeline">
          {words.control.timeline}
        </Button>
        <Button mode="outlined" icon="format-list-bulleted" onPress={() => router.push(`/strategy/${id}/orders`)} testID="orders">
          {words.control.orders}
        </Button>
      </View>
    </>
  );
}

const styles = StyleSheet.create({ buttons: { flexDirection: "row", flexWrap: "wrap", gap: 12 } });
