import { useState } from "react";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { body, ifMatch } from "@/api/client";
import { useNoticeChange, type ChannelName, type Preferences } from "@/api/notices";
import { groupsOf, isAlwaysSent } from "@/rules/notices";
import { useWords } from "@/words";

import { LabelledSwitch } from "./labelled-switch";
import { kindName } from "./notice-row";
import { Panel, ProblemText } from "./parts";

const CHANNELS: readonly ChannelName[] = ["push", "email", "webhook", "telegram", "sms"];
const ABSENT = new Set(["off", "unavailable"]);
type Kinds = Preferences["kinds"];

/** Every kind of notice with a switch for each channel that is there. */
export function KindChoice({ preferences }: { preferences: Preferences }) {
  const words = useWords();
  const { preferences: said, groups } = words.notices;
  /** Only what was touched: what another device stores meanwhile stays. */
  const [touched, setTouched] = useState<Kinds>({});
  // What is shown is what was read last: it is that which is replaced.
  const saving = useNoticeChange((api, { kinds, tag }: Pick<Preferences, "kinds" | "tag">) =>
    body(api.PUT("/api/v1/notifications/preferences", { body: { kinds }, headers: ifMatch(tag) })),
  );
  const chosen: Kinds = { ...preferences.kinds, ...touched };
  const shown = CHANNELS.filter((channel) => !ABSENT.has(preferences[channel].status));
  const turn = (kind: string, channel: ChannelName, isOn: boolean) => {
    saving.reset();
    const others = (chosen[kind] ?? []).filter((each) => each !== channel);
    setTouched({ ...touched, [kind]: isOn ? [...others, channel] : others });
  };
  const isTouched = Object.keys(touched).length > 0;
  return (
    <Panel title={said.choose}>
      <Text variant="bodySmall">{said.chooseHow}</Text>
      {groupsOf(Object.keys(chosen)).map(({ group, kinds }) => (
        <View key={group} style={styles.group}>
          <Text variant="titleSmall" role="heading" aria-level={3}>
            {groups[group]}
          </Text>
          {kinds.map((kind) => (
            <View key={kind} style={styles.kind}>
              <Text style={styles.name}>{kindName(words, kind)}</Text>
              <View style={styles.switches} testID={`${kind}-switches`}>
                {shown.map((channel) => (
                  <LabelledSwitch
                    key={channel}
                    label={isAlwaysSent(kind, channel) ? said.always : said.channels[channel]}
                    aloud={said.by(kindName(words, kind), said.channels[channel])}
                    value={(chosen[kind] ?? []).includes(channel)}
                    isDisabled={saving.isPending || isAlwaysSent(kind, channel)}
                    onChange={(isOn) => turn(kind, channel, isOn)}
                    testID={`${kind}-${channel}`}
                  />
                ))}
              </View>
            </View>
          ))}
        </View>
      ))}
      <ProblemText error={saving.error} />
      <View role="status" accessibilityLiveRegion="polite">
        {saving.isSuccess && !isTouched ? <Text testID="choice-saved">{said.saved}</Text> : null}
        {isTouched ? <Text>{said.unsaved}</Text> : null}
      </View>
      <Button
        mode="contained"
        loading={saving.isPending}
        disabled={saving.isPending || !isTouched}
        onPress={() => saving.mutate({ kinds: chosen, tag: preferences.tag }, { onSuccess: () => setTouched({}) })}
        testID="save-choice"
      >
        {said.save}
      </Button>
    </Panel>
  );
}

const styles = StyleSheet.create({
  group: { gap: 4 },
  kind: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", justifyContent: "space-between", columnGap: 16, minHeight: 48 },
  name: { flexShrink: 1, flexGrow: 1, minWidth: 180 },
  // It shrinks, so that five channels wrap on a phone instead of running out of it.
  switches: { flexDirection: "row", flexWrap: "wrap", flexShrink: 1, columnGap: 16 },
});
