import { router } from "expo-router";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { LIST_POLL_MS, useReadiness, type Check, type Readiness as Found } from "@/api/queries";
import { istDay, istTime } from "@/rules/clock";
import { useWords } from "@/words";
import type { Words } from "@/words/en";

import { Loaded, Panel, ToneText } from "./parts";

/** Green or red before the next buy, check by check, and one tap to what mends a red one. */
export function Readiness({ id }: { id: string }) {
  const words = useWords();
  const readiness = useReadiness(id);
  return (
    <Panel title={words.readiness.title}>
      <Loaded query={readiness} every={LIST_POLL_MS}>{(found) => <Verdict found={found} />}</Loaded>
    </Panel>
  );
}

function Verdict({ found }: { found: Found }) {
  const words = useWords();
  const red = redNow(found);
  const due = found.checks.filter((check) => !check.is_green && check.due_from !== null);
  return (
    <>
      <View role="status" accessibilityLiveRegion="polite" testID="readiness">
        <ToneText tone={found.is_ready ? "good" : red.length === 0 ? "quiet" : "bad"}>
          {found.is_ready ? words.readiness.ready : red.length === 0 ? words.readiness.later : words.readiness.notReady(red.length)}
        </ToneText>
      </View>
      {red.map((check) => (
        <Red key={check.name} check={check} id={found.strategy_id} />
      ))}
      {due.map((check) => (
        <Text key={check.name} testID={`due-${check.name}`}>
          {words.readiness.due(istDay(check.due_from ?? ""), istTime(check.due_from ?? "").slice(0, 5), remedyOf(check, words))}
        </Text>
      ))}
      {found.checks
        .filter((check) => check.is_green)
        .map((check) => (
          <Text key={check.name} variant="bodySmall">
            {words.readiness.green(nameOf(check, words.readiness.checks))}
          </Text>
        ))}
      <Text variant="bodySmall">{words.control.asOf(istTime(found.as_of))}</Text>
    </>
  );
}

function Red({ check, id }: { check: Check; id: string }) {
  const words = useWords();
  const go = wayTo(check.name, id);
  return (
    <View style={styles.red} testID={`red-${check.name}`}>
      <View style={styles.text}>
        <ToneText tone="bad">{words.readiness.red(nameOf(check, words.readiness.redChecks))}</ToneText>
        <Text>{check.text}</Text>
        <Text variant="bodySmall">{remedyOf(check, words)}</Text>
      </View>
      {go === null ? null : (
        <Button mode="contained" onPress={go}>
          {words.readiness.mend}
        </Button>
      )}
    </View>
  );
}

/** The API may have learnt checks that this app does not know yet. */
function nameOf(check: Check, names: Record<string, string | undefined>): string {
  return names[check.name] ?? check.text;
}

function remedyOf(check: Check, words: Words): string {
  const remedies: Record<string, string | undefined> = words.readiness.remedies;
  return remedies[check.name] ?? check.remedy ?? "";
}

/** What stands in the way and can be mended, or waited for, now. The login of a later day cannot be made yet, and is not
 * missing. */
export function redNow(found: Found): readonly Check[] {
  return found.checks.filter((check) => !check.is_green && check.due_from === null);
}

/** What is red before a buy of today, in one line; the strategy's own screen tells the rest and leads to the remedy. */
export function NotReady({ found }: { found: Found }) {
  const words = useWords().readiness;
  const [first, ...more] = redNow(found);
  if (first === undefined) return null;
  return (
    <View role="status" accessibilityLiveRegion="polite" testID="not-ready">
      <ToneText tone="bad">{words.notReadyFor(nameOf(first, words.redChecks), more.length)}</ToneText>
    </View>
  );
}

/** Where a red check is mended; null where a button of this screen does it, or only waiting helps. */
function wayTo(name: Check["name"], id: string): (() => void) | null {
  switch (name) {
    case "broker_login":
    case "login_lasts":
    case "addresses":
    case "funds":
      return () => router.push("/broker");
    case "kill_switch":
      return () => router.push("/kill");
    case "limits":
      return () => router.push("/risk");
    case "plan":
    case "quantity":
      return () => router.push(`/strategy/${id}/edit`);
    default:
      return null;
  }
}

const styles = StyleSheet.create({
  red: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", justifyContent: "space-between", gap: 8 },
  text: { flexShrink: 1, gap: 2 },
});
