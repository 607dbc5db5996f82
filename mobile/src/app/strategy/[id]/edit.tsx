import { router, useLocalSearchParams } from "expo-router";

import { useCommand, useStanding, useStrategy, type Strategy } from "@/api/queries";
import { Loaded } from "@/ui/parts";
import { PlanForm } from "@/ui/plan-form";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function EditStrategy() {
  const words = useWords();
  const { id } = useLocalSearchParams<{ id: string }>();
  const strategy = useStrategy(id);
  return (
    <Screen title={words.plan.edit} back={`/strategy/${id}`}>
      <Loaded query={strategy}>{(stored) => <Edit strategy={stored} />}</Loaded>
    </Screen>
  );
}

function Edit({ strategy }: { strategy: Strategy }) {
  const id = strategy.strategy_id;
  const command = useCommand();
  const standing = useStanding(id, false);
  if (standing.isPending) return null;
  const last = standing.data?.average_buy_price ?? standing.data?.last_price;
  return (
    <PlanForm
      start={{
        symbol: strategy.symbol,
        exchange: strategy.exchange,
        product: strategy.product,
        buyTime: strategy.buy_time,
        sellTime: strategy.sell_time,
        quantity: String(strategy.quantity),
        stopKind: "price",
        stopValue: String(strategy.stop_loss),
        expected: last ? String(last) : "",
        brokerStop: strategy.broker_stop,
      }}
      isSaving={command.isPending}
      error={command.error}
      onSave={(plan) => command.send({ kind: "change", id, plan }, () => router.replace(`/strategy/${id}`))}
    />
  );
}
