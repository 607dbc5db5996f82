import { StyleSheet } from "react-native";
import { Text } from "react-native-paper";

import { useDeliveries, type Delivery } from "@/api/notices";
import { istDay, istTime } from "@/rules/clock";
import type { Tone } from "@/rules/standing";
import { kindName } from "@/ui/notice-row";
import { Older } from "@/ui/older";
import { Loaded, Panel, ToneText } from "@/ui/parts";
import { RowList } from "@/ui/row-list";
import { FOCUSABLE, Screen } from "@/ui/screen";
import { useWords } from "@/words";

const TONES: Record<Delivery["state"], Tone> = { waiting: "busy", delivered: "good", given_up: "bad" };

/** What was sent outside of the app, and what each channel answered. */
export default function Deliveries() {
  const words = useWords().notices.deliveries;
  const deliveries = useDeliveries();
  return (
    <Screen title={words.title} back="/inbox" isList>
      <Loaded query={deliveries}>
        {(found) => (
          <RowList
            space={8}
            data={found}
            keyExtractor={({ notice_id, channel }) => `${notice_id}-${channel}`}
            renderItem={({ item }) => <Line delivery={item} />}
            ListEmptyComponent={<Text style={styles.empty}>{words.none}</Text>}
            ListFooterComponent={<Older pages={deliveries} />}
            contentContainerStyle={styles.list}
            testID="deliveries"
            {...FOCUSABLE}
          />
        )}
      </Loaded>
    </Screen>
  );
}

function Line({ delivery }: { delivery: Delivery }) {
  const words = useWords();
  const { deliveries, preferences } = words.notices;
  const at = delivery.ended_at ?? delivery.created_at;
  return (
    <Panel>
      <Text variant="titleSmall">{kindName(words, delivery.kind)}</Text>
      <ToneText tone={TONES[delivery.state]}>{deliveries.states[delivery.state]}</ToneText>
      <Text variant="bodySmall">{`${deliveries.line(preferences.channels[delivery.channel], delivery.attempts)} · ${istDay(at)} ${istTime(at)} IST`}</Text>
      {delivery.state === "waiting" && delivery.next_try_at !== null ? <Text variant="bodySmall">{deliveries.next(istTime(delivery.next_try_at))}</Text> : null}
      {delivery.last_error === null ? null : <Text variant="bodySmall">{deliveries.error(delivery.last_error)}</Text>}
    </Panel>
  );
}

const styles = StyleSheet.create({ list: { paddingBottom: 24 }, empty: { padding: 24, textAlign: "center" } });
