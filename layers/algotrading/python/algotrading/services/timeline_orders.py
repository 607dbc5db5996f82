"""What became of a day's orders, from the audit records of its decisions: each is compared with the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from algotrading.domain.strategy import plain_number
from algotrading.domain.timeline import Line, LineKind, clock_time, span
from algotrading.ports import OrderLog

Said = Mapping[str, Any]
"""A part of a record, as JSON has it."""

_ORDERS = {"entry": "the buy", "exit": "the sell", "stop": "the stop order"}
_REASONS = {
    "SELL": "the sell time",
    "STOPLOSS": "the stop-loss",
    "USER": "the owner's stop",
    "LATE": "an order that surfaced late",
    "EXCESS": "the excess of an order that surfaced late",
    "SQUARE_OFF": "the owner's square-off",
    "KILL": "the kill switch",
    "RISK": "the risk manager",
}
_OVER = frozenset({"flat", "failed"})
_UNSURE = frozenset({"pending", "unknown"})
_ANSWERS = frozenset({"accepted", "refused", "unknown"})
_FINAL = frozenset({"COMPLETE", "CANCELLED", "REJECTED"})


@dataclass(slots=True)
class OrderStory:
    """Follows decision records in the order of their chain. `logs` are the day's words with the broker."""

    logs: Sequence[OrderLog] = ()
    _intents: dict[str, Said] = field(default_factory=dict)
    _trades: set[tuple[str, str, str]] = field(default_factory=set)
    _cycle: Said = field(default_factory=dict)

    @property
    def has_entry(self) -> bool:
        """Whether a buy was written down."""
        return any(intent.get("leg") == "entry" for intent in self._intents.values())

    def follow(self, data: Said, at: datetime) -> list[Line]:
        """The lines of one decision, stored at `at`."""
        event, cycle = data.get("event") or {}, data.get("cycle") or {}
        before, self._cycle = self._cycle, cycle
        known = set(self._intents)
        orders = [
            (intent["tag"] in known, line)
            for intent in cycle.get("intents", ())
            for line in self._intent(intent, event, cycle, at)
        ]
        lines = [line for is_known, line in orders if is_known and line.kind is not LineKind.ENDED]
        lines += self._fills(event, cycle, at)
        lines += [line for _, line in orders if line.kind is LineKind.ENDED]
        lines += _claims(before, cycle, at)
        lines += [line for is_known, line in orders if not is_known and line.kind is not LineKind.ENDED]
        lines += _outcome(before, event, cycle, at)
        lines += _effects(data.get("effects") or (), cycle, at, {line.text for line in lines})
        return lines

    def broker_lines(self) -> Iterator[Line]:
        """The words with the broker that no order's own lines tell of: cancels and the like."""
        for log in self.logs:
            if log.outcome not in _ANSWERS and log.outcome not in _FINAL:
                what, _, answer = log.outcome.partition("_")
                text = f"the broker was asked to {what} order {log.broker_order_id}: {answer or log.outcome}"
                yield Line(
                    log.timestamp,
                    LineKind.BROKER,
                    f"{text} after {span(log.execution_time_ms)}",
                    tag=log.tag,
                    broker_order_id=log.broker_order_id,
                    execution_ms=log.execution_time_ms,
                )

    # --- one order ----------------------------------------------------------------------------------

    def _intent(self, intent: Said, event: Said, cycle: Said, at: datetime) -> Iterator[Line]:
        before = self._intents.get(intent["tag"])
        self._intents[intent["tag"]] = intent
        order = _ORDERS.get(intent["leg"], str(intent["leg"]))
        lines = [*_written(order, intent, event, cycle)] if before is None else []
        old = before or {**intent, "state": "pending", "sent_at": None, "cancels": 0, "turned_at": None}
        lines += [*_sent(order, old, intent), *self._changed(order, old, intent, at), *_asked(order, old, intent, at)]
        known = {"tag": intent["tag"], "broker_order_id": intent.get("broker_order_id")}
        yield from (replace(line, **known) for line in lines)

    def _changed(self, order: str, old: Said, intent: Said, at: datetime) -> Iterator[Line]:
        if _is_resting(intent) and not _is_resting(old):
            trigger = _number(intent["trigger_price"])
            yield Line(at, LineKind.RESTING, f"{order} rests at the broker, trigger {trigger}")
        if old["state"] == intent["state"]:
            return
        if old["state"] in {"unknown", "not_placed"} or (old["state"] == "pending" and not intent.get("answered_at")):
            yield from _resolved(order, old, intent, at)
        else:
            yield from self._answered(order, intent, at)
        if intent["state"] == "done":
            yield from _ended(order, intent, at)

    def _answered(self, order: str, intent: Said, at: datetime) -> Iterator[Line]:
        heard_at = _instant(intent.get("answered_at")) or at
        taken = self._execution_ms(intent)
        after = "" if taken is None else f" after {span(taken)}"
        match intent["state"]:
            case "accepted":
                text = f"{order} accepted by the broker as order {intent.get('broker_order_id')}{after}; not yet filled"
                yield Line(heard_at, LineKind.ACCEPTED, text, execution_ms=taken)
            case "refused" if intent.get("sent_at"):
                text = f'{order} refused by the broker{after}: "{intent.get("message")}"'
                yield Line(heard_at, LineKind.REFUSED, text, execution_ms=taken)
            case "refused":
                yield Line(heard_at, LineKind.NOT_FIRED, f"{order} was not sent: {intent.get('message')}")
            case "throttled":
                yield Line(heard_at, LineKind.BACK_OFF, f"{order} was not taken: {intent.get('message')}")
            case "unknown":
                text = f"{order}: no answer says whether the broker has it ({intent.get('message')}); its book decides"
                yield Line(heard_at, LineKind.UNKNOWN, text, execution_ms=taken)

    def _execution_ms(self, intent: Said) -> float | None:
        logs = [log for log in self.logs if log.tag == intent["tag"] and log.outcome in _ANSWERS]
        return logs[0].execution_time_ms if logs else None

    # --- fills --------------------------------------------------------------------------------------

    def _fills(self, event: Said, cycle: Said, at: datetime) -> Iterator[Line]:
        orders = {intent.get("broker_order_id"): intent for intent in cycle.get("intents", ())}
        for fill in (event.get("reading") or {}).get("fills", ()):
            intent = orders.get(fill["broker_order_id"])
            identity = (fill["exchange"], fill["trade_id"], fill["broker_order_id"])
            if intent is None or identity in self._trades:
                continue
            self._trades.add(identity)
            filled_at = _instant(fill.get("filled_at"))
            when = "" if filled_at is None else f" (the exchange's time: {clock_time(filled_at)})"
            verb = "bought" if intent["side"] == "BUY" else "sold"
            yield Line(
                at,
                LineKind.FILLED,
                f"{verb} {fill['quantity']} {_symbol(cycle)} at {_number(fill['price'])}{when}",
                price=Decimal(fill["price"]),
                quantity=fill["quantity"],
                tag=intent["tag"],
                broker_order_id=fill["broker_order_id"],
            )


def _written(order: str, intent: Said, event: Said, cycle: Said) -> Iterator[Line]:
    due, made = _instant(intent["due_at"]), _instant(intent["created_at"])
    assert due is not None
    assert made is not None
    attempt = "" if intent["attempt"] == 1 else f", attempt {intent['attempt']}"
    when = "at once" if due == made else f"at {clock_time(due)}"
    why = ""
    if event.get("type") == "EntryDue" and event.get("last_price") is not None:
        why = f"; the price {_number(event['last_price'])} is above the stop-loss {_number(cycle['plan']['stop_loss'])}"
    trigger = intent.get("trigger_price")
    at_price = "" if trigger is None else f" with trigger {_number(trigger)}"
    text = f"{order} of {intent['quantity']} {_symbol(cycle)}{at_price} written down{attempt}, to be sent {when}{why}"
    yield Line(made, LineKind.WRITTEN, text, quantity=intent["quantity"], price=_decimal(trigger))


def _sent(order: str, old: Said, intent: Said) -> Iterator[Line]:
    sent_at, due, cause = (_instant(intent.get(name)) for name in ("sent_at", "due_at", "cause_at"))
    if sent_at is None or old.get("sent_at") == intent.get("sent_at"):
        return
    if cause is not None:
        text, late = f"{order} sent {span(_ms(sent_at, cause))} after the price was received", None
    elif due is None or intent["due_at"] == intent["created_at"]:
        text, late = f"{order} sent", None
    else:
        late = _ms(sent_at, due)
        text = f"{order} sent {span(late)} {'after' if late >= 0 else 'before'} its instant"
    yield Line(sent_at, LineKind.SENT, text, quantity=intent["quantity"], milliseconds_late=late)


def _resolved(order: str, old: Said, intent: Said, at: datetime) -> Iterator[Line]:
    match intent["state"]:
        case "accepted" | "done" if old["state"] == "not_placed":
            text = f"{order}, thought absent, has surfaced in the broker's book as order {intent['broker_order_id']}"
            yield Line(at, LineKind.RESOLVED, text)
        case "accepted" | "done" if intent.get("broker_order_id"):
            text = f"{order} found in the broker's book as order {intent['broker_order_id']}: it had been placed"
            yield Line(at, LineKind.RESOLVED, text)
        case "not_placed":
            text = (
                f"{order} proven absent by {intent['clean_reads']} readings of the broker's book: it was never placed"
            )
            yield Line(at, LineKind.RESOLVED, text)
        case "unknown":
            yield Line(at, LineKind.UNKNOWN, f"{order}: whoever sent it left no answer; the broker's book decides")


def _ended(order: str, intent: Said, at: datetime) -> Iterator[Line]:
    filled, quantity = intent["filled"], intent["quantity"]
    match intent.get("broker_status"):
        case "COMPLETE":
            text = f"{order} complete: {filled} at an average of {_number(intent['average_price'])}"
            yield Line(at, LineKind.ENDED, text, price=Decimal(intent["average_price"]), quantity=filled)
        case "REJECTED" if not filled:
            yield Line(at, LineKind.REFUSED, f'{order} rejected: "{intent.get("message")}"')
        case None:
            yield Line(at, LineKind.ENDED, f"{order}: nobody has seen how it ended")
        case status:
            text = f"{order} {status.lower()} with {filled} of {quantity} filled"
            yield Line(at, LineKind.ENDED, text, quantity=filled)


def _asked(order: str, old: Said, intent: Said, at: datetime) -> Iterator[Line]:
    if (intent.get("cancels") or 0) > (old.get("cancels") or 0):
        yield Line(_instant(intent.get("cancel_asked_at")) or at, LineKind.CANCEL, f"{order} is to be cancelled")
    if intent.get("turned_at") and not old.get("turned_at"):
        yield Line(_instant(intent["turned_at"]) or at, LineKind.CLAIM, f"{order} at the broker becomes the exit")


# --- the cycle --------------------------------------------------------------------------------------


def _claims(before: Said, cycle: Said, at: datetime) -> Iterator[Line]:
    claim, wanted = cycle.get("claim"), cycle.get("wanted")
    if claim and (claim != before.get("claim") or before.get("state") != "exiting") and cycle["state"] == "exiting":
        yield Line(at, LineKind.CLAIM, f"{_reason(claim)} has the exit")
    if wanted and wanted != before.get("wanted"):
        yield Line(at, LineKind.CLAIM, f"{_reason(wanted)} wants the exit, which has to wait")


def _outcome(before: Said, event: Said, cycle: Said, at: datetime) -> Iterator[Line]:
    state, note = cycle.get("state"), cycle.get("note")
    if event.get("type") == "ExitBlocked":
        who = f"{_reason(event['reason'])} cannot sell" if event.get("reason") else "nobody could sell"
        yield Line(at, LineKind.BLOCKED, f"{who}: {event['why']}")
    if state not in _OVER or before.get("state") in _OVER:
        return
    why = note or event.get("why")
    is_of_exit = str(event.get("type")).startswith(("Exit", "DayOver"))
    if why and not cycle.get("intents") and not is_of_exit:
        yield Line(at, LineKind.NOT_FIRED, why)
    else:
        yield Line(at, LineKind.CLOSED, f"the day is over for this strategy: {why or 'everything was sold'}")


def _effects(effects: Sequence[Said], cycle: Said, at: datetime, said: set[str]) -> Iterator[Line]:
    note = cycle.get("note")
    for effect in effects:
        match effect:
            case {"type": "RaiseAlarm", "text": text, "metric": metric}:
                said.add(text)
                yield Line(at, LineKind.ALARM, f"{text} [{metric}]")
            case {"type": "Tell", "text": text} if not (note and note in text and _is_over(cycle)):
                yield Line(at, LineKind.TOLD, f"the owner was told: {text}")
            case {"type": "RetryExit", "pause": pause} if pause > 0:
                yield Line(at, LineKind.BACK_OFF, f"the exit is tried again after {span(pause * 1000)}")
            case {"type": "SendOrder", "pause": pause, "tag": tag} if pause > 0:
                yield Line(at, LineKind.BACK_OFF, f"that order is sent after a pause of {span(pause * 1000)}", tag=tag)


def _is_over(cycle: Said) -> bool:
    return cycle.get("state") in _OVER


def _is_resting(intent: Said) -> bool:
    at_broker = intent.get("state") == "accepted" and intent.get("broker_status") in {None, "WAITING"}
    return intent["leg"] == "stop" and at_broker and not intent.get("turned_at")


def _reason(reason: str) -> str:
    return _REASONS.get(reason, reason)


def _symbol(cycle: Said) -> str:
    return str(cycle["plan"]["symbol"])


def _number(text: str) -> str:
    return plain_number(Decimal(text))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _ms(later: datetime, earlier: datetime) -> float:
    return (later - earlier).total_seconds() * 1000
