import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Text, TextInput } from "react-native-paper";

import { body } from "@/api/client";
import { useApi } from "@/api/session";
import { Panel, ProblemText, ToneText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function Forgot() {
  const words = useWords();
  const api = useApi();
  const [email, setEmail] = useState("");
  const asking = useMutation({ mutationFn: () => body(api.POST("/api/v1/auth/password/forgot", { body: { email: email.trim() } })) });
  const ask = () => {
    if (email.trim() !== "" && !asking.isPending) asking.mutate();
  };
  return (
    <Screen title={words.account.forgotten} back="/login">
      <Panel>
        <Text>{words.account.forgottenHow}</Text>
        <TextInput
          mode="outlined"
          label={words.account.email}
          accessibilityLabel={words.account.email}
          value={email}
          onChangeText={setEmail}
          onSubmitEditing={ask}
          autoCapitalize="none"
          autoComplete="email"
          inputMode="email"
          testID="email"
        />
        <ProblemText error={asking.error} />
        {asking.isSuccess ? <ToneText tone="good">{words.account.linkSent}</ToneText> : null}
        <Button mode="contained" loading={asking.isPending} disabled={asking.isPending || email.trim() === ""} onPress={ask} testID="submit">
          {words.account.sendLink}
        </Button>
      </Panel>
    </Screen>
  );
}
