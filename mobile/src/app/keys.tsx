import { useState } from "react";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useAccessChange, useKeys, type ApiKey, type KeyRequest, type Scope } from "@/api/access";
import { body } from "@/api/client";
import { useOneAtATime } from "@/api/one-at-a-time";
import { problemOfField } from "@/api/problem";
import { istDay, istTime } from "@/rules/clock";
import { Choice } from "@/ui/choice";
import { CodeInput } from "@/ui/code";
import { LabelledSwitch } from "@/ui/labelled-switch";
import { AskedButton, FieldError, Loaded, Panel, ProblemText, ToneText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { ShownOnce } from "@/ui/shown-once";
import { TextInput } from "@/ui/text-input";
import { useWords } from "@/words";

const SCOPES: readonly Scope[] = ["read", "strategies:write", "risk:write"];
const DAYS = [30, 90, 365] as const;

/** What lets a program in, and how to keep it out again. */
export default function Keys() {
  const words = useWords().access.keys;
  const keys = useKeys();
  return (
    <Screen title={words.title} back="/settings">
      <Loaded query={keys}>
        {(found) => (
          <Panel>
            <Text>{words.how}</Text>
            {found.length === 0 ? <Text>{words.none}</Text> : null}
            {found.map((one) => (
              <Line key={one.key_id} apiKey={one} />
            ))}
          </Panel>
        )}
      </Loaded>
      <Make />
    </Screen>
  );
}

function Line({ apiKey }: { apiKey: ApiKey }) {
  const words = useWords().access.keys;
  const revoking = useAccessChange((api, id: string) => body(api.DELETE("/api/v1/account/keys/{id}", { params: { path: { id } } })));
  const used = apiKey.last_used_at;
  return (
    <View testID="api-key">
      <View style={styles.line}>
        <View style={styles.text}>
          <Text variant="titleSmall">{apiKey.name}</Text>
          <Text variant="bodySmall">{words.line(istDay(apiKey.expires_at), used === null ? null : `${istDay(used)} ${istTime(used)}`)}</Text>
          {apiKey.scopes.map((scope) => (
            <Text key={scope} variant="bodySmall">{`· ${words.scopes[scope] ?? scope}`}</Text>
          ))}
          {apiKey.is_alive ? null : <ToneText tone="quiet">{words.over}</ToneText>}
        </View>
        <AskedButton label={words.revoke} question={words.revokeAsk} icon="trash-can" isDangerous isDisabled={revoking.isPending} onConfirmed={() => revoking.mutate(apiKey.key_id)} />
      </View>
      <ProblemText error={revoking.error} />
    </View>
  );
}

function Make() {
  const words = useWords().access.keys;
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["read"]);
  const [days, setDays] = useState<(typeof DAYS)[number]>(90);
  const [code, setCode] = useState("");
  const oneAtATime = useOneAtATime();
  const making = useAccessChange(async (api, asked: KeyRequest, headers) => (await body(api.POST("/api/v1/account/keys", { body: asked, headers }))).key);
  const isComplete = name.trim() !== "" && scopes.length > 0 && code.trim() !== "";
  const make = () => {
    if (!isComplete) return;
    const asked = { name: name.trim(), scopes: [...scopes], expires_in_days: days, code: code.trim() };
    // Its answer is on `making`; a code is good once, whether it was right or not.
    void oneAtATime(() => making.mutateAsync(asked).then(() => setName(""), () => undefined).finally(() => setCode("")));
  };
  if (making.data !== undefined) {
    return (
      <Panel title={words.make}>
        <ShownOnce text={words.made} secret={making.data} taken={words.taken} onTaken={() => making.reset()} />
      </Panel>
    );
  }
  return (
    <Panel title={words.make}>
      <View>
        <TextInput mode="outlined" label={words.name} accessibilityLabel={words.name} value={name} onChangeText={setName} maxLength={60} testID="key-name" />
        <FieldError text={problemOfField(making.error, "name")} />
      </View>
      <Text variant="titleSmall">{words.opens}</Text>
      {SCOPES.map((scope) => (
        <LabelledSwitch
          key={scope}
          label={words.scopes[scope] ?? scope}
          value={scopes.includes(scope)}
          onChange={(isOn) => setScopes(SCOPES.filter((one) => (one === scope ? isOn : scopes.includes(one))))}
          style={styles.switch}
          textStyle={styles.text}
          variant="bodyMedium"
          testID={`scope-${scope}`}
        />
      ))}
      <Text variant="titleSmall">{words.lasts}</Text>
      <Choice
        value={String(days)}
        onValueChange={(value) => setDays(DAYS.find((one) => String(one) === value) ?? days)}
        buttons={DAYS.map((value) => ({ value: String(value), label: words.days(value), testID: `days-${value}` }))}
      />
      <CodeInput value={code} onChange={setCode} onSubmit={make} />
      <ProblemText error={making.error} />
      <Button mode="contained" loading={making.isPending} disabled={making.isPending || !isComplete} onPress={make} testID="make-key">
        {words.make}
      </Button>
    </Panel>
  );
}

const styles = StyleSheet.create({
  line: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", justifyContent: "space-between", gap: 8 },
  text: { flexShrink: 1, gap: 2 },
  switch: { justifyContent: "space-between" },
});
