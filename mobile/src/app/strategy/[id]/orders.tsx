import { useLocalSearchParams } from "expo-router";
import { View } from "react-native";
import { Text } from "react-native-paper";

import { STATUS_POLL_MS, useOrders, type OrderEvent } from "@/api/queries";
import { istDay, istTime } from "@/rules/clock";
import { showRupees } from "@/rules/money";
import { foundSince, orderTruth, type OrderTruth, type Tone } from "@/rules/standing";
import { Loaded, Panel, ToneText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";
import type { Words } from "@/words/en";

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
                  <Text>{words.orders.traded(trade.side, trade.quantity, showRupees(trade.price))}</Text>
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

/** What was said first is the past once it is known better; null while it still stands. */
function pastOf(event: OrderEvent, truth: OrderTruth, isEnded: boolean, words: Words): string | null {
  if (truth === "accepted") return isEnded ? words.orders.acceptedBefore : null;
  const found = truth === "unknown" ? foundSince(event.state) : null;
  return found === null ? null : words.orders.unknownBefore[found];
}

/** Of an order that is filled in part, which is neither cancelled alone nor not filled yet; null of others. */
function partOf({ filled, quantity }: OrderEvent, truth: OrderTruth, words: Words): string | null {
  if (!filled || quantity === null) return null;
  if (truth === "cancelled") return words.orders.cancelledAfter(filled, quantity);
  return truth === "accepted" ? words.orders.acceptedWith(filled, quantity) : null;
}

/** What the order is for, and what it brought; a stop order also when it sells. */
function termsOf({ side, quantity, trigger_price: trigger, filled, average_price: price }: OrderEvent, words: Words): string {
  const asked = words.orders.asked(side, quantity ?? 0, trigger === null ? null : showRupees(trigger));
  return !filled ? asked : `${asked} · ${words.orders.filled(filled, showRupees(price))}`;
}

function Event({ event, isEnded }: { event: OrderEvent; isEnded: boolean }) {
  const words = useWords();
  const truth = orderTruth(event);
  const past = pastOf(event, truth, isEnded, words);
  const present = partOf(event, truth, words) ?? words.truths[truth];
  return (
    <View testID={`order-${truth}`}>
      <ToneText tone={past === null ? TONES[truth] : "quiet"}>
        {`${words.orders.types[event.order_type] ?? event.order_type}: ${past ?? present}`}
      </ToneText>
      {!event.quantity ? null : <Text>{termsOf(event, words)}</Text>}
      <Text>{`${words.orders.events[event.event]}: ${words.orders.outcomes[event.outcome.toLowerCase()] ?? event.outcome}`}</Text>
      <Text variant="bodySmall">{`${istDay(event.timestamp)} ${istTime(event.timestamp)} · ${event.broker_order_id ?? event.tag}`}</Text>
    </View>
  );
}
