"""What can happen to a cycle. Values only; `domain.decide` says what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from algotrading.domain.cycle import ExitReason
from algotrading.domain.limits import STOPPED, Breach, Obstacle
from algotrading.domain.orders import Answer, BookReading
from algotrading.domain.sight import Sight


@dataclass(frozen=True, slots=True)
class EntryDue:
    """The buy time is near (or was, up to the grace). `last_price` None when nobody knows one."""

    now: datetime
    due: datetime
    last_price: Decimal | None
    sight: Sight | None = None
    """How the watchers see; None when that cannot be read."""
    held: int | None = None
    """The broker's net quantity before the entry, None when it cannot be asked."""


@dataclass(frozen=True, slots=True)
class EntryWithdrawn:
    """Between the intent and its instant something came up: the order was not sent."""

    now: datetime
    tag: str
    obstacle: Obstacle = STOPPED


@dataclass(frozen=True, slots=True)
class EntryHeldBack:
    """The broker would have taken the order only after its grace, for it takes so many of an account, or it was to be
    sold by then: not sent."""

    now: datetime
    tag: str
    why: str


@dataclass(frozen=True, slots=True)
class ExitDue:
    """Somebody wants out. `held` is the broker's net quantity, None when the broker cannot be asked."""

    now: datetime
    due: datetime
    reason: ExitReason
    held: int | None
    cause_at: datetime | None = None
    is_book_away: bool = False
    """Whether the order book was asked, too, and did not answer: where it does, it decides what an entry has bought."""


@dataclass(frozen=True, slots=True)
class ExitBlocked:
    """There is no broker session to send an exit through."""

    now: datetime
    reason: ExitReason | None
    """Who wants out; None while nobody does: something is held that could not be sold."""
    why: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The broker's answer to the order with this tag."""

    now: datetime
    tag: str
    sent_at: datetime
    answer: Answer
    late: str | None = None
    """Why it left later than it was due, where the broker was the reason: by its limits, or by its silence."""
    until: datetime | None = None
    """Until when its worker could send another one; None: for as long as it takes."""


@dataclass(frozen=True, slots=True)
class BookRead:
    """The broker's book was read, and what could be learned beside it."""

    now: datetime
    reading: BookReading
    held: int | None = None
    """The broker's net quantity, None when it was not asked or did not answer."""
    sight: Sight | None = None
    """How the watchers see; None when that cannot be read."""
    stop_obstacle: str | None = None
    """Why no stop order can rest at the broker now, in words for the trader; None: it can."""


@dataclass(frozen=True, slots=True)
class LastRead(BookRead):
    """The broker's book was read after the session: nothing is ordered any more."""

    is_final: bool = True
    """Whether it is the last reading: what it leaves open stays open."""


@dataclass(frozen=True, slots=True)
class BookLost:
    """The session is over, and there is no login to read the broker's book with."""

    now: datetime


@dataclass(frozen=True, slots=True)
class StopTurned:
    """The broker's answer to asking the stop order with this tag to sell at once."""

    now: datetime
    tag: str
    sent_at: datetime
    answer: Answer


@dataclass(frozen=True, slots=True)
class EntryMissed:
    """The entry will not happen today; nothing (more) was sent."""

    now: datetime
    why: str
    breach: Breach | None = None
    """The limit or lock that blocked it, if one did."""


@dataclass(frozen=True, slots=True)
class DayOver:
    """The cycle's trading day has ended, and its book with it."""

    now: datetime


Event = (
    EntryDue
    | EntryWithdrawn
    | EntryHeldBack
    | ExitDue
    | ExitBlocked
    | Answered
    | BookRead
    | StopTurned
    | BookLost
    | DayOver
    | EntryMissed
)
