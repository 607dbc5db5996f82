"""How many requests a broker takes from one account, and who may use which part of them.

Zerodha takes, of one account over all its applications, 10 order requests a second since 2026-04-01 (changes and
cancels of orders counted with them: Kite forum discussion 15912 for the limit, comment 35150 for what counts), 400 a
minute and 5000 a day (discussion 16217), and of one application 10 other requests a second and 1 for prices (Kite
Connect documentation, exceptions). It counts by calendar second; what is over is answered with HTTP 429, and an
application that keeps on may be blocked.

So every request takes a place in its second before it leaves. Whoever lowers risk may use all places; whoever raises
it, or can wait, leaves a reserve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

SECOND, MINUTE, DAY = 1, 60, 86_400
_EAST = 19_800
"""Seconds that India is ahead of UTC: days begin at midnight there."""


class Request(StrEnum):
    """Kinds of requests, by what they may use."""

    ENTRY = "entry"
    EXIT = "exit"
    """An order that lowers risk, and the change or cancel of any order."""
    POSITION = "position"
    """What is held: an exit waits for it."""
    URGENT_LOOK = "urgent_look"
    """A reading of the book, or of anything else, by whoever looks after an exit."""
    LOOK = "look"
    """The same by whoever looks after an entry, which can wait."""
    GLANCE = "glance"
    """What is held, for whoever only looks whether all is well."""
    FORESIGHT = "foresight"
    """What the account has and an order would take, for whoever looks ahead in the minutes before it."""
    PRICE = "price"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` requests of a `bucket` in each whole `seconds` of the clock. Windows of one bucket and length
    share one count, so that a lower limit is a part of a higher one that leaves the rest to others."""

    bucket: str
    seconds: int
    limit: int
    cost: int = 1
    """Places that one request takes."""

    def index(self, second: int) -> int:
        """Which of these windows a second since 1970 lies in."""
        return (second + _EAST) // self.seconds

    def end(self, second: int) -> int:
        """The first second of the next window."""
        return (self.index(second) + 1) * self.seconds - _EAST


def _orders(second: int, minute: int, day: int) -> tuple[Window, ...]:
    return Window("order", SECOND, second), Window("order", MINUTE, minute), Window("order", DAY, day)


def _reads(second: int, cost: int) -> tuple[Window, ...]:
    return (Window("read", SECOND, second, cost),)


_ZERODHA: Mapping[Request, tuple[Window, ...]] = MappingProxyType(
    {
        Request.ENTRY: _orders(7, 300, 4000),
        Request.EXIT: _orders(10, 400, 5000),
        Request.POSITION: _reads(10, cost=1),
        # Orders, and trades where one of them has a fill.
        Request.URGENT_LOOK: _reads(8, cost=2),
        Request.LOOK: _reads(6, cost=2),
        Request.GLANCE: _reads(6, cost=1),
        Request.FORESIGHT: _reads(3, cost=1),
        Request.PRICE: (Window("price", SECOND, 1),),
    }
)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What each kind of request may use of an account's places."""

    windows: Mapping[Request, tuple[Window, ...]] = field(default_factory=lambda: _ZERODHA)
    margin: timedelta = timedelta(milliseconds=50)
    """How far into a later second its requests leave: the broker's clock and ours need not agree to the
    millisecond, and the second before is full."""


def first_free(second: int, last: int, windows: tuple[Window, ...], used: Mapping[tuple[str, int, int], int]) -> int:
    """The first second from `second` to `last` in which every window has a place; -1 when there is none. `used`
    counts by bucket, length and index of a window."""
    while second <= last:
        full = [w for w in windows if used.get((w.bucket, w.seconds, w.index(second)), 0) + w.cost > w.limit]
        if not full:
            return second
        second = max(window.end(second) for window in full)
    return -1


def granted(wanted: datetime, second: int, margin: timedelta) -> datetime | None:
    """When a request may leave that was given a place in `second`: when it wanted to, where that is its second."""
    if second < 0:
        return None
    start = datetime.fromtimestamp(second, wanted.tzinfo)
    return wanted if start <= wanted else start + margin
