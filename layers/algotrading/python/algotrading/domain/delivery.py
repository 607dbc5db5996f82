"""When a notice that waits is delivered: in the order in which its user's notices were written, again and again until
it has arrived, and holding up its user's later ones only for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LEASE = timedelta(seconds=30)
"""How long whoever took a notice may take to deliver it. A notice whose deliverer died is taken again after it."""
PATIENCE = 8
"""Attempts after which a notice holds its user's later ones up no longer. It is tried all the same."""
STUCK_AFTER = timedelta(minutes=5)
"""How long a notice may wait before somebody is woken."""
_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that has not arrived. `next_try_at` is also the end of the lease while somebody delivers it; None before
    anybody did."""

    notice_id: int
    attempts: int
    next_try_at: datetime | None


def next_of(waiting: Iterable[Waiting], now: datetime) -> Waiting | None:
    """Which of one user's notices, oldest first, is to be delivered now; None when none is."""
    for notice in waiting:
        if notice.next_try_at is None or notice.next_try_at <= now:
            return notice
        if notice.attempts < PATIENCE:
            return None
    return None


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts failed: doubling, up to a quarter of an hour."""
    doublings = min(max(0, attempts - 1), 10)
    return min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
