/** What is held and on order: each position, and what all of them bring. */
import { router } from "expo-router";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { istMoment } from "@/rules/clock";
import { showResult, showRupees } from "@/rules/money";
import { openResult, type Exposure } from "@/rules/positions";
import { useWords } from "@/words";

import { Fact, Facts, Hint, Panel, Result } from "./parts";

/** Whose a position is: a strategy of one's own, and the account that it trades in, where there are several. */
export interface Owner {
  readonly strategyId: string;
  readonly account: string | null;
}

interface Shown {
  positions: readonly Exposure[];
  asOf: string;
  /** Left out where the strategies are somebody else's. */
  ownersOf?: (position: Exposure) => readonly Owner[];
}

export function PositionsPanel({ positions, asOf, ownersOf }: Shown) {
  const words = useWords().positions;
  return (
    <Panel title={words.held}>
      {positions.length === 0 ? <Text>{words.none}</Text> : null}
      {positions.map((one) => (
        <Position key={`${one.exchange}:${one.symbol}`} position={one} asOf={Date.parse(asOf)} owners={ownersOf?.(one) ?? []} />
      ))}
      <Total positions={positions} />
    </Panel>
  );
}

function Position({ position, asOf, owners }: { position: Exposure; asOf: number; owners: readonly Owner[] }) {
  const words = useWords().positions;
  const quantityWord = useWords().plan.quantity;
  return (
    <View testID={`position-${position.symbol}`}>
      <Text variant="titleMedium">{`${position.symbol} · ${position.exchange}`}</Text>
      <Facts>
        <Fact name={quantityWord}>{words.quantity(position.held, position.quantity - position.held)}</Fact>
        <Fact name={words.average}>{showRupees(position.average_price)}</Fact>
        <Fact name={words.last}>
          <Text variant="titleSmall">{showRupees(position.last_price)}</Text>
          {position.last_price_at === null ? null : <Hint>{words.seen(istMoment(position.last_price_at, asOf))}</Hint>}
        </Fact>
        <Fact name={words.value}>{showRupees(position.value)}</Fact>
        <Fact name={words.result}>
          <Result amount={position.open_pnl} text={showResult(position.open_pnl)} />
        </Fact>
      </Facts>
      {owners.map(({ strategyId, account }) => (
        <Button key={strategyId} mode="text" icon="timeline-clock" style={styles.owner} onPress={() => router.push(`/strategy/${strategyId}`)} testID={`owner-${strategyId}`}>
          {account === null ? words.toStrategy : words.toStrategyIn(account)}
        </Button>
      ))}
      {position.is_estimated ? <Text variant="bodySmall">{words.estimated}</Text> : null}
    </View>
  );
}

/** Of what is held. Nothing where nothing is. */
function Total({ positions }: { positions: readonly Exposure[] }) {
  const words = useWords().positions;
  if (!positions.some((one) => one.held > 0)) return null;
  const { result, unknown } = openResult(positions);
  return (
    <View testID="positions-total">
      <Facts>
        <Fact name={words.total}>
          <Result amount={result} text={showResult(result)} />
        </Fact>
      </Facts>
      {unknown.length === 0 ? null : <Text variant="bodySmall">{words.without(unknown.join(", "))}</Text>}
    </View>
  );
}

const styles = StyleSheet.create({ owner: { alignSelf: "flex-start" } });
