import { router } from "expo-router";

import { useBrokerAccounts, useCommand } from "@/api/queries";
import { EMPTY_PLAN } from "@/rules/plan";
import { PlanForm } from "@/ui/plan-form";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function NewStrategy() {
  const words = useWords();
  const command = useCommand();
  const accounts = useBrokerAccounts();
  return (
    <Screen title={words.plan.create} back="/">
      <PlanForm
        start={EMPTY_PLAN}
        accounts={accounts.data ?? []}
        isSaving={command.isPending}
        error={command.error}
        onSave={(plan, letGo) =>
          command.send({ kind: "create", plan }, ({ id }) => {
            letGo();
            router.replace(`/strategy/${id}`);
          })
        }
      />
    </Screen>
  );
}
