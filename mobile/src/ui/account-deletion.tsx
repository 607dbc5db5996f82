import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { StyleSheet } from "react-native";
import { Text } from "react-native-paper";

import { body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { useSecondFactor } from "@/api/queries";
import { useSession } from "@/api/session";
import { useWords } from "@/words";

import { CodeInput } from "./code";
import { LabelledSwitch } from "./labelled-switch";
import { AskedButton, Panel, ProblemText } from "./parts";
import { PasswordInput } from "./password";

/** Three gestures: a switch, the password (and the code where a second factor is on), and a button that asks once more. */
export function AccountDeletion({ onDeleted }: { onDeleted: () => void }) {
  const words = useWords().accountData;
  const session = useSession();
  const hasSecondFactor = useSecondFactor().data?.is_on;
  const [isArmed, setArmed] = useState(false);
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const deletion = useMutation({
    mutationFn: async () => {
      await body(session.api.POST("/api/v1/account/delete", { body: { password, ...(code.trim() === "" ? {} : { code: code.trim() }) } }));
      onDeleted();
      await session.logOut();
    },
  });
  const asksCode = hasSecondFactor === true || (deletion.error instanceof ApiProblem && deletion.error.code === "SECOND_FACTOR_NEEDED");
  const isComplete = isArmed && password !== "" && (!asksCode || code.trim() !== "");
  return (
    <Panel title={words.leave}>
      <Text>{words.leaveHow}</Text>
      <Text>{words.stopFirst}</Text>
      <Text variant="bodySmall">{words.first}</Text>
      <LabelledSwitch label={words.arm} value={isArmed} onChange={setArmed} variant="titleMedium" style={styles.line} textStyle={styles.grow} testID="deletion-arm" />
      <PasswordInput label={words.password} value={password} onChange={setPassword} onSubmit={() => undefined} isNew={false} />
      {asksCode ? <CodeInput value={code} onChange={setCode} onSubmit={() => undefined} /> : null}
      <ProblemText error={deletion.error} />
      <AskedButton label={words.fire} question={words.ask} icon="trash-can" isDangerous isDisabled={!isComplete || deletion.isPending} onConfirmed={() => deletion.mutate()} />
    </Panel>
  );
}

const styles = StyleSheet.create({
  line: { gap: 12 },
  grow: { flex: 1 },
});
