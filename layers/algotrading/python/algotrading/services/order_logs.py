"""The order log: every exchange of words with the broker about an order, verbatim, and how each order ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from algotrading.domain.cycle import Cycle, ExitReason, Intent, IntentState
from algotrading.domain.events import (
    BookRead,
    Event,
)
from algotrading.domain.orders import Accepted, Answer, BookReading, Leg
from algotrading.ports import OrderLog
from algotrading.services.errand import Errand

logger = logging.getLogger(__name__)


def note(
    errand: Errand, intent: Intent, answer: Answer, *, sent_at: datetime, heard_at: datetime, prefix: str = ""
) -> None:
    """Keep what the broker answered, to be stored with the decision that follows; and log that it did, with the order's
    tag and the request that caused it: by one the other is found. The broker's words stay out of logs."""
    order_id = answer.broker_order_id if isinstance(answer, Accepted) else intent.broker_order_id
    outcome = prefix + type(answer).__name__.lower()
    milliseconds = (heard_at - sent_at).total_seconds() * 1000
    entry = _entry(errand, intent, outcome, at=sent_at, raw=answer.raw, order_id=order_id, milliseconds=milliseconds)
    errand.logs.append(entry)
    fields = {
        "event_type": None if errand.cause is None else errand.cause.event,
        "strategy_id": str(errand.cycle.strategy_id),
        "user_id": str(errand.cycle.user_id),
        "tag": intent.tag,
        "outcome": outcome,
        "broker_order_id": order_id,
        "request_id": None if errand.cause is None else errand.cause.request_id,
        "client_request_id": None if errand.cause is None else errand.cause.client_request_id,
        "execution_time_ms": round(milliseconds, 3),
    }
    logger.info("the broker answered about an order", extra=fields)


def final_logs(errand: Errand, after: Cycle, event: Event) -> Sequence[OrderLog]:
    """Answers not stored yet, and the broker's last row of every order that this event ended."""
    logs = list(errand.logs)
    if isinstance(event, BookRead):
        was_open = {intent.tag for intent in errand.cycle.intents if intent.state.is_open}
        for intent in after.intents:
            if intent.tag in was_open and intent.state is IntentState.DONE:
                raw = {"rows": _raw_rows(event.reading, intent.tag)}
                outcome = str(intent.broker_status)
                logs.append(_entry(errand, intent, outcome, at=event.now, raw=raw, order_id=intent.broker_order_id))
    return logs


def _entry(
    errand: Errand,
    intent: Intent,
    outcome: str,
    *,
    at: datetime,
    raw: dict[str, Any],
    order_id: str | None,
    milliseconds: float = 0.0,
) -> OrderLog:
    is_stop = intent.leg is Leg.STOP or errand.cycle.claim is ExitReason.STOPLOSS
    kind = "BUY" if intent.leg is Leg.ENTRY else "SL" if is_stop else "SELL"
    return OrderLog(
        order_id=uuid5(NAMESPACE_OID, f"{intent.tag}|{outcome}|{at.isoformat()}"),
        strategy_id=errand.cycle.strategy_id,
        order_type=kind,
        timestamp=at,
        raw_response=raw,
        tag=intent.tag,
        broker_order_id=order_id,
        outcome=outcome,
        execution_time_ms=milliseconds,
    )


def _raw_rows(reading: BookReading, tag: str) -> list[dict[str, Any]]:
    return [row.raw for row in reading.rows if tag in row.tags]
