/** Pushes to this phone: switched on here, and gone with its login. */
import { useState } from "react";
import { View } from "react-native";
import { Text } from "react-native-paper";

import { body } from "@/api/client";
import { writeKept } from "@/api/keep";
import { useNoticeChange, type Preferences } from "@/api/notices";
import { ApiProblem } from "@/api/problem";
import { askForPushToken, CAN_PUSH } from "@/api/push";
import { useSession } from "@/api/session";
import { useWords } from "@/words";

import { LabelledSwitch } from "./labelled-switch";
import { Panel, ProblemText, ToneText } from "./parts";

export function PushChannel({ push }: { push: Preferences["push"] }) {
  const words = useWords().notices.preferences;
  const { device } = useSession();
  return (
    <Panel title={words.channels.push}>
      <View testID="push-state">
        <ToneText tone={push.status === "on" ? "good" : "quiet"}>{words.pushOn(push.devices.length)}</ToneText>
      </View>
      {CAN_PUSH && device !== null ? <ThisPhone device={device} isOn={push.devices.includes(device)} /> : <Text>{words.pushNowhere}</Text>}
    </Panel>
  );
}

function ThisPhone({ device, isOn }: { device: string; isOn: boolean }) {
  const words = useWords().notices.preferences;
  const [refusal, setRefusal] = useState<string | null>(null);
  const change = useNoticeChange(async (api, wanted: boolean) => {
    const params = { path: { id: device } };
    if (!wanted) {
      await writeKept("push", null);
      await body(api.DELETE("/api/v1/notifications/push/{id}", { params }));
      return;
    }
    const token = await askForPushToken(words.pushAndroid).catch(() => undefined);
    if (token === undefined) setRefusal(words.pushNoToken);
    if (token === null) setRefusal(words.pushDenied);
    if (!token) return;
    await body(api.PUT("/api/v1/notifications/push/{id}", { params, body: { token } }));
    await writeKept("push", "on");
  });
  const turn = (wanted: boolean) => {
    setRefusal(null);
    change.mutate(wanted);
  };
  // Taken away elsewhere meanwhile, or by the push service: then it is off, which was wanted.
  const isGone = change.error instanceof ApiProblem && change.error.code === "NOT_FOUND" && change.variables === false;
  return (
    <>
      <LabelledSwitch label={words.pushHere} value={isOn} onChange={turn} variant="titleMedium" isDisabled={change.isPending} style={{ justifyContent: "space-between" }} textStyle={{ flex: 1 }} testID="push-here" />
      <Text variant="bodySmall">{words.pushHelp}</Text>
      {refusal === null ? null : (
        <View role="alert" testID="push-refused">
          <ToneText tone="bad">{refusal}</ToneText>
        </View>
      )}
      <ProblemText error={isGone ? null : change.error} />
    </>
  );
}
