/** What is held and on order: each position, and what all of them bring. */
import { View } from "react-native";
import { Text } from "react-native-paper";

import { istMoment } from "@/rules/clock";
import { showResult, showRupees } from "@/rules/money";
import { openResult, type Exposure } from "@/rules/positions";
import { useWords } from "@/words";

import { Fact, Facts, Hint, Panel, Result } from "./parts";

export function PositionsPanel({ positions, asOf }: { positions: readonly Exposure[]; asOf: string }) {
  const words = useWords().positions;
  return (
    <Panel title={words.held}>
      {positions.length === 0 ? <Text>{words.none}</Text> : null}
      {positions.map((one) => (
        <Position key={`${one.exchange}:${one.symbol}`} position={one} asOf={Date.parse(asOf)} />
      ))}
      <Total positions={positions} />
    </Panel>
  );
}

function Position({ position, asOf }: { position: Exposure; asOf: number }) {
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
