import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { body } from "@/api/client";
import { readKept } from "@/api/keep";
import { useOneAtATime } from "@/api/one-at-a-time";
import { problemOfField } from "@/api/problem";
import { useApi } from "@/api/session";
import { FieldError, Panel, ProblemText, ToneText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { TextInput } from "@/ui/text-input";
import { useWords } from "@/words";

export default function Forgot() {
  const words = useWords();
  const api = useApi();
  const [email, setEmail] = useState("");
  const asking = useMutation({
    mutationFn: async () => {
      const known = await readKept("known").catch(() => null);
      return body(api.POST("/api/v1/auth/password/forgot", { body: { email: email.trim(), ...(known === null ? {} : { known_device: known }) } }));
    },
  });
  const oneAtATime = useOneAtATime();
  const wrong = problemOfField(asking.error, "email");
  const ask = () => {
    if (email.trim() !== "") void oneAtATime(() => asking.mutateAsync().catch(() => undefined));
  };
  return (
    <Screen title={words.account.forgotten} back="/login">
      <Panel>
        <Text>{words.account.forgottenHow}</Text>
        <View>
          <TextInput
            mode="outlined"
            label={words.account.email}
            accessibilityLabel={words.account.email}
            value={email}
            onChangeText={(text) => {
              setEmail(text);
              // What was answered was said of another address.
              asking.reset();
            }}
            onSubmitEditing={ask}
            autoCapitalize="none"
            autoComplete="email"
            inputMode="email"
            error={wrong !== undefined}
            testID="email"
          />
          <FieldError text={wrong} />
        </View>
        <ProblemText error={asking.error} />
        {asking.isSuccess ? <ToneText tone="good">{words.account.linkSent}</ToneText> : null}
        <Button mode="contained" loading={asking.isPending} disabled={asking.isPending || email.trim() === ""} onPress={ask} testID="submit">
          {words.account.sendLink}
        </Button>
      </Panel>
    </Screen>
  );
}
