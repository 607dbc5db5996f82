import { router } from "expo-router";
import { useRef, useState } from "react";
import { Button, Text } from "react-native-paper";

import { ApiProblem } from "@/api/problem";
import { useBrokerAccounts, useCommand, type Plan } from "@/api/queries";
import { EMPTY_PLAN } from "@/rules/plan";
import { Panel, ToneText } from "@/ui/parts";
import { PlanForm } from "@/ui/plan-form";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function NewStrategy() {
  const words = useWords();
  const command = useCommand();
  const accounts = useBrokerAccounts();
  /** What was sent and may exist already. */
  const [sent, setSent] = useState<Plan | null>(null);
  /** Another plan than that, which would be a second strategy. */
  const [other, setOther] = useState<Plan | null>(null);
  /** Lets the form be left without a question: what was entered in it is stored. */
  const leaving = useRef<() => void>(() => undefined);
  const create = (plan: Plan) => {
    setOther(null);
    command.send(
      { kind: "create", plan },
      ({ id }) => {
        leaving.current();
        router.replace(`/strategy/${id}`);
      },
      (error) => {
        // A further try would be under another key.
        if (isLost(error)) setOther(plan);
        setSent((before) => stillOpen(error, plan, before));
      },
    );
  };
  return (
    <Screen title={words.plan.create} back="/">
      <PlanForm
        start={EMPTY_PLAN}
        accounts={accounts.data ?? []}
        isSaving={command.isPending}
        error={command.error}
        // The same plan goes under the same key, and so is not created twice.
        onSave={(plan, letGo) => {
          leaving.current = letGo;
          if (sent === null || (other === null && isSame(plan, sent))) create(plan);
          else setOther(plan);
        }}
      />
      {sent === null || command.isPending ? null : (
        <Panel>
          {other === null ? <Text testID="may-exist">{words.plan.mayExist}</Text> : <MayBeTwo />}
          <Button mode="contained" onPress={() => router.dismissTo("/")} testID="to-list">
            {words.plan.toList}
          </Button>
          {other === null ? null : (
            <Button mode="outlined" onPress={() => create(other)} testID="save-another">
              {words.plan.saveAnother}
            </Button>
          )}
        </Panel>
      )}
    </Screen>
  );
}

function MayBeTwo() {
  return <ToneText tone="bad">{useWords().plan.mayBeTwo}</ToneText>;
}

/** A refusal of the same plan, under the same key, proves that its first try was not carried out. */
function stillOpen(error: unknown, plan: Plan, before: Plan | null): Plan | null {
  if (!(error instanceof ApiProblem)) return before;
  if (error.isUncertain || isLost(error)) return plan;
  if (error.provesNothing) return before;
  return before !== null && isSame(plan, before) ? null : before;
}

/** Whether the API says that nobody knows what became of it, and never will. */
function isLost(error: unknown): boolean {
  return error instanceof ApiProblem && error.code === "IDEMPOTENCY_OUTCOME_UNKNOWN";
}

function isSame(one: Plan, other: Plan): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
