import { useState } from "react";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useOneAtATime } from "@/api/one-at-a-time";
import { ApiProblem } from "@/api/problem";
import { useSession } from "@/api/session";
import { useWords } from "@/words";

import { CodeInput } from "./code";
import { Overlay } from "./overlay";
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
  const oneAtATime = useOneAtATime();
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
  // Enter in a field asks as well, and wrong tries are counted.
  const submit = () => {
    if (password !== "") void oneAtATime(logIn);
  };
  return (
    <Overlay title={words.account.over} isShown testID="relogin">
      <Text>{words.problems.TOKEN_EXPIRED}</Text>
      <Text variant="titleSmall">{session.email ?? ""}</Text>
      <PasswordInput label={words.account.password} value={password} onChange={setPassword} isNew={false} onSubmit={submit} />
      {code === null ? null : <CodeInput value={code} onChange={setCode} onSubmit={submit} />}
      <ProblemText error={error} />
      <View style={styles.answers}>
        <Button onPress={() => void session.logOut()}>{words.account.logOut}</Button>
        <Button mode="contained" loading={isBusy} disabled={isBusy || password === ""} onPress={submit} testID="go-on">
          {words.account.goOn}
        </Button>
      </View>
    </Overlay>
  );
}

const styles = StyleSheet.create({ answers: { flexDirection: "row", flexWrap: "wrap", justifyContent: "flex-end", gap: 8 } });
