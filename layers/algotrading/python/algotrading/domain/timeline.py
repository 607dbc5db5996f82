"""One day of a strategy as lines a trader can read: why did it, or did it not, fire?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from algotrading.domain.sessions import IST


class LineKind(StrEnum):
    """What a line tells of. Programs may rely on these words; the text is for people."""

    COMMAND = "command"
    """The strategy was created, changed, started, stopped or deleted: by its owner, or stopped by the system."""
    CONNECTION = "connection"
    """The broker connection changed."""
    MESSAGE = "message"
    """Somebody asked for something: the alarm of a buy or sell time, the watcher, the owner, the repair."""
    AHEAD = "ahead"
    """Due, and not yet."""
    NOT_FIRED = "not_fired"
    """Why nothing was bought, or has not been bought yet."""
    WRITTEN = "written"
    """An order was written down, before it was sent."""
    SENT = "sent"
    ACCEPTED = "accepted"
    """The broker has the order: not yet that anything was traded."""
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """Nobody knows whether the broker has the order."""
    RESOLVED = "resolved"
    """The broker's book has said what became of an order of unknown fate."""
    FILLED = "filled"
    RESTING = "resting"
    """A stop order rests at the broker."""
    ENDED = "ended"
    """The broker's book shows the order in its final state."""
    CANCEL = "cancel"
    BROKER = "broker"
    """A further exchange of words with the broker."""
    CLAIM = "claim"
    """Who wants the exit, and who has it."""
    BACK_OFF = "back_off"
    """Something is tried again after a pause."""
    BLOCKED = "blocked"
    """An exit that cannot even be tried."""
    ALARM = "alarm"
    """The operators were alarmed."""
    TOLD = "told"
    """The owner was told."""
    CLOSED = "closed"
    """The day's cycle is over."""
    RISK = "risk"
    """The account's limits and its kill switch."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, or did not."""

    at: datetime
    kind: LineKind
    text: str
    price: Decimal | None = None
    quantity: int | None = None
    tag: str | None = None
    broker_order_id: str | None = None
    milliseconds_late: float | None = None
    """After the instant at which it was due; negative when ahead of it."""
    execution_ms: float | None = None
    """How long the broker took to answer."""
    asked_by: str | None = None
    request_id: str | None = None
    """Of the API's request that caused it."""


_REPEATED = frozenset({LineKind.ALARM, LineKind.BLOCKED, LineKind.NOT_FIRED, LineKind.BACK_OFF})


def may_repeat(line: Line) -> bool:
    """Whether this may be said every few seconds for as long as something is away."""
    return line.kind in _REPEATED and line.tag is None


def told_once(lines: Iterable[Line]) -> list[Line]:
    """`lines` oldest first; of what is said again and again, the first with how often and until when."""
    told: list[Line] = []
    places: dict[tuple[LineKind, str], int] = {}
    again: dict[int, list[Line]] = {}
    for line in sorted(lines, key=lambda line: line.at):
        place = places.get((line.kind, line.text))
        if may_repeat(line) and place is not None:
            again.setdefault(place, []).append(line)
            continue
        places[line.kind, line.text] = len(told)
        told.append(line)
    for place, repeated in again.items():
        first, times = told[place], "once" if len(repeated) == 1 else f"{len(repeated)} times"
        told[place] = replace(first, text=f"{first.text} (again {times}, until {clock_time(repeated[-1].at)})")
    return told


def clock_time(instant: datetime) -> str:
    """The Asia/Kolkata time of day, to the millisecond."""
    return instant.astimezone(IST).strftime("%H:%M:%S.%f")[:-3]


def span(milliseconds: float) -> str:
    """A duration in words."""
    size = abs(milliseconds)
    return f"{size:.0f} ms" if size < 1000 else f"{size / 1000:.3f} s"
