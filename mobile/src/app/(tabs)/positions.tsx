import { Text } from "react-native-paper";

import { STATUS_POLL_MS, useBrokerAccounts, useRisk, useStrategies } from "@/api/queries";
import { nameWhereSeveral } from "@/rules/broker-accounts";
import { showResult, showRupees } from "@/rules/money";
import type { Exposure } from "@/rules/positions";
import { Fact, Facts, Loaded, Panel, Result } from "@/ui/parts";
import { PositionsPanel } from "@/ui/positions";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function Positions() {
  const words = useWords();
  const risk = useRisk();
  const strategies = useStrategies().data ?? [];
  const accounts = useBrokerAccounts().data;
  const ownersOf = ({ strategy_ids: ids }: Exposure) =>
    ids.map((strategyId) => {
      const strategy = strategies.find((one) => one.strategy_id === strategyId);
      return { strategyId, account: strategy === undefined ? null : nameWhereSeveral(accounts, strategy.account_id) };
    });
  return (
    <Screen title={words.positions.title}>
      <Loaded query={risk} every={STATUS_POLL_MS}>
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
            <PositionsPanel positions={usage.exposure} asOf={asOf} ownersOf={ownersOf} />
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
