/** What an account is called, whether it is the default, and whether it is there at all. */
import { useState } from "react";
import { View } from "react-native";
import { Button } from "react-native-paper";

import { useAccountChange } from "@/api/broker-accounts";
import { problemOfField } from "@/api/problem";
import type { BrokerAccount } from "@/api/queries";
import { LONGEST_NAME } from "@/rules/broker-accounts";
import { useWords } from "@/words";

import { AskedButton, FieldError, Hint, ProblemText } from "./parts";
import { TextInput } from "./text-input";

export function ManageAccount({ account }: { account: BrokerAccount }) {
  const words = useWords().broker.accounts;
  const all = useWords().broker;
  const [name, setName] = useState(account.name);
  const change = useAccountChange();
  const { account_id: id, etag: tag } = account;
  const wanted = name.trim();
  const isSame = wanted === "" || wanted === account.name;
  const rename = () => {
    if (!isSame) change.send({ kind: "rename", id, name: wanted, tag });
  };
  const taken = problemOfField(change.error, "name");
  return (
    <>
      <View>
        <TextInput mode="outlined" label={words.name} accessibilityLabel={all.of(words.name, account.name)} value={name} onChangeText={setName} onSubmitEditing={rename} maxLength={LONGEST_NAME} testID="rename-to" />
        <FieldError text={taken} />
      </View>
      <Button mode="outlined" disabled={isSame || change.isPending} accessibilityLabel={all.of(words.rename, account.name)} onPress={rename} testID="rename">
        {words.rename}
      </Button>
      {account.is_default ? null : (
        <>
          <Button mode="outlined" disabled={change.isPending} accessibilityLabel={all.of(words.makeDefault, account.name)} onPress={() => change.send({ kind: "default", id, tag })} testID="make-default">
            {words.makeDefault}
          </Button>
          <Hint>{words.defaultHow}</Hint>
        </>
      )}
      <AskedButton label={words.remove} spoken={all.of(words.remove, account.name)} question={words.removeAsk(account.name)} icon="trash-can" isDangerous isDisabled={change.isPending} onConfirmed={() => change.send({ kind: "remove", id, tag })} />
      {taken === undefined ? <ProblemText error={change.error} /> : null}
    </>
  );
}
