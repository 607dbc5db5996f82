"""What stands around a day's orders: owners' commands, messages, and why nothing was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from algotrading.domain.audit import AuditKind, AuditRecord
from algotrading.domain.sessions import instant_of
from algotrading.domain.strategy import Strategy, plain_number
from algotrading.domain.timeline import Line, LineKind, clock_time, span

Said = Mapping[str, Any]

COMMANDS = frozenset(
    {
        AuditKind.STRATEGY_CREATED,
        AuditKind.STRATEGY_CHANGED,
        AuditKind.STRATEGY_STARTED,
        AuditKind.STRATEGY_STOPPED,
        AuditKind.STRATEGY_DELETED,
    }
)
_LEGS = {"BUY": "buy", "SELL": "sell"}
_ASKERS = {
    "schedule": "the alarm",
    "start": "the start of the strategy",
    "watcher": "the watcher",
    "user": "the owner",
    "operator": "the operator",
    "risk": "the risk manager",
    "converge": "the repair",
    "sweep": "the minutely look at every position",
    "postback": "an order update that the broker posted",
    "socket": "an order update of the broker's socket",
}
"""By the causes of messages (`OrderCommand.cause`)."""
_EXITS = {
    "STOP": "sell what is held",
    "SQUARE_OFF": "sell what is held, for a square-off",
    "KILL": "sell what is held, for the kill switch",
}
_NAMES = {"broker_stop": "stop order at the broker"}
_LIMITS = {
    "daily_loss": "daily loss",
    "weekly_loss": "weekly loss",
    "position_size": "position size",
    "symbol_exposure": "exposure in a symbol",
    "orders_per_minute": "orders a minute",
    "open_strategies": "open strategies",
}
_PATIENCE = timedelta(minutes=3)
"""The grace of an entry, and the minute in which the repair looks for it."""


# --- commands ---------------------------------------------------------------------------------------


def command_line(record: AuditRecord, data: Said) -> Line:
    """One of `COMMANDS`."""
    before, after = data.get("before") or {}, data.get("after") or {}
    match record.kind:
        case AuditKind.STRATEGY_CREATED:
            text = f"created: {_plan(after['plan'])}"
        case AuditKind.STRATEGY_CHANGED:
            is_moved = before.get("account_id", after.get("account_id")) != after.get("account_id")
            moved = "moved to another broker account; " if is_moved else ""
            text = f"{moved}changed: {_changes(before['plan'], after['plan'])}"
        case AuditKind.STRATEGY_STARTED:
            text = f"started by its owner: {_plan(after['plan'])}"
        case AuditKind.STRATEGY_STOPPED:
            text = f"stopped: {after.get('stop_reason') or 'no reason was given'}"
        case _:
            text = "deleted by its owner"
    return Line(record.at, LineKind.COMMAND, text, request_id=record.request_id)


def account_line(record: AuditRecord, data: Said) -> Line:
    """A record that concerns the whole account."""
    kind = LineKind.CONNECTION
    match record.kind:
        case AuditKind.BROKER_CONNECTED:
            text = f"logged in to the broker as {data.get('broker_user_id')}"
        case AuditKind.BROKER_LOGIN_REQUIRED:
            text = "the broker connection has no login: nothing can be sent until its owner logs in"
        case AuditKind.BROKER_DISCONNECTED:
            text = "the broker connection was removed by its owner"
        case AuditKind.BROKER_TOKEN_REFUSED:
            text = "the broker does not take the login any more: nothing is bought until its owner logs in again"
        case AuditKind.BROKER_TOKEN_TAKEN:
            text = "the broker takes the login again"
        case _ if (risk := _risk_text(record.kind, data)) is not None:
            kind, text = LineKind.RISK, risk
        case other:
            kind, text = LineKind.OTHER, other.replace("_", " ")
    return Line(record.at, kind, text, request_id=record.request_id)


def _risk_text(kind: str, data: Said) -> str | None:
    lock = data.get("lock") or {}
    why = f": {lock['reason']}" if lock.get("reason") else ""
    match kind:
        case AuditKind.KILL_SWITCH_ON:
            return f"the kill switch was turned on by {lock.get('by')}{why}"
        case AuditKind.KILL_SWITCH_OFF:
            return "the kill switch was turned off"
        case AuditKind.VERIFIED_FLAT:
            return "the broker's own book shows nothing of ours any more"
        case AuditKind.NOTHING_PLACED:
            return "no order of ours was placed that day and our record holds nothing: the broker was not asked"
        case AuditKind.RISK_LIMIT_REACHED:
            return f"a loss limit was reached: {data['breach']['text']}"
        case AuditKind.RISK_LIMITS_CHANGED:
            return f"the limits of the risk profile were changed: {_limits(data['limits'])}"
        case _:
            return None


def _limits(limits: Said) -> str:
    """Those that hold from then on."""
    told = [
        f"{words} {plain_number(Decimal(limits[name]))}"
        for name, words in _LIMITS.items()
        if limits.get(name) is not None
    ]
    square_off = "; a loss limit that is reached sells what is held" if limits.get("square_off") else ""
    return f"{', '.join(told) or 'none limits anything'}{square_off}"


def _plan(plan: Said) -> str:
    return (
        f"buys {plan['quantity']} {plan['symbol']} at {plan['buy_time']}, sells at {plan['sell_time']},"
        f" stop-loss {plain_number(Decimal(plan['stop_loss']))}"
    )


def _changes(before: Said, after: Said) -> str:
    changed = [
        f"{_NAMES.get(name, name.replace('_', ' '))} from {before.get(name)} to {value}"
        for name, value in after.items()
        if before.get(name) != value
    ]
    return ", ".join(changed) or "nothing"


# --- messages ---------------------------------------------------------------------------------------


def message_line(cause: Said) -> Line:
    """Who asked for what, and how early or late that was."""
    made_at = datetime.fromisoformat(cause["made_at"])
    due = None if cause.get("due") is None else datetime.fromisoformat(cause["due"])
    late = None if due is None else (made_at - due).total_seconds() * 1000
    price = None if cause.get("price") is None else Decimal(cause["price"])
    return Line(
        made_at,
        LineKind.MESSAGE,
        _message_text(cause, made_at, late, price),
        price=price,
        milliseconds_late=late,
        asked_by=cause["asked_by"],
        request_id=cause.get("request_id"),
    )


def _message_text(cause: Said, made_at: datetime, late: float | None, price: Decimal | None) -> str:
    event, asker = cause["event"], _ASKERS.get(cause["asked_by"], cause["asked_by"])
    when = "" if late is None else f", {span(late)} {'after' if late > 0 else 'before'} its time"
    if event in _LEGS:
        if cause["asked_by"] == "schedule":
            return f"the alarm for the {_LEGS[event]} rang{when}"
        if cause["asked_by"] == "converge":
            return f"the repair found that the {_LEGS[event]} was due and nobody had come: it asked for it{when}"
        return f"{asker} asked for the {_LEGS[event]}{when}"
    if event == "STOPLOSS":
        tick_at = None if cause.get("tick_at") is None else datetime.fromisoformat(cause["tick_at"])
        seen = (
            "the stop-loss was hit" if price is None else f"the price {plain_number(price)} is not above the stop-loss"
        )
        received = "" if tick_at is None else f" (received {span((made_at - tick_at).total_seconds() * 1000)} before)"
        return f"{asker} asked for the exit: {seen}{received}"
    if event in _EXITS:
        return f"{asker} asked to {_EXITS[event]}"
    if event == "RECONCILE" and cause["asked_by"] == "user":
        return "the owner changed the strategy: the stop order at the broker is to follow"
    if event == "RECONCILE":
        return f"{asker} asked to compare with the broker's book"
    return f"{asker} asked for {event.lower().replace('_', ' ')}"


# --- why nothing was sent ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """What the strategy was at the buy time of a day: `is_running` None when no record tells."""

    buy_time: time
    is_running: bool | None
    created_at: datetime | None
    started_later_at: datetime | None
    last: Line | None
    """The last command before the buy time."""


def standing_at_buy_time(
    day: date, commands: Sequence[tuple[AuditRecord, Said]], strategy: Strategy | None
) -> StandingOrder | None:
    """The strategy as it stood at the buy time, from its commands up to the day's end; None when nothing is
    known of it. Databases older than the records of commands have only the strategy as it is now."""
    if not commands:
        if strategy is None:
            return None
        due = instant_of(day, strategy.plan.buy_time)
        known = strategy.is_running if strategy.updated_at <= due else None
        return StandingOrder(strategy.plan.buy_time, known, strategy.created_at, None, None)
    shown = [(record, data.get("after") or {**data["before"], "status": "deleted"}) for record, data in commands]
    is_first_created = commands[0][0].kind == AuditKind.STRATEGY_CREATED
    buy_time = time.fromisoformat(shown[0][1]["plan"]["buy_time"])
    is_running: bool | None = None if not is_first_created else False
    last, later = None, None
    for (record, data), (_, after) in zip(commands, shown, strict=True):
        if record.at > instant_of(day, buy_time):
            later = later or (record.at if after["status"] == "running" and not is_running else None)
            continue
        buy_time, is_running = time.fromisoformat(after["plan"]["buy_time"]), after["status"] == "running"
        last = command_line(record, data)
    created_at = commands[0][0].at if is_first_created else None
    return StandingOrder(buy_time, is_running, created_at, later, last)


def why_nothing(day: date, order: StandingOrder, now: datetime, is_trading_day: bool | None) -> Iterator[Line]:
    """Why no buy was written down on `day`, when nothing on record says so itself."""
    due = instant_of(day, order.buy_time)
    at = order.buy_time.isoformat()
    if is_trading_day is None:
        yield Line(due, LineKind.NOT_FIRED, "the session calendar has no data for this year: nothing is traded")
    elif not is_trading_day:
        yield Line(due, LineKind.NOT_FIRED, "the exchange is closed on this day")
    elif now < due:
        text = f"the buy is due at {at}" if order.is_running else f"the buy would be due at {at}; it does not run"
        yield Line(due, LineKind.AHEAD, text)
    elif order.created_at is not None and order.created_at > due:
        text = f"the strategy was created at {clock_time(order.created_at)}, after its buy time {at}"
        yield Line(due, LineKind.NOT_FIRED, text)
    elif order.is_running is False:
        later = order.started_later_at
        after = "" if later is None else f"; it was started at {clock_time(later)}, after it"
        last = "" if order.last is None else f" ({order.last.text})"
        yield Line(due, LineKind.NOT_FIRED, f"the strategy was not running at its buy time {at}{last}{after}")
    elif now < due + _PATIENCE:
        yield Line(due, LineKind.AHEAD, f"the buy was due at {at}, and nothing has been heard of it yet")
    else:
        text = f"nothing came of the buy that was due at {at}: no alarm and no repair reached an executor"
        yield Line(due, LineKind.NOT_FIRED, text)
