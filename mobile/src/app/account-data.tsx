import { Redirect, router } from "expo-router";
import { useState } from "react";
import { Button } from "react-native-paper";

import { useSession } from "@/api/session";
import { AccountDeletion } from "@/ui/account-deletion";
import { AccountExport } from "@/ui/account-export";
import { Panel, ToneText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

/** Take everything along, or leave. It stays in place when its account has gone, to say so. */
export default function AccountDataScreen() {
  const words = useWords().accountData;
  const { state } = useSession();
  const [isDeleted, setDeleted] = useState(false);
  if (isDeleted) {
    return (
      <Screen title={words.title}>
        <Panel>
          <ToneText tone="good">{words.deleted}</ToneText>
          <Button mode="contained" onPress={() => router.replace("/login")} testID="to-start">
            {words.toStart}
          </Button>
        </Panel>
      </Screen>
    );
  }
  if (state === "out") return <Redirect href="/login" />;
  return (
    <Screen title={words.title} back="/settings">
      <AccountExport />
      <AccountDeletion onDeleted={() => setDeleted(true)} />
    </Screen>
  );
}
