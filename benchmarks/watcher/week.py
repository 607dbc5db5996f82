"""`make bench-watcher WEEK=1`: five trading days in minutes, and how much memory the watcher holds after each.

In one process, with a clock that leaps from second to second: the table, index, guard, watchlist, hit sender and
collector of the product, fed with frames of every instrument once a second. Every day 100,000 other strategies are
armed, some of them change or are hit and reported again and again, prices and candles are taken, full checks run, and
in the evening everything is disarmed and the night's thorough collection runs. Sockets, Redis and the price writer are
not in it. It asserts nothing.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import numpy as np

from algotrading.adapters.clock import SystemClock
from algotrading.contracts.messages import StopChange
from benchmarks.watcher.memory_queue import MemoryQueue
from benchmarks.watcher.ours import DAY, change_of
from benchmarks.watcher.task import HIGHEST_STOP, frame, packet, tokens
from fargate_listener.collector import Collector, resident_bytes
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.hit_sender import HitSender
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import StopGuard
from fargate_listener.watchlist import Watchlist

STOPS = 100_000
DAYS = 5
SESSION_SECONDS = 22_500
"""09:15 to 15:30."""
_CHANGES_A_SECOND = 20
_HITS_A_MINUTE = 100
_CHECK_MINUTES = 30
_FRAMES = 64
"""Different ones, used in turn: prices that move, and cost nothing to make."""
_PATIENCE = 60.0
_EPOCH = 1_772_423_100.0
"""Unix seconds of the first opening."""
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Evening:
    """After a day's end."""

    megabytes: float
    ticks: int
    hits: int
    candles: int
    seconds: float


class Week:
    """The watcher's heart, over several days."""

    def __init__(self, stops: int, session_seconds: int) -> None:
        self._stops, self._session_seconds = stops, session_seconds
        self._now, self._day = _EPOCH, DAY
        self._is_closed = False
        self._names, self._dice = tokens(), random.Random(11)
        self._frames = [self._frame() for _ in range(_FRAMES)]
        self._counters = Counters()
        self._sender = HitSender(open_queue=MemoryQueue, clock=SystemClock(), monotonic=lambda: self._now)
        self._sender.start()
        self._table = MarketTable()
        self._guard = StopGuard(table=self._table, report=self._sender.put, counters=self._counters)
        self._watchlist = Watchlist(self._guard, lambda: self._now)
        self._collector = Collector(
            durations=Durations(),
            monotonic=lambda: self._now,
            today=lambda: self._day,
            is_closed=lambda: self._is_closed,
        )
        self._collector.begin()

    def live(self, number: int) -> Evening:
        """One trading day, and the night after it."""
        began, before, candles = time.perf_counter(), self._counters.hits, 0
        self._day = DAY + timedelta(days=number)
        changes = {change.strategy_id: change for change in self._morning(number)}
        for change in changes.values():
            self._watchlist.apply(change)
        self._collector.settle()
        for second in range(self._session_seconds):
            self._now += 1.0
            self._table.tell_time(now=self._now, oldest_stamp=0, ahead=60)
            self._guard.on_frames([self._frames[second % _FRAMES]], self._now)
            for _ in range(_CHANGES_A_SECOND):
                self._change(changes)
            while self._guard.repeat(self._now):
                continue
            self._table.take_news_pairs()
            if second % 60 == 0:
                candles += self._minute(second // 60, changes)
            self._collector.look()
        ticks = self._table.take_counted().ticks
        self._evening(changes)
        spent = time.perf_counter() - began
        return Evening(resident_bytes() / _MEBIBYTE, ticks, self._counters.hits - before, candles, spent)

    def end(self) -> None:
        """Let the sender's threads go."""
        self._sender.stop()

    def _frame(self) -> bytes:
        prices = np.random.default_rng(self._dice.randrange(1 << 30)).integers(100_000, 200_000, len(self._names))
        return frame([packet("ltp", token, int(price)) for token, price in zip(self._names, prices, strict=True)])

    def _morning(self, number: int) -> list[StopChange]:
        """Other strategies than on any day before."""
        first = number * self._stops
        return [
            change_of(first + each, self._names, 1 + each % HIGHEST_STOP).model_copy(update={"trading_day": self._day})
            for each in range(self._stops)
        ]

    def _change(self, changes: dict[UUID, StopChange]) -> None:
        change = self._dice.choice(self._order(changes))
        lowered = change_of(change.strategy_id.int, self._names, self._dice.randint(1, HIGHEST_STOP))
        self._say(changes, lowered.model_copy(update={"trading_day": self._day}))

    def _minute(self, minute: int, changes: dict[UUID, StopChange]) -> int:
        """Candles end, stops are hit and answered, and every half hour everything is compared."""
        order = self._order(changes)
        for _ in range(_HITS_A_MINUTE):
            change = self._dice.choice(order)
            hit = change.model_copy(update={"stop_loss": change.stop_loss + 10_000})
            self._watchlist.apply(hit)
            self._watchlist.apply(change.model_copy(update={"armed": False}))
            self._say(changes, change)
        if minute % _CHECK_MINUTES == 0:
            for _ in self._watchlist.repair(changes, as_of=self._watchlist.serial):
                continue
        assert self._sender.flush(_PATIENCE), "the queue takes everything"
        self._sender.take_report()
        return len(self._table.take_bars(int(self._now // 60)))

    def _evening(self, changes: dict[UUID, StopChange]) -> None:
        for change in changes.values():
            self._watchlist.apply(change.model_copy(update={"armed": False, "watched": False}))
        for _ in self._watchlist.repair({}, as_of=self._watchlist.serial):
            continue
        self._watchlist.forget_names()
        self._guard.forget_prices()
        changes.clear()
        self._keys = ()
        self._is_closed, self._day = True, self._day + timedelta(days=1)
        self._now += 3600.0
        self._collector.look()
        self._is_closed = False

    _keys: Sequence[StopChange] = ()

    def _order(self, changes: dict[UUID, StopChange]) -> Sequence[StopChange]:
        if not self._keys:
            self._keys = tuple(changes.values())
        return self._keys

    def _say(self, changes: dict[UUID, StopChange], change: StopChange) -> None:
        changes[change.strategy_id] = change
        self._watchlist.apply(change)


def main() -> int:
    """Print one line for each day."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher.week", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fiftieth of everything: shows that it works")
    options = parser.parse_args()
    share = 50 if options.quick else 1
    week = Week(STOPS // share, SESSION_SECONDS // share)
    first: float | None = None
    for number in range(DAYS):
        found = week.live(number)
        first = first if first is not None else found.megabytes
        sys.stdout.write(
            f"day {number + 1}: {found.megabytes:.1f} MiB after it ({found.megabytes - first:+.1f} since the first), "
            f"{found.ticks:,} ticks, {found.hits:,} hits, {found.candles:,} candles, in {found.seconds:.0f} s\n"
        )
        sys.stdout.flush()
    week.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
