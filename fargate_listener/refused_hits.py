"""Hits that the queue answered and did not take: each rests, longer every time, so that the others pass it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from heapq import heappop, heappush
from itertools import count
from uuid import UUID

from fargate_listener.stop_guard import Hit

FIRST_REST_SECONDS = 0.05
LONGEST_REST_SECONDS = 2.0


class RefusedHits:
    """None is ever let go of. Used by several threads, one at a time: whoever calls sees to that."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._resting: list[tuple[float, int, Hit]] = []
        """A heap: the first whose rest is over comes first."""
        self._serials = count()
        self._refusals: dict[tuple[UUID, date], int] = {}

    def __len__(self) -> int:
        """Stops whose hit was refused and has not been taken since, whether it rests or is under way again."""
        return len(self._refusals)

    def refused(self, hit: Hit) -> None:
        """Once more."""
        key = key_of(hit)
        self._refusals[key] = self._refusals.get(key, 0) + 1

    def rest(self, hit: Hit) -> None:
        """From now on, for as long as its refusals say."""
        doublings = min(self._refusals[key_of(hit)] - 1, 10)
        seconds = min(FIRST_REST_SECONDS * 2.0**doublings, LONGEST_REST_SECONDS)
        heappush(self._resting, (self._monotonic() + seconds, next(self._serials), hit))

    def taken(self, hit: Hit) -> None:
        """The queue has it, or a later one of the same stop."""
        self._refusals.pop(key_of(hit), None)

    def rested(self) -> list[Hit]:
        """Those whose rest is over, no more kept here."""
        now, rested = self._monotonic(), []
        while self._resting and self._resting[0][0] <= now:
            rested.append(heappop(self._resting)[2])
        return rested

    def seconds_left(self, longest: float) -> float:
        """Until the next one has rested; `longest` at most."""
        return min(longest, max(0.0, self._resting[0][0] - self._monotonic())) if self._resting else longest


def key_of(hit: Hit) -> tuple[UUID, date]:
    """What two reports of the same stop have in common."""
    return hit.stop.strategy_id, hit.stop.trading_day
