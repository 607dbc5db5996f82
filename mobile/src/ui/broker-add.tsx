/** One more broker account: a name first, its keys afterwards. */
import { useState } from "react";
import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useAccountChange } from "@/api/broker-accounts";
import { problemOfField } from "@/api/problem";
import { LONGEST_NAME } from "@/rules/broker-accounts";
import { useWords } from "@/words";

import { FreshCode } from "./fresh-code";
import { FieldError, Panel, ProblemText } from "./parts";
import { TextInput } from "./text-input";

/** `onAdded` gets the id of the account that was opened. */
export function AddAccount({ onAdded }: { onAdded: (id: string) => void }) {
  const words = useWords().broker.accounts;
  const [isOpen, setOpen] = useState(false);
  if (!isOpen) {
    return (
      <Button mode="text" icon="plus" onPress={() => setOpen(true)} testID="add-account">
        {words.add}
      </Button>
    );
  }
  return (
    <Opening
      onCancel={() => setOpen(false)}
      onAdded={(id) => {
        setOpen(false);
        onAdded(id);
      }}
    />
  );
}

function Opening({ onCancel, onAdded }: { onCancel: () => void; onAdded: (id: string) => void }) {
  const words = useWords().broker.accounts;
  const cancel = useWords().common.cancel;
  const [name, setName] = useState("");
  const change = useAccountChange();
  const wanted = name.trim();
  const open = () => {
    if (wanted !== "") change.send({ kind: "open", name: wanted }, onAdded);
  };
  const problem = problemOfField(change.error, "name");
  return (
    <Panel title={words.add}>
      <Text variant="bodySmall">{words.addHow}</Text>
      <View>
        <TextInput mode="outlined" label={words.name} accessibilityLabel={words.name} value={name} onChangeText={setName} onSubmitEditing={open} maxLength={LONGEST_NAME} testID="account-name" />
        <FieldError text={problem} />
      </View>
      {problem === undefined ? <ProblemText error={change.error} /> : null}
      <FreshCode error={change.error} again={open} />
      <Button mode="contained" loading={change.isPending} disabled={wanted === "" || change.isPending} onPress={open} testID="open-account">
        {words.open}
      </Button>
      <Button mode="text" onPress={onCancel}>
        {cancel}
      </Button>
    </Panel>
  );
}
