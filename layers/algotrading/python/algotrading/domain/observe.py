"""Reading the broker's book into our intents: adopt what is there, prove what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from algotrading.domain.cycle import Cycle, Intent, IntentState
from algotrading.domain.events import BookRead
from algotrading.domain.orders import BookReading, BrokerStatus, Fill, OrderRow

_FINE = Decimal("0.00000001")
"""Averages are kept so fine that a million shares at their average are worth what was paid, to the paisa."""


def observe(cycle: Cycle, event: BookRead, evidence_window: timedelta, clean_reads: int) -> Cycle:
    """The cycle with every intent brought up to what the book shows.

    An intent without an answer whose tag is absent counts a clean read once the reading began after
    the evidence window; `clean_reads` of them prove that the broker never had the order.
    """
    intents = tuple(_observe_one(i, event.reading, evidence_window, clean_reads) for i in cycle.intents)
    return replace(cycle, intents=intents)


def duplicated(intent: Intent, reading: BookReading) -> bool:
    """Whether the book shows more than one order under the intent's tag."""
    return len({row.broker_order_id for row in reading.rows if intent.tag in row.tags}) > 1


def _observe_one(intent: Intent, reading: BookReading, window: timedelta, clean_reads: int) -> Intent:
    rows = tuple(row for row in reading.rows if intent.tag in row.tags)
    if rows:
        return _adopt(intent, rows, reading.fills)
    if intent.state not in {IntentState.PENDING, IntentState.UNKNOWN}:
        return intent
    # Whoever reads the book did not send this order: for all we know its sender is gone.
    unknown = replace(intent, state=IntentState.UNKNOWN)
    if reading.begun_at < max(intent.created_at, intent.due_at) + window:
        return unknown
    reads = intent.clean_reads + 1
    message = "the broker's order book shows that it never had this order"
    state = IntentState.NOT_PLACED if reads >= clean_reads else IntentState.UNKNOWN
    return replace(unknown, state=state, clean_reads=reads, message=intent.message or message)


def _adopt(intent: Intent, rows: tuple[OrderRow, ...], fills: tuple[Fill, ...]) -> Intent:
    """Take over what the rows say. More than one row under a tag cannot come from us sending once;
    it is counted whole all the same, since it is what the account holds."""
    ids = {row.broker_order_id for row in rows}
    executed = list(
        {(f.exchange, f.trade_id, f.broker_order_id): f for f in fills if f.broker_order_id in ids}.values()
    )
    filled = max(sum(fill.quantity for fill in executed), sum(row.filled_quantity for row in rows), intent.filled)
    newest = rows[-1]
    # A book that lags may show an order open again that was seen terminal: terminal never reopens.
    open_rows = [row for row in rows if not row.status.is_terminal]
    working = intent.state is not IntentState.DONE and bool(open_rows)
    status = open_rows[-1].status if working else _final_status(intent, newest)
    return replace(
        intent,
        state=IntentState.ACCEPTED if working else IntentState.DONE,
        # Of several under one tag, one that is still open: it can be cancelled.
        broker_order_id=open_rows[-1].broker_order_id if working else intent.broker_order_id or newest.broker_order_id,
        broker_status=status,
        message=newest.message or intent.message,
        filled=filled,
        average_price=_average(executed, rows) or intent.average_price,
    )


def _final_status(intent: Intent, newest: OrderRow) -> BrokerStatus | None:
    return newest.status if newest.status.is_terminal else intent.broker_status


def _average(executed: list[Fill], rows: tuple[OrderRow, ...]) -> Decimal:
    quantity = sum(fill.quantity for fill in executed)
    if quantity:
        total = sum((fill.price * fill.quantity for fill in executed), Decimal(0))
        return (total / quantity).quantize(_FINE)
    filled = [row for row in rows if row.filled_quantity]
    return filled[-1].average_price if filled else Decimal(0)
