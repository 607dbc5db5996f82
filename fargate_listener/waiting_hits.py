"""Hits that wait for a thread to send them: of each strategy and day one, the most at risk first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from heapq import heapify, heappop
from itertools import count
from uuid import UUID

from fargate_listener.refused_hits import RefusedHits, key_of
from fargate_listener.stop_guard import Hit


class WaitingHits:
    """A stop is reported every few seconds while it is not answered: one hit waits for each, however long the queue is
    away. It is the first, or the first since the stop was moved: a price that reached another stop says nothing of this
    one. Used by several threads, one at a time: whoever calls sees to that."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._by_risk: list[tuple[int, int, Hit]] = []
        """A heap, the most at risk first."""
        self._waits: dict[tuple[UUID, date], Hit] = {}
        """The hit of each that waits, in the heap or at rest; what is there besides has been replaced."""
        self._refused = RefusedHits(monotonic)
        self._serials = count()

    @property
    def refused(self) -> int:
        """Stops whose hit the queue has refused and not taken since."""
        return len(self._refused)

    @property
    def all(self) -> Sequence[Hit]:
        """Everything that waits."""
        return list(self._waits.values())

    def add(self, hits: Iterable[Hit]) -> int:
        """They wait from now on; returns of how many another one of the same stop does, or did so far."""
        fresh, replaced = [], 0
        for hit in hits:
            waiting = self._waits.get(key_of(hit))
            if waiting is None or (hit.stop.stop_loss != waiting.stop.stop_loss and hit.received >= waiting.received):
                self._waits[key_of(hit)] = hit
                fresh.append(hit)
            replaced += waiting is not None
        self._rank(fresh)  # what was replaced at once is passed over later
        return replaced

    def take_back(self, hits: Sequence[Hit]) -> int:
        """They were taken and not sent: they wait again, each in place of a later one of the same stop. Returns of how
        many another one waits, or did so far."""
        replaced = sum(key_of(hit) in self._waits for hit in hits)
        again = [hit for hit in hits if self._is_first(hit)]
        self._waits.update((key_of(hit), hit) for hit in again)
        self._rank(again)
        return replaced

    def rest(self, hits: Sequence[Hit]) -> int:
        """The queue refuses them: they rest, and come again in their rank. Returns in place of how many another one
        waits."""
        superseded = 0
        for hit in hits:
            self._refused.refused(hit)
            if (key := key_of(hit)) in self._waits:
                superseded += 1
            else:
                self._waits[key] = hit
                self._refused.rest(hit)
        return superseded

    def taken(self, hits: Iterable[Hit]) -> None:
        """The queue has them."""
        for hit in hits:
            self._refused.taken(hit)

    def take(self, batch: list[Hit], most: int) -> bool:
        """Fill `batch` up to so many with the most at risk. Whether more are left."""
        if rested := self._refused.rested():
            self._rank(hit for hit in rested if self._waits.get(key_of(hit)) is hit)
        while self._by_risk and len(batch) < most:
            hit = heappop(self._by_risk)[2]
            if self._waits.get(key_of(hit)) is hit:  # no other one has taken its place
                batch.append(hit)
                del self._waits[key_of(hit)]
        return bool(self._by_risk)

    def seconds_left(self, longest: float) -> float:
        """Until the next one has rested; `longest` at most."""
        return self._refused.seconds_left(longest)

    def _rank(self, hits: Iterable[Hit]) -> None:
        self._by_risk += [(-hit.at_risk, next(self._serials), hit) for hit in hits]
        heapify(self._by_risk)

    def _is_first(self, hit: Hit) -> bool:
        """Of its stop as it stands now."""
        waiting = self._waits.get(key_of(hit))
        return waiting is None or hit.stop.stop_loss == waiting.stop.stop_loss or hit.received > waiting.received
