import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { useSession } from "@/api/session";
import { CodeInput } from "@/ui/code";
import { ProblemText } from "@/ui/parts";
import { useWords } from "@/words";

/** Where the API asked for a code of minutes ago: takes one, and does what was asked for `again`. Nothing otherwise. */
export function FreshCode({ error, again }: { error: unknown; again: () => void }) {
  return error instanceof ApiProblem && error.code === "FRESH_CODE_NEEDED" ? <Ask again={again} /> : null;
}

function Ask({ again }: { again: () => void }) {
  const words = useWords();
  const { api } = useSession();
  const [code, setCode] = useState("");
  const shown = useMutation({
    mutationFn: () => body(api.POST("/api/v1/auth/second-factor/verify", { body: { code: code.trim() } })),
    onSuccess: again,
    // A code is good once, whether it was right or not.
    onSettled: () => setCode(""),
  });
  const isEmpty = code.trim() === "";
  const show = () => {
    if (!isEmpty && !shown.isPending) shown.mutate();
  };
  return (
    <View style={{ gap: 8 }}>
      <Text variant="bodySmall">{words.secondFactor.fresh}</Text>
      <CodeInput value={code} onChange={setCode} onSubmit={show} />
      <Button mode="contained" loading={shown.isPending} disabled={isEmpty || shown.isPending} onPress={show} testID="show-code">
        {words.secondFactor.show}
      </Button>
      <ProblemText error={shown.error} here={{ CREDENTIALS_INVALID: words.secondFactor.codeWrong }} />
    </View>
  );
}
