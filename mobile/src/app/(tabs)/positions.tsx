import { View } from "react-native";
import { Text } from "react-native-paper";

import { useRisk } from "@/api/queries";
import { showResult, showRupees } from "@/rules/money";
import { Fact, Facts, Loaded, Panel, Result } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function Positions() {
  const words = useWords();
  const risk = useRisk();
  return (
    <Screen title={words.positions.title}>
      <Loaded query={risk}>
        {({ usage, kill_switch: killSwitch }) => (
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
              {usage.exposure.map((held) => (
                <View key={`${held.exchange}:${held.symbol}`} testID={`position-${held.symbol}`}>
                  <Text variant="titleMedium">{`${held.symbol} · ${held.exchange}`}</Text>
                  <Facts>
                    <Fact name={words.plan.quantity}>{String(held.quantity)}</Fact>
                    <Fact name={words.positions.value}>{showRupees(held.value)}</Fact>
                  </Facts>
                  {held.is_estimated ? <Text variant="bodySmall">{words.positions.estimated}</Text> : null}
                </View>
              ))}
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
