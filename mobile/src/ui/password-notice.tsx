import { router } from "expo-router";
import { Button } from "react-native-paper";

import { useSession } from "@/api/session";
import { useWords } from "@/words";

import { Panel, ToneText } from "./parts";

/** Whoever logged in with a password that everybody tries first is asked for another until there is one. */
export function PasswordNotice() {
  const words = useWords();
  if (!useSession().isPasswordCommon) return null;
  return (
    <Panel>
      <ToneText tone="bad">{words.account.common}</ToneText>
      <Button mode="contained" onPress={() => router.push("/password")} testID="change-common">
        {words.account.change}
      </Button>
    </Panel>
  );
}
