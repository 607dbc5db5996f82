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

/** Opens the account that was asked for: the link of the mail alone does not, somebody else may have asked. */
export default function Confirm() {
  const words = useWords();
  const session = useSession();
  const [code, setCode] = useState(takeLinkCode);
  const [password, setPassword] = useState("");
  const opening = useMutation({
    mutationFn: async () => {
      const opened = await body(session.api.POST("/api/v1/auth/register/confirm", { body: { token: code.trim(), password } }));
      // Whoever is logged in here stays so, as whoever they are. Else the password that was just entered logs in; where
      // that fails, the account is open all the same.
      if (session.state === "out") await session.logIn(opened.email, password).catch(() => undefined);
    },
  });
  const oneAtATime = useOneAtATime();
  const problem = opening.error instanceof ApiProblem ? opening.error.code : null;
  const isOther = problem === "CREDENTIALS_INVALID";
  const isComplete = code.trim() !== "" && password !== "";
  const open = () => {
    if (isComplete) void oneAtATime(() => opening.mutateAsync().catch(() => undefined));
  };
  const isIn = session.state === "in";
  return (
    <Screen title={words.account.confirmEmail} back="/">
      <Panel>
        {opening.isSuccess ? (
          <>
            <ToneText tone="good">{words.account.opened}</ToneText>
            <Button mode="contained" onPress={() => router.replace(isIn ? "/" : "/login")} testID="go-on">
              {isIn ? words.account.toToday : words.account.logIn}
            </Button>
          </>
        ) : (
          <>
            <Text>{words.account.openHow}</Text>
            <LinkCodeInput value={code} onChange={setCode} problem={problemOfField(opening.error, "token")} />
            <View>
              <PasswordInput label={words.account.chosenPassword} value={password} onChange={setPassword} onSubmit={open} isNew={false} hasError={isOther} />
              <FieldError text={isOther ? words.account.otherPassword : problemOfField(opening.error, "password")} />
            </View>
            {isOther ? null : <ProblemText error={opening.error} />}
            <Button mode="contained" loading={opening.isPending} disabled={opening.isPending || !isComplete} onPress={open} testID="submit">
              {words.account.confirmEmail}
            </Button>
            {problem === "LINK_INVALID" || isOther ? (
              <>
                <Button mode="outlined" onPress={() => router.replace("/register")} testID="to-register">
                  {words.account.registerAgain}
                </Button>
                <Button onPress={() => router.replace("/login")} testID="to-login">
                  {words.account.toLogIn}
                </Button>
              </>
            ) : null}
          </>
        )}
      </Panel>
    </Screen>
  );
}
