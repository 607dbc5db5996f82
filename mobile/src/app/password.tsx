import { useState } from "react";
import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { body } from "@/api/client";
import { useOnce } from "@/api/once";
import { useOneAtATime } from "@/api/one-at-a-time";
import { problemOfField } from "@/api/problem";
import type { components } from "@/api/schema";
import { useSession } from "@/api/session";
import { FreshCode } from "@/ui/fresh-code";
import { FieldError, Panel, ProblemText, ToneText } from "@/ui/parts";
import { PasswordInput } from "@/ui/password";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function ChangePassword() {
  const words = useWords();
  const { passwordChanged } = useSession();
  const [old, setOld] = useState("");
  const [chosen, setChosen] = useState("");
  const changing = useOnce(
    async (api, asked: components["schemas"]["ChangePasswordRequest"], headers) => (await body(api.POST("/api/v1/auth/password", { body: asked, headers }))).ended,
    {
      success: () => {
        // Nothing of either stays in memory once it has done its work.
        setOld("");
        setChosen("");
        passwordChanged();
      },
    },
  );
  const oneAtATime = useOneAtATime();
  const weak = problemOfField(changing.error, "new_password");
  const isComplete = old !== "" && chosen !== "";
  const change = () => {
    if (isComplete) void oneAtATime(() => changing.mutateAsync({ old_password: old, new_password: chosen }).catch(() => undefined));
  };
  return (
    <Screen title={words.account.change} back="/settings">
      <Panel>
        {changing.isSuccess ? (
          <ToneText tone="good">{words.account.changed(changing.data)}</ToneText>
        ) : (
          <>
            <Text>{words.account.changeHow}</Text>
            <PasswordInput label={words.account.oldPassword} value={old} onChange={setOld} onSubmit={change} isNew={false} testID="old-password" />
            <View>
              <PasswordInput label={words.account.newPassword} value={chosen} onChange={setChosen} onSubmit={change} isNew hasError={weak !== undefined} />
              <FieldError text={weak} />
            </View>
            <ProblemText error={changing.error} />
            <FreshCode error={changing.error} again={change} />
            <Button mode="contained" loading={changing.isPending} disabled={changing.isPending || !isComplete} onPress={change} testID="submit">
              {words.account.change}
            </Button>
          </>
        )}
      </Panel>
    </Screen>
  );
}
