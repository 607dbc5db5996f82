/** After registering: everything further is in a mail, whoever has the address. */
import { router } from "expo-router";
import { useState } from "react";
import { Button, Text } from "react-native-paper";

import { useOneAtATime } from "@/api/one-at-a-time";
import { useWords } from "@/words";

import { Panel, ProblemText, ToneText } from "./parts";
import { Screen } from "./screen";

/** `again` asks once more, which sends another mail with a link of its own. */
export function MailSent({ email, again, change }: { email: string; again: () => Promise<void>; change: () => void }) {
  const words = useWords();
  const [state, setState] = useState<"" | "asking" | "asked">("");
  const [error, setError] = useState<unknown>(null);
  const oneAtATime = useOneAtATime();
  const ask = async () => {
    setError(null);
    setState("asking");
    try {
      await again();
      setState("asked");
    } catch (problem) {
      setError(problem);
      setState("");
    }
  };
  return (
    <Screen title={words.account.lookAtMail}>
      <Panel>
        <Text>{words.account.mailSentTo(email)}</Text>
        <Text>{words.account.mailSentHow}</Text>
        {state === "asked" ? <ToneText tone="good">{words.account.sentAgain}</ToneText> : null}
        <ProblemText error={error} />
        <Button mode="contained" onPress={() => router.push("/confirm")} testID="to-confirm">
          {words.account.enterCode}
        </Button>
        <Button mode="outlined" loading={state === "asking"} disabled={state === "asking"} onPress={() => void oneAtATime(ask)} testID="resend">
          {words.account.sendMailAgain}
        </Button>
        <Button mode="outlined" onPress={() => router.replace("/login")} testID="to-login">
          {words.account.logIn}
        </Button>
        <Button onPress={change} testID="change">
          {words.account.otherEmail}
        </Button>
      </Panel>
    </Screen>
  );
}
