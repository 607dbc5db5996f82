"""What must be done about a cycle after a decision. Values only; `services.cycle_runner` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from algotrading.domain.cycle import Cycle, ExitReason
from algotrading.domain.notices import NoticeKind


@dataclass(frozen=True, slots=True)
class SendOrder:
    """Send the intent with this tag at `at` (at once when past), after `pause` seconds of back-off."""

    tag: str
    at: datetime
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Ask the broker to cancel; the book, not the reply, says whether it did."""

    broker_order_id: str


@dataclass(frozen=True, slots=True)
class TurnStop:
    """Ask the broker at `at` (at once when past) to sell by the stop order that rests there: one order, so never
    sold twice."""

    tag: str
    broker_order_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReadBook:
    """Look at the broker's book: something is not settled yet."""


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """Look at what is held and at the book after `pause` seconds: the broker showed less than we know of."""

    pause: float


@dataclass(frozen=True, slots=True)
class RetryExit:
    """Ask the broker what is held after `pause` seconds, then want the exit again."""

    reason: ExitReason
    pause: float


@dataclass(frozen=True, slots=True)
class StopStrategy:
    """The strategy trades no more until its owner starts it again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the owner. `kind` is stable for programs, `text` is for people."""

    kind: NoticeKind
    text: str


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Tell the operators: a metric with this name is emitted and alarmed upon."""

    metric: str
    text: str


Effect = SendOrder | CancelOrder | TurnStop | ReadBook | ReadPosition | RetryExit | StopStrategy | Tell | RaiseAlarm


@dataclass(frozen=True, slots=True)
class Decision:
    """What one event made of a cycle."""

    cycle: Cycle
    effects: tuple[Effect, ...] = ()
