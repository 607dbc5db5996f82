import { useLocalSearchParams } from "expo-router";
import { View } from "react-native";
import { Text } from "react-native-paper";

import { STATUS_POLL_MS, useOrders, type OrderEvent } from "@/api/queries";
import { istDay, istTime } from "@/rules/clock";
import { showRupees } from "@/rules/money";
import { orderTruth, type OrderTruth, type Tone } from "@/rules/standing";
import { Loaded, Panel, ToneText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

const TONES: Record<OrderTruth, Tone> = {
  accepted: "busy",
  filled: "good",
  refused: "bad",
  unknown: "bad",
  cancelled: "quiet",
  other: "quiet",
};

export default function Orders() {
  const words = useWords();
  const { id } = useLocalSearchParams<{ id: string }>();
  const orders = useOrders(id);
  return (
    <Screen title={words.orders.title} back={`/strategy/${id}`}>
      <Loaded query={orders} every={STATUS_POLL_MS}>
        {({ orders: events, trades }) => (
          <>
            <Panel title={words.orders.trades}>
              {trades.length === 0 ? <Text>{words.orders.noTrades}</Text> : null}
              {trades.map((trade) => (
                <View key={trade.trade_id} testID="trade">
                  <Text>{words.orders.trade(trade.quantity, showRupees(trade.price))}</Text>
                  <Text variant="bodySmall">{`${trade.filled_at ? istTime(trade.filled_at) : ""} · ${trade.broker_order_id}`}</Text>
                </View>
              ))}
            </Panel>
            <Panel title={words.orders.orders}>
              {events.length === 0 ? <Text>{words.orders.none}</Text> : null}
              {[...events].reverse().map((event) => <Event key={event.order_id} event={event} isEnded={hasEnded(events, event)} />)}
            </Panel>
          </>
        )}
      </Loaded>
    </Screen>
  );
}

function hasEnded(events: readonly OrderEvent[], event: OrderEvent): boolean {
  return events.some((other) => other.event === "final" && other.broker_order_id !== null && other.broker_order_id === event.broker_order_id);
}

function Event({ event, isEnded }: { event: OrderEvent; isEnded: boolean }) {
  const words = useWords();
  const truth = orderTruth(event);
  // What the broker answered first is history once its book has told the end.
  const isHistory = truth === "accepted" && isEnded;
  return (
    <View testID={`order-${truth}`}>
      <ToneText tone={isHistory ? "quiet" : TONES[truth]}>
        {`${words.orders.types[event.order_type] ?? event.order_type}: ${isHistory ? words.orders.acceptedBefore : words.truths[truth]}`}
      </ToneText>
      <Text>{`${words.orders.events[event.event]}: ${words.orders.outcomes[event.outcome.toLowerCase()] ?? event.outcome}`}</Text>
      <Text variant="bodySmall">{`${istDay(event.timestamp)} ${istTime(event.timestamp)} · ${event.broker_order_id ?? event.tag}`}</Text>
    </View>
  );
}
