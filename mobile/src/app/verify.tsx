import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Text } from "react-native-paper";

import { body } from "@/api/client";
import { takeLinkCode } from "@/api/link";
import { useSession } from "@/api/session";
import { LinkCodeInput } from "@/ui/link-code";
import { Panel, ProblemText, ToneText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function Verify() {
  const words = useWords();
  const { api, state } = useSession();
  const [code, setCode] = useState(takeLinkCode);
  const confirming = useMutation({ mutationFn: () => body(api.POST("/api/v1/auth/email/verify", { body: { token: code.trim() } })) });
  const resending = useMutation({ mutationFn: () => body(api.POST("/api/v1/auth/email/resend", { body: {} })) });
  const isConfirmed = confirming.isSuccess || resending.data?.status === "verified";
  const confirm = () => {
    if (code.trim() !== "" && !confirming.isPending) confirming.mutate();
  };
  return (
    <Screen title={words.account.confirmEmail} back="/">
      <Panel>
        {isConfirmed ? (
          <ToneText tone="good">{words.account.confirmed}</ToneText>
        ) : (
          <>
            <Text>{words.account.confirmHow}</Text>
            <LinkCodeInput value={code} onChange={setCode} />
            <ProblemText error={confirming.error ?? resending.error} />
            {resending.isSuccess ? <ToneText tone="good">{words.account.linkSent}</ToneText> : null}
            <Button mode="contained" loading={confirming.isPending} disabled={confirming.isPending || code.trim() === ""} onPress={confirm} testID="submit">
              {words.account.confirmEmail}
            </Button>
            {state === "in" ? (
              <Button mode="outlined" disabled={resending.isPending} onPress={() => resending.mutate()} testID="resend">
                {words.account.sendAgain}
              </Button>
            ) : null}
          </>
        )}
      </Panel>
    </Screen>
  );
}
