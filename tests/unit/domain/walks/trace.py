"""What happened on a walk, for whoever has to understand one that failed."""

from __future__ import annotations

from dataclasses import dataclass, field

from algotrading.domain.cycle import Cycle, Intent
from algotrading.domain.effects import (
    CancelOrder,
    Decision,
    Effect,
    RaiseAlarm,
    ReadPosition,
    RetryExit,
    SendOrder,
    Tell,
    TurnStop,
)
from algotrading.domain.events import Answered, BookRead, Event, ExitDue, StopTurned
from algotrading.domain.orders import BookReading


class Broken(AssertionError):
    """A walk has met what must not be."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event, and what was decided."""

    event: Event
    decision: Decision


@dataclass(slots=True)
class Trace:
    """Everything that happened, oldest first. It is put into words only when somebody reads it."""

    _moments: list[tuple[float, Step | str]] = field(default_factory=list)

    def add(self, seconds: float, what: Step | str) -> None:
        """What happened so long after the buy time."""
        self._moments.append((seconds, what))

    def __str__(self) -> str:
        lines = [(seconds, line) for seconds, what in self._moments for line in _lines(what)]
        return "\n".join(f"{seconds:8.2f} {line}" for seconds, line in lines)


def _lines(what: Step | str) -> list[str]:
    if isinstance(what, str):
        return [what]
    decided = (_cycle(what.decision.cycle), *map(_effect, what.decision.effects))
    return [_event(what.event), *(f"    {line}" for line in decided)]


def _event(event: Event) -> str:
    name = type(event).__name__
    match event:
        case BookRead():
            return f"{name}: {_book(event.reading)}; {_held(event.held)}"
        case ExitDue():
            away = ", the book is away" if event.is_book_away else ""
            return f"{name}: {event.reason}; {_held(event.held)}{away}"
        case Answered() | StopTurned():
            return f"{name}: {event.answer}"
        case _:
            return name


def _effect(effect: Effect) -> str:
    name = type(effect).__name__
    match effect:
        case Tell(kind=kind, text=text):
            return f"{name} {kind}: {text}"
        case RaiseAlarm(metric=metric, text=text):
            return f"{name} {metric}: {text}"
        case CancelOrder(broker_order_id=order_id) | TurnStop(broker_order_id=order_id):
            return f"{name} {order_id}"
        case RetryExit() | ReadPosition() | SendOrder():
            return f"{name} after {effect.pause} s"
        case _:
            return name


def _held(held: int | None) -> str:
    return "positions not read" if held is None else f"positions show {held}"


def _book(reading: BookReading) -> str:
    rows = [f"{row.broker_order_id} {row.status} {row.filled_quantity}/{row.quantity}" for row in reading.rows]
    return f"the book shows {', '.join(rows) or 'nothing'}"


def _cycle(cycle: Cycle) -> str:
    orders = " | ".join(_intent(intent) for intent in cycle.intents)
    wish = f"claim {cycle.claim}, wanted {cycle.wanted}"
    return f"-> {cycle.state}, bought {cycle.bought}, sold {cycle.sold}, {wish} | {orders}"


def _intent(intent: Intent) -> str:
    status = f" {intent.broker_status}" if intent.broker_status else ""
    cancels = f", cancelled {intent.cancels} times" if intent.cancels else ""
    return f"{intent.leg} {intent.attempt} {intent.state}{status} {intent.filled}/{intent.quantity}{cancels}"
