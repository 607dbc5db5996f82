import { router, useLocalSearchParams } from "expo-router";
import { useState, type ReactNode } from "react";
import { ActivityIndicator, Button } from "react-native-paper";

import { ApiProblem } from "@/api/problem";
import { LIST_POLL_MS, useBrokerAccounts, useCommand, useStanding, useStrategy, type StrategyRead } from "@/api/queries";
import type { Held } from "@/rules/plan";
import { Loaded } from "@/ui/parts";
import { PlanForm } from "@/ui/plan-form";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function EditStrategy() {
  const words = useWords();
  const { id } = useLocalSearchParams<{ id: string }>();
  const strategy = useStrategy(id);
  const standing = useStanding(id);
  const [opened, setOpened] = useState(0);
  const state = standing.data?.cycle?.state;
  const held = state === "long" || state === "entering" ? { last: standing.data?.last_price ?? null } : null;
  // What was paid counts for what is held. The next buy is at the market, of which the form itself reads the last price.
  const paid = held === null ? null : (standing.data?.average_buy_price ?? null);
  return (
    <Screen title={words.plan.edit} back={`/strategy/${id}`}>
      <Loaded query={strategy} every={LIST_POLL_MS}>
        {(read) => (
          // The plan as the list told it has no tag yet; with a failed reading it is the last that is known.
          <OnceRead isAwaited={(read.tag === null && strategy.isFetching && strategy.failureCount === 0) || (standing.isPending && standing.failureCount === 0)}>
            <Edit key={opened} read={read} paid={paid} held={held} onLoadAgain={() => void strategy.refetch().then(({ isSuccess }) => isSuccess && setOpened(opened + 1))} />
          </OnceRead>
        )}
      </Loaded>
    </Screen>
  );
}

/** The form, once what it opens with is read. It stays then, whatever is read behind it: it holds what was entered. */
function OnceRead({ isAwaited, children }: { isAwaited: boolean; children: ReactNode }) {
  const words = useWords();
  const [isRead, setRead] = useState(!isAwaited);
  if (!isRead && !isAwaited) setRead(true);
  return isRead ? children : <ActivityIndicator accessibilityLabel={words.common.loading} />;
}

function Edit({ read, paid, held, onLoadAgain }: { read: StrategyRead; paid: number | null; held: Held | null; onLoadAgain: () => void }) {
  const words = useWords();
  // What was read when the form was opened is what its owner changes; later readings do not move it.
  const [{ strategy, tag }] = useState(read);
  const id = strategy.strategy_id;
  const command = useCommand();
  const accounts = useBrokerAccounts();
  const isOutdated = command.error instanceof ApiProblem && command.error.code === "PRECONDITION_FAILED";
  return (
    <>
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
          expected: paid === null ? "" : String(paid),
          brokerStop: strategy.broker_stop,
          account: strategy.account_id,
        }}
        accounts={accounts.data ?? []}
        isSaving={command.isPending}
        error={command.error}
        held={held}
        onSave={(plan, letGo) =>
          command.send({ kind: "change", id, plan, tag }, () => {
            letGo();
            router.dismissTo(`/strategy/${id}`);
          })
        }
      />
      {isOutdated ? (
        <Button mode="outlined" icon="refresh" onPress={onLoadAgain} testID="load-again">
          {words.common.loadAgain}
        </Button>
      ) : null}
    </>
  );
}
