import { router } from "expo-router";
import { useState } from "react";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useAccessChange, useSharedAccounts, useViewers, type SharedAccount, type Viewer } from "@/api/access";
import { body } from "@/api/client";
import { useOneAtATime } from "@/api/one-at-a-time";
import { problemOfField } from "@/api/problem";
import { istDay } from "@/rules/clock";
import { FreshCode } from "@/ui/fresh-code";
import { AskedButton, FieldError, Loaded, Panel, ProblemText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { ShownOnce } from "@/ui/shown-once";
import { TextInput } from "@/ui/text-input";
import { useWords } from "@/words";

/** Who reads this account, and which others its owner reads. */
export default function Viewers() {
  const words = useWords().access.viewers;
  const viewers = useViewers();
  const shared = useSharedAccounts();
  return (
    <Screen title={words.title} back="/settings">
      <Panel title={words.who}>
        <Text>{words.how}</Text>
        <Loaded query={viewers}>
          {(found) => (
            <>
              {found.length === 0 ? <Text>{words.none}</Text> : null}
              {found.map((one) => (
                <ViewerLine key={one.grant_id} viewer={one} />
              ))}
            </>
          )}
        </Loaded>
        <Invite />
      </Panel>
      <Panel title={words.mine}>
        <Loaded query={shared}>
          {(found) => (
            <>
              {found.length === 0 ? <Text>{words.noneShared}</Text> : null}
              {found.map((one) => (
                <SharedLine key={one.account_id} account={one} />
              ))}
            </>
          )}
        </Loaded>
        <Accept />
      </Panel>
    </Screen>
  );
}

function ViewerLine({ viewer }: { viewer: Viewer }) {
  const words = useWords().access.viewers;
  const removing = useAccessChange((api, id: string) => body(api.DELETE("/api/v1/account/viewers/{id}", { params: { path: { id } } })));
  const { accepted_at: accepted, expires_at: expires } = viewer;
  return (
    <View testID="viewer">
      <View style={styles.line}>
        <View style={styles.text}>
          <Text variant="titleSmall">{viewer.viewer_email === null ? viewer.name : `${viewer.name} · ${viewer.viewer_email}`}</Text>
          {accepted === null ? null : <Text variant="bodySmall">{words.line(istDay(accepted))}</Text>}
          {accepted === null && expires !== null ? <Text variant="bodySmall">{words.invited(istDay(expires))}</Text> : null}
        </View>
        <AskedButton label={words.remove} question={words.removeAsk} icon="trash-can" isDangerous isDisabled={removing.isPending} onConfirmed={() => removing.mutate(viewer.grant_id)} />
      </View>
      <ProblemText error={removing.error} />
    </View>
  );
}

function Invite() {
  const words = useWords().access.viewers;
  const [name, setName] = useState("");
  const oneAtATime = useOneAtATime();
  const inviting = useAccessChange(async (api, who: string, headers) => (await body(api.POST("/api/v1/account/viewers", { body: { name: who }, headers }))).invitation);
  const invite = () => {
    if (name.trim() !== "") void oneAtATime(() => inviting.mutateAsync(name.trim()).then(() => setName(""), () => undefined));
  };
  if (inviting.data !== undefined) return <ShownOnce text={words.invitation} secret={inviting.data} taken={words.taken} onTaken={() => inviting.reset()} />;
  return (
    <>
      <View>
        <TextInput mode="outlined" label={words.name} accessibilityLabel={words.name} value={name} onChangeText={setName} onSubmitEditing={invite} maxLength={60} testID="viewer-name" />
        <FieldError text={problemOfField(inviting.error, "name")} />
      </View>
      <ProblemText error={inviting.error} />
      <FreshCode error={inviting.error} again={invite} />
      <Button mode="outlined" loading={inviting.isPending} disabled={inviting.isPending || name.trim() === ""} onPress={invite} testID="invite">
        {words.invite}
      </Button>
    </>
  );
}

function SharedLine({ account }: { account: SharedAccount }) {
  const words = useWords().access.viewers;
  const leaving = useAccessChange((api, id: string) => body(api.DELETE("/api/v1/account/shared/{id}", { params: { path: { id } } })));
  return (
    <View testID="shared">
      <View style={styles.line}>
        <View style={styles.text}>
          <Text variant="titleSmall">{account.owner_email}</Text>
          <Text variant="bodySmall">{words.shared(istDay(account.accepted_at))}</Text>
        </View>
        <View style={styles.buttons}>
          <Button mode="contained" onPress={() => router.push(`/shared/${account.account_id}`)} testID="look">
            {words.look}
          </Button>
          <AskedButton label={words.leave} question={words.leaveAsk} icon="logout" isDisabled={leaving.isPending} onConfirmed={() => leaving.mutate(account.account_id)} />
        </View>
      </View>
      <ProblemText error={leaving.error} />
    </View>
  );
}

function Accept() {
  const words = useWords().access.viewers;
  const [code, setCode] = useState("");
  const oneAtATime = useOneAtATime();
  const accepting = useAccessChange((api, invitation: string, headers) => body(api.POST("/api/v1/account/shared/accept", { body: { invitation }, headers })));
  const accept = () => {
    if (code.trim() !== "") void oneAtATime(() => accepting.mutateAsync(code.trim()).then(() => setCode(""), () => undefined));
  };
  return (
    <>
      <View>
        <TextInput
          mode="outlined"
          label={words.code}
          accessibilityLabel={words.code}
          value={code}
          onChangeText={setCode}
          onSubmitEditing={accept}
          autoCapitalize="none"
          autoComplete="off"
          testID="invitation"
        />
        <FieldError text={problemOfField(accepting.error, "invitation")} />
      </View>
      <ProblemText error={accepting.error} />
      <Button mode="outlined" loading={accepting.isPending} disabled={accepting.isPending || code.trim() === ""} onPress={accept} testID="accept">
        {words.accept}
      </Button>
    </>
  );
}

const styles = StyleSheet.create({
  line: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", justifyContent: "space-between", gap: 8 },
  text: { flexShrink: 1, gap: 2 },
  buttons: { flexDirection: "row", flexWrap: "wrap", gap: 8 },
});
