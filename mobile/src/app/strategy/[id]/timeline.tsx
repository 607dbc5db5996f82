import { useLocalSearchParams } from "expo-router";
import { useState } from "react";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { STATUS_POLL_MS, useTimeline, type TimelineLine } from "@/api/queries";
import { serverNow } from "@/api/server-clock";
import { istDay, shiftDay } from "@/rules/clock";
import { showRupees } from "@/rules/money";
import { Loaded, Panel } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useAppTheme } from "@/ui/theme";
import { useWords } from "@/words";

export default function Timeline() {
  const words = useWords();
  const { id } = useLocalSearchParams<{ id: string }>();
  const [chosen, setChosen] = useState<string | null>(null);
  const timeline = useTimeline(id, chosen);
  const day = chosen ?? timeline.data?.trading_day ?? istDay(serverNow());
  return (
    <Screen title={words.timeline.title} back={`/strategy/${id}`}>
      <View style={styles.days}>
        <Button mode="outlined" onPress={() => setChosen(shiftDay(day, -1))}>{words.timeline.earlier}</Button>
        <Text variant="titleMedium">{day}</Text>
        <Button mode="outlined" disabled={day >= istDay(serverNow())} onPress={() => setChosen(shiftDay(day, 1))}>{words.timeline.later}</Button>
      </View>
      <Loaded query={timeline} every={STATUS_POLL_MS}>
        {({ lines }) => (
          <Panel>
            {lines.length === 0 ? <Text>{words.timeline.empty}</Text> : null}
            <View role="list" style={styles.lines} testID="timeline-lines">
              {lines.map((line, index) => <Line key={`${line.at}${index}`} line={line} />)}
            </View>
          </Panel>
        )}
      </Loaded>
    </Screen>
  );
}

function Line({ line }: { line: TimelineLine }) {
  const words = useWords();
  const { colors } = useAppTheme();
  const color = BAD.has(line.kind) ? colors.bad : GOOD.has(line.kind) ? colors.good : colors.outline;
  const late = line.milliseconds_late;
  const more = [
    line.quantity !== null && line.price !== null ? words.orders.trade(line.quantity, showRupees(line.price)) : null,
    late === null ? null : late >= 0 ? words.timeline.late(late.toFixed(1)) : words.timeline.early((-late).toFixed(1)),
    line.execution_time_ms === null ? null : words.timeline.took(line.execution_time_ms.toFixed(0)),
  ].filter((text) => text !== null);
  return (
    <View role="listitem" style={[styles.line, { borderColor: color }]}>
      <Text variant="labelMedium" style={{ color: colors.onSurfaceVariant }}>{line.ist}</Text>
      <Text>{line.text}</Text>
      {more.length === 0 ? null : <Text variant="bodySmall" style={{ color: colors.onSurfaceVariant }}>{more.join(" · ")}</Text>}
    </View>
  );
}

const BAD: ReadonlySet<TimelineLine["kind"]> = new Set(["refused", "unknown", "alarm", "blocked", "not_fired"] as const);
const GOOD: ReadonlySet<TimelineLine["kind"]> = new Set(["filled", "resolved", "closed"] as const);

const styles = StyleSheet.create({
  days: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", justifyContent: "space-between", gap: 12 },
  lines: { gap: 12 },
  line: { borderLeftWidth: 4, paddingLeft: 10 },
});
