import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Linking, Platform } from "react-native";
import { Button, Text } from "react-native-paper";

import { body } from "@/api/client";
import { useOnce } from "@/api/once";
import { useOneAtATime } from "@/api/one-at-a-time";
import { useSecondFactor } from "@/api/queries";
import { useApi } from "@/api/session";
import { CodeInput } from "@/ui/code";
import { AskedButton, Loaded, Panel, ProblemText, ToneText } from "@/ui/parts";
import { PasswordInput } from "@/ui/password";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

/** So many recovery codes are few. */
const FEW = 2;

export default function SecondFactorScreen() {
  const words = useWords();
  const [recovery, setRecovery] = useState<readonly string[] | null>(null);
  const [isAsked, setAsked] = useState(false);
  const factor = useSecondFactor();
  const beginAnew = () => {
    setRecovery(null);
    setAsked(false);
  };
  return (
    <Screen title={words.secondFactor.title} back="/settings">
      {recovery === null ? null : <RecoveryCodes codes={recovery} />}
      <Loaded query={factor}>
        {({ is_on: isOn, recovery_codes_left: left }) =>
          isOn ? <On codesLeft={left} areCodesLost={isAsked && recovery === null} onRemoved={beginAnew} /> : <Off onAsked={() => setAsked(true)} onConfirmed={setRecovery} />
        }
      </Loaded>
    </Screen>
  );
}

function Off({ onAsked, onConfirmed }: { onAsked: () => void; onConfirmed: (codes: readonly string[]) => void }) {
  const words = useWords();
  const api = useApi();
  const queries = useQueryClient();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const enrolment = useMutation({
    mutationFn: () => body(api.POST("/api/v1/auth/second-factor", { body: { password } })),
    // Nothing of it stays in memory once it has done its work.
    onSuccess: () => setPassword(""),
  });
  const oneAtATime = useOneAtATime();
  const begin = () => {
    if (password !== "") void oneAtATime(() => enrolment.mutateAsync().catch(() => undefined));
  };
  const confirmation = useOnce(
    async (to, shown: string, headers) => (await body(to.POST("/api/v1/auth/second-factor/confirm", { body: { code: shown }, headers }))).recovery_codes,
    { success: onConfirmed, settled: async () => void queries.invalidateQueries({ queryKey: ["second-factor"] }) },
  );
  const confirm = () => {
    if (code.trim() === "" || confirmation.isPending) return;
    onAsked();
    confirmation.mutate(code.trim());
  };
  const given = enrolment.data;
  return (
    <Panel>
      <ToneText tone="bad">{words.secondFactor.off}</ToneText>
      {given === undefined ? (
        <>
          <Text>{words.secondFactor.setUpHow}</Text>
          <PasswordInput label={words.account.password} value={password} onChange={setPassword} onSubmit={begin} isNew={false} />
          <Button mode="contained" loading={enrolment.isPending} disabled={enrolment.isPending || password === ""} onPress={begin} testID="set-up">
            {words.secondFactor.setUp}
          </Button>
          <ProblemText error={enrolment.error} here={{ CREDENTIALS_INVALID: words.secondFactor.passwordWrong }} />
        </>
      ) : (
        <>
          <Text>{words.secondFactor.secret}</Text>
          <Text selectable variant="titleMedium" testID="secret">{given.secret}</Text>
          {Platform.OS === "web" ? null : (
            <Button mode="outlined" onPress={() => void Linking.openURL(given.uri)}>
              {words.secondFactor.open}
            </Button>
          )}
          <CodeInput value={code} onChange={setCode} onSubmit={confirm} />
          <Button mode="contained" loading={confirmation.isPending} disabled={confirmation.isPending || code.trim() === ""} onPress={confirm} testID="confirm-code">
            {words.secondFactor.confirm}
          </Button>
        </>
      )}
      <ProblemText error={confirmation.error} here={{ CREDENTIALS_INVALID: words.secondFactor.codeWrong }} />
    </Panel>
  );
}

/** `codesLeft`: recovery codes that are not used up; null where the product said that it is off. `areCodesLost`: it was switched on from here, and the answer, which alone shows the recovery codes, did not come. */
function On({ codesLeft, areCodesLost, onRemoved }: { codesLeft: number | null; areCodesLost: boolean; onRemoved: () => void }) {
  const words = useWords();
  const queries = useQueryClient();
  const [code, setCode] = useState("");
  const removal = useOnce((to, shown: string, headers) => body(to.POST("/api/v1/auth/second-factor/remove", { body: { code: shown }, headers })), {
    success: onRemoved,
    settled: async () => void queries.invalidateQueries({ queryKey: ["second-factor"] }),
  });
  return (
    <Panel>
      <ToneText tone="good">{words.secondFactor.on}</ToneText>
      {codesLeft === null ? null : <Text testID="codes-left">{words.secondFactor.codesLeft(codesLeft)}</Text>}
      {codesLeft !== null && codesLeft <= FEW ? <ToneText tone="bad">{words.secondFactor.codesFew}</ToneText> : null}
      {areCodesLost ? <ToneText tone="bad">{words.secondFactor.codesLost}</ToneText> : null}
      <CodeInput value={code} onChange={setCode} onSubmit={() => undefined} />
      <AskedButton label={words.secondFactor.remove} question={words.secondFactor.removeAsk} icon="shield-alert" isDangerous isDisabled={code.trim() === "" || removal.isPending} onConfirmed={() => removal.mutate(code.trim())} />
      <ProblemText error={removal.error} here={{ CREDENTIALS_INVALID: words.secondFactor.codeWrong }} />
    </Panel>
  );
}

function RecoveryCodes({ codes }: { codes: readonly string[] }) {
  const words = useWords();
  return (
    <Panel>
      <Text>{words.secondFactor.recovery}</Text>
      <Text selectable variant="titleMedium" testID="recovery-codes">{codes.join("   ")}</Text>
    </Panel>
  );
}
