import { useMutation } from "@tanstack/react-query";
import { router } from "expo-router";
import { useState } from "react";
import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { body } from "@/api/client";
import { takeLinkCode } from "@/api/link";
import { useOneAtATime } from "@/api/one-at-a-time";
import { ApiProblem, problemOfField } from "@/api/problem";
import { useSession } from "@/api/session";
import { LinkCodeInput } from "@/ui/link-code";
import { FieldError, Panel, ProblemText, ToneText } from "@/ui/parts";
import { PasswordInput } from "@/ui/password";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

/** Confirms the address of an account of before: the link of the mail alone does not, somebody else may have opened it. */
export default function Verify() {
  const words = useWords();
  const { api, state } = useSession();
  const [code, setCode] = useState(takeLinkCode);
  const [password, setPassword] = useState("");
  const confirming = useMutation({ mutationFn: () => body(api.POST("/api/v1/auth/email/verify", { body: { token: code.trim(), password } })) });
  const resending = useMutation({ mutationFn: () => body(api.POST("/api/v1/auth/email/resend", { body: {} })) });
  const oneAtATime = useOneAtATime();
  const isConfirmed = confirming.isSuccess || resending.data?.status === "verified";
  const isComplete = code.trim() !== "" && password !== "";
  const problem = confirming.error instanceof ApiProblem ? confirming.error.code : null;
  const isOther = problem === "CREDENTIALS_INVALID";
  const confirm = () => {
    if (!isComplete) return;
    resending.reset();
    void oneAtATime(() => confirming.mutateAsync().catch(() => undefined));
  };
  const sendAgain = () => {
    confirming.reset();
    void oneAtATime(() => resending.mutateAsync().catch(() => undefined));
  };
  return (
    <Screen title={words.account.confirmEmail} back="/">
      <Panel>
        {isConfirmed ? (
          <>
            <ToneText tone="good">{words.account.confirmed}</ToneText>
            <Button mode="contained" onPress={() => router.replace(state === "in" ? "/" : "/login")} testID="go-on">
              {state === "in" ? words.account.toToday : words.account.logIn}
            </Button>
          </>
        ) : (
          <>
            <Text>{words.account.confirmHow}</Text>
            <LinkCodeInput value={code} onChange={setCode} problem={problemOfField(confirming.error, "token")} />
            <View>
              <PasswordInput label={words.account.password} value={password} onChange={setPassword} onSubmit={confirm} isNew={false} hasError={isOther} />
              <FieldError text={isOther ? words.account.otherThanAccounts : problemOfField(confirming.error, "password")} />
            </View>
            {isOther ? null : <ProblemText error={confirming.error ?? resending.error} />}
            {resending.isSuccess ? <ToneText tone="good">{words.account.linkSent}</ToneText> : null}
            <Button mode="contained" loading={confirming.isPending} disabled={confirming.isPending || !isComplete} onPress={confirm} testID="submit">
              {words.account.confirmEmail}
            </Button>
            {state === "in" ? (
              <Button mode="outlined" disabled={resending.isPending} onPress={sendAgain} testID="resend">
                {words.account.sendAgain}
              </Button>
            ) : null}
            {problem === "LINK_INVALID" && state === "out" ? (
              <Button mode="outlined" onPress={() => router.replace("/login")} testID="to-login">
                {words.account.logInForLink}
              </Button>
            ) : null}
            {isOther ? (
              <Button mode="outlined" onPress={() => router.replace("/forgot")} testID="to-forgot">
                {words.account.choose}
              </Button>
            ) : null}
          </>
        )}
      </Panel>
    </Screen>
  );
}
