import { useMutation } from "@tanstack/react-query";
import { router } from "expo-router";
import { useState } from "react";
import { StyleSheet, View } from "react-native";
import { Button } from "react-native-paper";

import { body } from "@/api/client";
import { takeLinkCode } from "@/api/link";
import { useOneAtATime } from "@/api/one-at-a-time";
import { ApiProblem, problemOfField } from "@/api/problem";
import { useSession } from "@/api/session";
import { LabelledSwitch } from "@/ui/labelled-switch";
import { LinkCodeInput } from "@/ui/link-code";
import { FieldError, Panel, ProblemText, ToneText } from "@/ui/parts";
import { PasswordInput } from "@/ui/password";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function Reset() {
  const words = useWords();
  const session = useSession();
  const [code, setCode] = useState(takeLinkCode);
  const [password, setPassword] = useState("");
  const [isRevoking, setRevoking] = useState(false);
  const choosing = useMutation({
    mutationFn: async () => {
      await body(session.api.POST("/api/v1/auth/password/reset", { body: { token: code.trim(), password, revoke_access: isRevoking } }));
      // Every login has ended, this one too.
      await session.logOut();
    },
  });
  const oneAtATime = useOneAtATime();
  const weak = problemOfField(choosing.error, "password");
  const isComplete = code.trim() !== "" && password !== "";
  const choose = () => {
    if (isComplete) void oneAtATime(() => choosing.mutateAsync().catch(() => undefined));
  };
  return (
    <Screen title={words.account.choose} back="/login">
      <Panel>
        {choosing.isSuccess ? (
          <>
            <ToneText tone="good">{words.account.chosen}</ToneText>
            <Button mode="contained" onPress={() => router.replace("/login")} testID="to-login">
              {words.account.logIn}
            </Button>
          </>
        ) : (
          <>
            <LinkCodeInput value={code} onChange={setCode} problem={problemOfField(choosing.error, "token")} />
            <View>
              <PasswordInput label={words.account.newPassword} value={password} onChange={setPassword} onSubmit={choose} isNew hasError={weak !== undefined} />
              <FieldError text={weak} />
            </View>
            <LabelledSwitch label={words.account.revoke} value={isRevoking} onChange={setRevoking} style={styles.line} textStyle={styles.grow} testID="revoke-access" />
            <ProblemText error={choosing.error} />
            {choosing.error instanceof ApiProblem && choosing.error.code === "LINK_INVALID" ? (
              <Button mode="outlined" onPress={() => router.push("/forgot")} testID="ask-again">
                {words.account.askAgain}
              </Button>
            ) : null}
            <Button mode="contained" loading={choosing.isPending} disabled={choosing.isPending || !isComplete} onPress={choose} testID="submit">
              {words.account.choose}
            </Button>
          </>
        )}
      </Panel>
    </Screen>
  );
}

const styles = StyleSheet.create({ line: { justifyContent: "space-between" }, grow: { flex: 1 } });
