"""Judges a session against the exchange's own record: every rule that was broken, with whom and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from twin.chaos.evidence import NANO, Evidence, ExchangeOrder, Intent, StrategyRecord, nanoseconds
from twin.chaos.guarding import unguarded_spans

LATENESS_ON_THE_WAY = 15.0
"""Seconds an order may spend between us and the exchange's book in a session of chaos: held by the network, then
by the exchange. Its grace ends where it leaves us."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken once."""

    kind: str
    who: str
    at: datetime | None
    text: str


def judge(evidence: Evidence) -> list[Violation]:
    """Every violation; an empty list is the promise kept."""
    wholes = (_foreign_orders, _differences, _account_balances, _unrest, _audit)
    found = [violation for rule in wholes for violation in rule(evidence)]
    for strategy in evidence.strategies.values():
        for rule in _RULES:
            found += rule(evidence, strategy)
    return found


# --- the whole ------------------------------------------------------------------------------------


def _foreign_orders(evidence: Evidence) -> Iterator[Violation]:
    """Every order at the exchange carries an intent that was written down before."""
    by_tag = {intent.tag: intent for intent in evidence.intents}
    seen: set[str] = set()
    for order in sorted(evidence.orders, key=lambda order: order.received_ns):
        intent = by_tag.get(order.tag or "")
        who, at = f"{order.side} {order.quantity} {order.symbol} of {order.account}", _moment(order.received_ns)
        if intent is None:
            yield Violation("no intent", who, at, f"order {order.order_id}, tag {order.tag}, was never written down")
            continue
        written = intent.committed_at or intent.created_at
        if nanoseconds(written) > order.received_ns:
            text = f"order {order.order_id} arrived before its intent was written down at {written:%H:%M:%S.%f}"
            yield Violation("intent after order", who, at, text)
        if intent.tag in seen:
            yield Violation("sent twice", who, at, f"a second order under tag {intent.tag}: {order.order_id}")
        seen.add(intent.tag)


def _differences(evidence: Evidence) -> Iterator[Violation]:
    """The ledger says of every order what the exchange says."""
    by_tag: dict[str, list[ExchangeOrder]] = defaultdict(list)
    for order in evidence.orders:
        by_tag[order.tag or ""].append(order)
    for intent in evidence.intents:
        strategy = evidence.strategies.get(intent.strategy_id)
        who = strategy.name if strategy else str(intent.strategy_id)
        for text in _differences_of(intent, by_tag[intent.tag]):
            name = f"{intent.leg} {intent.attempt}"
            yield Violation("ledger differs", who, intent.due_at, f"{name}, tag {intent.tag}: {text}")


def _differences_of(intent: Intent, orders: Sequence[ExchangeOrder]) -> Iterator[str]:
    if not orders:
        if intent.broker_order_id is not None or intent.filled:
            yield f"the exchange has no order {intent.broker_order_id}"
        return
    theirs = orders[-1]
    compared = {
        "order id": (intent.broker_order_id, theirs.order_id),
        "side": (intent.side, theirs.side),
        "quantity": (intent.quantity, theirs.quantity),
        "filled": (intent.filled, sum(order.filled for order in orders)),
        "status": (intent.broker_status, theirs.status),
    }
    if theirs.filled:
        compared["average price"] = (_shown(intent.average_price), _shown(theirs.average_price))
    for name, (ours, other) in compared.items():
        if ours != other:
            yield f"{name}: ledger {ours}, exchange {other}"


def _shown(price: Decimal) -> str:
    """To four places, as the broker rounds an average in its book; the ledger keeps it exactly."""
    return str(price.quantize(Decimal("0.0001")))


def _account_balances(evidence: Evidence) -> Iterator[Violation]:
    """No account holds anything of ours in the end, by its own trades."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    for order in evidence.orders:
        held[order.account, order.symbol] += order.filled if order.side == "BUY" else -order.filled
    for (account, symbol), quantity in held.items():
        if quantity:
            yield Violation("account not flat", account, None, f"{quantity} {symbol} in the end")


def _audit(evidence: Evidence) -> Iterator[Violation]:
    if evidence.audit_trouble is not None:
        yield Violation("audit chain", "audit trail", None, evidence.audit_trouble)


def _unrest(evidence: Evidence) -> Iterator[Violation]:
    for text in () if evidence.is_at_rest else evidence.unrest or ("something",):
        yield Violation("no rest", "calm end", None, text)


# --- one strategy ---------------------------------------------------------------------------------


def _bought_once(evidence: Evidence, strategy: StrategyRecord) -> Iterator[Violation]:
    """One live entry at a time, and no more bought than was to be."""
    entries = evidence.orders_of(strategy.strategy_id, "BUY")
    total = sum(order.filled for order in entries)
    if total > strategy.quantity:
        text = f"{total} bought, {strategy.quantity} planned, in {len(entries)} orders"
        yield Violation("bought twice", strategy.name, _moment(entries[-1].received_ns), text)
    for before, after in pairwise(entries):
        if before.ended_ns is None or before.ended_ns > after.received_ns:
            text = f"order {after.order_id} arrived while {before.order_id} lived"
            yield Violation("two live entries", strategy.name, _moment(after.received_ns), text)


def _never_reversed(evidence: Evidence, strategy: StrategyRecord) -> Iterator[Violation]:
    """At no instant more was sold than had been bought."""
    moves = [
        (trade.at_ns, 0 if order.side == "BUY" else 1, trade.quantity)
        for order in evidence.orders_of(strategy.strategy_id)
        for trade in order.trades
    ]
    held = 0
    for at_ns, is_sale, quantity in sorted(moves):
        held += -quantity if is_sale else quantity
        if held < 0:
            text = f"{-held} more sold than had been bought"
            yield Violation("reversed", strategy.name, _moment(at_ns), text)
            return


def _nothing_left(evidence: Evidence, strategy: StrategyRecord) -> Iterator[Violation]:
    """Nothing is held in the end, unless it is said and alarmed."""
    orders = evidence.orders_of(strategy.strategy_id)
    held = sum(order.filled if order.side == "BUY" else -order.filled for order in orders)
    if held <= 0:
        return
    is_told = strategy.state in {"entering", "long", "exiting"} and strategy.wanted is not None
    is_alarmed = any(alarm.strategy_id == strategy.strategy_id for alarm in evidence.alarms)
    if not (is_told and is_alarmed):
        text = f"{held} held in the end; the ledger says {strategy.state} ({strategy.note}), alarmed: {is_alarmed}"
        yield Violation("left open", strategy.name, None, text)


def _in_time(evidence: Evidence, strategy: StrategyRecord) -> Iterator[Violation]:
    """No entry is early, and none later than its grace."""
    due_ns = nanoseconds(strategy.buy_at)
    latest_ns = due_ns + int((evidence.grace_seconds + LATENESS_ON_THE_WAY) * NANO)
    for order in evidence.orders_of(strategy.strategy_id, "BUY"):
        late = (order.received_ns - due_ns) / NANO
        if order.received_ns < due_ns:
            yield Violation("early", strategy.name, _moment(order.received_ns), f"{-late:.6f} s before its time")
        if order.received_ns > latest_ns:
            yield Violation("too late", strategy.name, _moment(order.received_ns), f"{late:.1f} s after its time")


def _sells_what_it_has(evidence: Evidence, strategy: StrategyRecord) -> Iterator[Violation]:
    """No order that sells, also none that rests or is refused, reaches the exchange before something was bought."""
    bought = [t.at_ns for order in evidence.orders_of(strategy.strategy_id, "BUY") for t in order.trades]
    for order in evidence.orders_of(strategy.strategy_id, "SELL")[:1]:
        if not bought or order.received_ns < min(bought):
            text = f"order {order.order_id} arrived before anything was bought"
            yield Violation("sale first", strategy.name, _moment(order.received_ns), text)


def _guarded(evidence: Evidence, strategy: StrategyRecord) -> Iterator[Violation]:
    """Whatever was held was guarded, or an alarm says that it was not."""
    for span in unguarded_spans(evidence, strategy):
        if span.alarm is None:
            text = f"held without a guard for {span.seconds:.1f} s, and nothing was alarmed"
            yield Violation("unguarded", strategy.name, _moment(span.begin_ns), text)


def _told_apart(evidence: Evidence, strategy: StrategyRecord) -> Iterator[Violation]:
    """A strategy that was to buy has a record of what became of it."""
    if strategy.state in {"flat", "failed"} or not strategy.is_due:
        return
    if strategy.state in {None, "idle"} and strategy.status != "running":
        return
    if not evidence.is_at_rest:
        return  # said once, for the whole
    yield Violation("no record", strategy.name, None, f"it is {strategy.status} and its cycle {strategy.state}")


_RULES = (_bought_once, _never_reversed, _nothing_left, _in_time, _sells_what_it_has, _guarded, _told_apart)


def _moment(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // NANO, UTC) + timedelta(microseconds=at_ns % NANO // 1000)
