import { useState } from "react";
import { StyleSheet } from "react-native";
import { Button, Dialog, Portal, Text } from "react-native-paper";

import { ApiProblem } from "@/api/problem";
import { useSession } from "@/api/session";
import { useWords } from "@/words";

import { CodeInput } from "./code";
import { ProblemText } from "./parts";
import { PasswordInput } from "./password";

/** Over whatever screen is open when the login ends: its owner goes on there after the password. */
export function Relogin() {
  const words = useWords();
  const session = useSession();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const logIn = async () => {
    setBusy(true);
    setError(null);
    try {
      await session.logIn(session.email ?? "", password, code ?? undefined);
    } catch (problem) {
      setError(problem);
      if (problem instanceof ApiProblem && problem.code === "SECOND_FACTOR_NEEDED") setCode("");
      setBusy(false);
    }
  };
  return (
    <Portal>
      <Dialog visible dismissable={false} style={styles.dialog} testID="relogin">
        <Dialog.Title>{words.account.over}</Dialog.Title>
        <Dialog.Content style={styles.content}>
          <Text>{words.problems.TOKEN_EXPIRED}</Text>
          <Text variant="titleSmall">{session.email ?? ""}</Text>
          <PasswordInput label={words.account.password} value={password} onChange={setPassword} isNew={false} onSubmit={logIn} />
          {code === null ? null : <CodeInput value={code} onChange={setCode} onSubmit={logIn} />}
          <ProblemText error={error} />
        </Dialog.Content>
        <Dialog.Actions>
          <Button onPress={() => void session.logOut()}>{words.account.logOut}</Button>
          <Button mode="contained" loading={isBusy} disabled={isBusy || password === ""} onPress={() => void logIn()}>
            {words.account.goOn}
          </Button>
        </Dialog.Actions>
      </Dialog>
    </Portal>
  );
}

const styles = StyleSheet.create({
  dialog: { maxWidth: 480, alignSelf: "center", width: "92%" },
  content: { gap: 12 },
});
