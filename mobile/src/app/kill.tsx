import { useEffect, useState } from "react";
import { StyleSheet, View } from "react-native";
import { Text, TouchableRipple } from "react-native-paper";

import { STATUS_POLL_MS, useCommand, useRisk, type RiskProfile } from "@/api/queries";
import { showDuration } from "@/rules/clock";
import { Boundary } from "@/ui/boundary";
import { FreshCode } from "@/ui/fresh-code";
import { useIsOld } from "@/ui/freshness";
import { LabelledSwitch } from "@/ui/labelled-switch";
import { useNow } from "@/ui/now";
import { AskedButton, Panel, ProblemText, StaleBanner, ToneText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useAppTheme } from "@/ui/theme";
import { useWords } from "@/words";

/** Reached from every screen. It can be pulled whether or not its state could be read: also where it was on when that was
 * read last, for another device may have released it since. */
export default function Kill() {
  const words = useWords();
  const risk = useRisk();
  const killSwitch = risk.data?.kill_switch;
  const isOld = useIsOld(risk, STATUS_POLL_MS);
  return (
    <Screen title={words.kill.title} back="/">
      <StaleBanner query={risk} every={STATUS_POLL_MS} />
      {killSwitch === undefined && risk.isError ? <Text role="status">{words.kill.unknown}</Text> : null}
      {/* On its own: what its state is told as must not take the switch along. */}
      <Boundary>{killSwitch?.is_locked ? <Locked killSwitch={killSwitch} isOld={isOld} /> : null}</Boundary>
      {killSwitch?.own && !isOld ? null : <Pull />}
    </Screen>
  );
}

/** Two deliberate gestures: a switch, then a button. Both can be reached by keyboard and screen reader. */
function Pull() {
  const words = useWords();
  const { colors } = useAppTheme();
  const [isArmed, setArmed] = useState(false);
  const command = useCommand();
  const isOff = !isArmed || command.isPending;
  return (
    <Panel>
      <Text>{words.kill.what}</Text>
      <Text variant="bodySmall">{words.kill.first}</Text>
      <LabelledSwitch label={words.kill.arm} value={isArmed} onChange={setArmed} variant="titleMedium" style={styles.line} textStyle={styles.grow} testID="kill-arm" />
      {/* Not the kit's button, which cuts its words off where the text is large. */}
      <TouchableRipple
        role="button"
        accessibilityLabel={words.kill.fire}
        disabled={isOff}
        aria-disabled={isOff}
        onPress={() => command.send({ kind: "kill" }, () => setArmed(false))}
        style={[styles.fire, { backgroundColor: isOff ? colors.surfaceDisabled : colors.bad }]}
        testID="kill-fire"
      >
        <Text variant="labelLarge" style={[styles.word, { color: isOff ? colors.onSurfaceDisabled : colors.surface }]}>
          {words.kill.fire}
        </Text>
      </TouchableRipple>
      {command.isPending ? <Asking /> : null}
      <ProblemText error={command.error} here={{ NOT_SENT: words.kill.notSent, OFFLINE: words.kill.notSent, UNANSWERED: words.kill.unanswered }} />
      {command.isSuccess ? (
        <View role="status" accessibilityLiveRegion="assertive" testID="kill-taken">
          <ToneText tone="busy">{words.kill.taken}</ToneText>
        </View>
      ) : null}
    </Panel>
  );
}

const LONG_MS = 4_000;

/** From the press on, and with what else can be done once the answer is late. */
function Asking() {
  const words = useWords();
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LONG_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <View role="status" accessibilityLiveRegion="assertive" testID="kill-asking">
      <ToneText tone={isLate ? "bad" : "busy"}>{isLate ? words.kill.slow : words.kill.asking}</ToneText>
    </View>
  );
}

function Locked({ killSwitch, isOld }: { killSwitch: RiskProfile["kill_switch"]; isOld: boolean }) {
  const words = useWords();
  const command = useCommand();
  return (
    <Panel>
      <View role="alert" accessibilityLiveRegion="assertive" testID="kill-on">
        <ToneText tone="bad" large>{isOld ? words.kill.wasOn : killSwitch.own === null ? words.kill.operator : words.kill.on}</ToneText>
      </View>
      <Flatness killSwitch={killSwitch} />
      {killSwitch.own === null ? null : (
        <AskedButton label={words.kill.release} question={words.kill.releaseAsk} icon="play" isDisabled={command.isPending} onConfirmed={() => command.send({ kind: "release" })} />
      )}
      <ProblemText error={command.error} />
      <FreshCode error={command.error} again={() => command.send({ kind: "release" })} />
    </Panel>
  );
}

/** Never claims more than was proven: open, being checked, or proven flat. */
function Flatness({ killSwitch }: { killSwitch: RiskProfile["kill_switch"] }) {
  const words = useWords();
  const now = useNow();
  const since = (killSwitch.own ?? killSwitch.operator)?.since;
  const age = since === undefined ? words.common.unknown : showDuration(Math.max(1_000, now - Date.parse(since)));
  if (killSwitch.verified_flat_at) {
    const seconds = ((killSwitch.kill_to_flat_ms ?? 0) / 1000).toFixed(1);
    return <ToneText tone="good">{words.kill.flat(seconds)}</ToneText>;
  }
  if (killSwitch.nothing_placed_at) return <Text>{words.kill.placed}</Text>;
  return (
    <View role="status" accessibilityLiveRegion="polite">
      <Text>{killSwitch.open_positions > 0 ? words.kill.flattening(killSwitch.open_positions, age) : words.kill.checking}</Text>
    </View>
  );
}

const styles = StyleSheet.create({
  line: { flexDirection: "row", alignItems: "center", gap: 12, minHeight: 48 },
  grow: { flex: 1 },
  fire: { minHeight: 56, justifyContent: "center", borderRadius: 28, paddingHorizontal: 16, paddingVertical: 8 },
  word: { textAlign: "center" },
});
