"""How long garbage collection stops the watcher: 100,000 stops armed, a thousand of them changing every second, the
event loop idle otherwise. Beside it what Python does by itself, for the same time.

Run as `python -m benchmarks.watcher.pauses`.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from benchmarks.watcher.ours import change_of
from benchmarks.watcher.task import HIGHEST_STOP, tokens
from fargate_listener.collector import Collector
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import StopGuard
from fargate_listener.watchlist import Watchlist

STOPS = 100_000
CHANGES_A_SECOND = 1_000
SECONDS = 20.0
_STEP_SECONDS = 0.01


@dataclass(slots=True)
class Pauses:
    """Collections, in milliseconds: as they passed, and as the processor worked on them. The difference is what else
    the machine did meanwhile."""

    by: str
    pauses: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    _begun: float = 0.0
    _begun_work: float = 0.0

    def hear(self, phase: str, _info: dict[str, Any]) -> None:
        """Of `gc.callbacks`: every collection, whoever asked for it."""
        if phase == "start":
            self._begun, self._begun_work = time.perf_counter(), time.thread_time()
        else:
            self.worked.append(1000 * (time.thread_time() - self._begun_work))
            self.pauses.append(1000 * (time.perf_counter() - self._begun))

    def __str__(self) -> str:
        ordered = sorted(self.pauses) or [0.0]
        p99 = ordered[int(0.99 * (len(ordered) - 1))]
        return (
            f"{self.by}: {len(self.pauses)} collections, {sum(self.pauses):.1f} ms together,"
            f" p50 {ordered[len(ordered) // 2]:.3f}, p99 {p99:.3f}, longest {ordered[-1]:.3f} ms,"
            f" of processor time {max(self.worked, default=0.0):.3f} ms"
        )


async def measure(seconds: float = SECONDS, stops: int = STOPS) -> list[Pauses]:
    """Python's own collector first, then the watcher's."""
    watchlist = _load(stops)
    collector = Collector(
        durations=Durations(), monotonic=time.perf_counter, today=lambda: date.max, is_closed=lambda: False
    )
    found = []
    with _listening(Pauses("Python's own")) as pauses:
        await _change(watchlist, stops, seconds)
        found.append(pauses)
    collector.settle()
    try:
        with _listening(Pauses("the watcher's")) as pauses:
            collecting = asyncio.create_task(collector.run())
            await _change(watchlist, stops, seconds)
            collecting.cancel()
            found.append(pauses)
    finally:
        gc.unfreeze()
        gc.enable()
    return found


def _load(stops: int) -> Watchlist:
    guard = StopGuard(table=MarketTable(), report=lambda _: None, counters=Counters())
    watchlist = Watchlist(guard, time.monotonic)
    names = tokens()
    for number in range(stops):
        watchlist.apply(change_of(number, names, 1 + number % HIGHEST_STOP))
    return watchlist


async def _change(watchlist: Watchlist, stops: int, seconds: float) -> None:
    dice, names = random.Random(5), tokens()
    ends, done = time.perf_counter() + seconds, 0
    begun = time.perf_counter()
    while (now := time.perf_counter()) < ends:
        due = int((now - begun) * CHANGES_A_SECOND)
        for _ in range(due - done):
            watchlist.apply(change_of(dice.randrange(stops), names, dice.randint(1, HIGHEST_STOP)))
        done = due
        await asyncio.sleep(_STEP_SECONDS)


@contextmanager
def _listening(pauses: Pauses) -> Iterator[Pauses]:
    gc.callbacks.append(pauses.hear)
    try:
        yield pauses
    finally:
        gc.callbacks.remove(pauses.hear)


def main() -> int:
    """Print both. Fails when a pause of the watcher's took more than a millisecond of processor time."""
    found = asyncio.run(measure())
    for pauses in found:
        print(pauses)
    return int(max(found[-1].worked, default=0.0) > 1.0)


if __name__ == "__main__":
    sys.exit(main())
