import { View } from "react-native";
import { Text } from "react-native-paper";

import { useRisk } from "@/api/queries";
import { istMoment } from "@/rules/clock";
import { showResult, showRupees } from "@/rules/money";
import { openResult, type Exposure } from "@/rules/positions";
import { Fact, Facts, Hint, Loaded, Panel, Result } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function Positions() {
  const words = useWords();
  const risk = useRisk();
  return (
    <Screen title={words.positions.title}>
      <Loaded query={risk}>
        {({ usage, kill_switch: killSwitch, as_of: asOf }) => (
          <>
            <Panel>
              <Facts>
                <Fact name={words.risk.day}>
                  <Result amount={usage.today.net} text={showResult(usage.today.net)} />
                </Fact>
                <Fact name={words.today.open}>
                  <Result amount={usage.today.open} text={showResult(usage.today.open)} />
                </Fact>
                <Fact name={words.control.charges}>{showRupees(usage.today.charges)}</Fact>
              </Facts>
            </Panel>
            <Panel title={words.positions.held}>
              {usage.exposure.length === 0 ? <Text>{words.positions.none}</Text> : null}
              {usage.exposure.map((one) => (
                <Position key={`${one.exchange}:${one.symbol}`} position={one} asOf={Date.parse(asOf)} />
              ))}
              <Total positions={usage.exposure} />
            </Panel>
            {killSwitch.foreign_positions.length > 0 ? (
              <Panel title={words.positions.foreign}>
                {killSwitch.foreign_positions.map((held) => (
                  <Text key={`${held.symbol}${held.product}`}>{`${held.symbol} · ${held.product} · ${held.quantity}`}</Text>
                ))}
              </Panel>
            ) : null}
          </>
        )}
      </Loaded>
    </Screen>
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
      <Fact name={words.total}>
        <Result amount={result} text={showResult(result)} />
      </Fact>
      {unknown.length === 0 ? null : <Text variant="bodySmall">{words.without(unknown.join(", "))}</Text>}
    </View>
  );
}
