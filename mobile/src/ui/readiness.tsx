import { router } from "expo-router";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { LIST_POLL_MS, useReadiness, type Check, type Readiness as Found } from "@/api/queries";
import { istTime } from "@/rules/clock";
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
  const red = found.checks.filter((check) => !check.is_green);
  return (
    <>
      <View role="status" accessibilityLiveRegion="polite" testID="readiness">
        <ToneText tone={found.is_ready ? "good" : "bad"}>
          {found.is_ready ? words.readiness.ready : words.readiness.notReady(red.length)}
        </ToneText>
      </View>
      {red.map((check) => (
        <Red key={check.name} check={check} id={found.strategy_id} />
      ))}
      {found.checks
        .filter((check) => check.is_green)
        .map((check) => (
          <Text key={check.name} variant="bodySmall">
            {words.readiness.green(nameOf(check, words))}
          </Text>
        ))}
      <Text variant="bodySmall">{words.control.asOf(istTime(found.as_of))}</Text>
    </>
  );
}

function Red({ check, id }: { check: Check; id: string }) {
  const words = useWords();
  const remedies: Record<string, string | undefined> = words.readiness.remedies;
  const go = wayTo(check.name, id);
  return (
    <View style={styles.red} testID={`red-${check.name}`}>
      <View style={styles.text}>
        <ToneText tone="bad">{words.readiness.red(nameOf(check, words))}</ToneText>
        <Text>{check.text}</Text>
        <Text variant="bodySmall">{remedies[check.name] ?? check.remedy}</Text>
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
function nameOf(check: Check, words: Words): string {
  const names: Record<string, string | undefined> = words.readiness.checks;
  return names[check.name] ?? check.text;
}

/** Where a red check is mended; null where a button of this screen does it, or only waiting helps. */
function wayTo(name: Check["name"], id: string): (() => void) | null {
  switch (name) {
    case "broker_login":
    case "login_lasts":
    case "addresses":
      return () => router.push("/broker");
    case "kill_switch":
      return () => router.push("/kill");
    case "plan":
      return () => router.push(`/strategy/${id}/edit`);
    default:
      return null;
  }
}

const styles = StyleSheet.create({
  red: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", justifyContent: "space-between", gap: 8 },
  text: { flexShrink: 1, gap: 2 },
});
