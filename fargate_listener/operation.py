"""What keeps the watcher running well, and is no part of watching: time, memory, candles and clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from algotrading.ports import Clock
from fargate_listener.candles import CandleWriter
from fargate_listener.clock_check import ClockCheck
from fargate_listener.collector import Collector
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.timekeeper import Timekeeper
from fargate_listener.watchlist import Watchlist

CLOSED_MARGIN = timedelta(hours=1)
"""Before the first bell and after the last: what is long may be done outside of it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """The parts; `operate` makes one."""

    timekeeper: Timekeeper
    collector: Collector
    candles: CandleWriter
    clock_check: ClockCheck

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            for part in (self.timekeeper, self.collector, self.candles, self.clock_check):
                group.create_task(part.run())

    def settle(self) -> None:
        """Everything is loaded: what is there now lives as long as the process."""
        self.collector.settle()

    async def leave(self) -> None:
        """The last word before the end."""
        await self.candles.leave()


def operate(
    *,
    redis: Redis,
    table: MarketTable,
    watchlist: Watchlist,
    hours: MarketHours,
    clock: Clock,
    monotonic: Callable[[], float],
    counters: Counters,
    durations: Durations,
) -> Operation:
    """All of it, for one market table."""
    candles = CandleWriter(redis=redis, table=table, watchlist=watchlist, counters=counters)
    return Operation(
        timekeeper=Timekeeper(
            table=table, clock=clock, monotonic=monotonic, durations=durations, on_minute=candles.turn
        ),
        collector=Collector(
            durations=durations,
            monotonic=monotonic,
            today=lambda: hours.day,
            is_closed=lambda: hours.is_closed(CLOSED_MARGIN),
        ),
        candles=candles,
        clock_check=ClockCheck(
            redis=redis, table=table, clock=clock, monotonic=monotonic, durations=durations, counters=counters
        ),
    )
