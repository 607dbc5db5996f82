"""The watcher itself, as a client of the benchmark: its socket, table, index and guard, while stops change a hundred
times a second, prices are published to a real Valkey and metrics are counted, all on the one event loop as in the task.

Run as `python -m benchmarks.watcher.ours`; reads its task from standard input and prints what it found.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import os
import random
import ssl
import time
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import cycle
from struct import Struct
from uuid import UUID

import uvloop

from algotrading.adapters.clock import SystemClock
from algotrading.contracts.messages import StopChange
from benchmarks.watcher.found import Found, Stretch
from benchmarks.watcher.task import HIGHEST_STOP, Task, age_of, tokens
from fargate_listener.counters import Counters
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.kite_socket import KiteSocket, dial
from fargate_listener.market_table import MarketTable
from fargate_listener.price_publisher import PricePublisher
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import Watchlist

_CHANGES_A_SECOND = 100
_PREPARED = 2_000
"""Changes as the stream brings them, JSON: nothing in the product makes one out of Python objects between ticks."""
_FIRST_PRICE = Struct(">I")
_FIRST_PRICE_AT = 8
DAY = date(2026, 3, 2)


def change_of(number: int, names: Sequence[int], wire_stop: int) -> StopChange:
    """A strategy's armed stop."""
    return StopChange(
        strategy_id=UUID(int=number),
        user_id=UUID(int=0),
        exchange="NSE",
        symbol=f"S{number % len(names)}",
        instrument_token=names[number % len(names)],
        watched=True,
        armed=True,
        stop_loss=Decimal(wire_stop).scaleb(-2),
        trading_day=DAY,
        quantity=1 + number % 1_000,
    )


class Client:
    """A watcher's heart, and what it is made to do beside ticks."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.table, self.counters = MarketTable(), Counters()
        self.guard = StopGuard(table=self.table, report=_refuse, counters=self.counters)
        self.watchlist = Watchlist(self.guard, time.monotonic)
        self.dice = random.Random(7)
        self.names = tokens()
        for number in range(task.stops):
            self.watchlist.apply(change_of(number, self.names, 1 + number % HIGHEST_STOP))
        for token in self.names:
            if token not in self.table:
                self.guard.watch(token)
        self.changes = [
            change_of(
                self.dice.randrange(task.stops), self.names, self.dice.randrange(1, HIGHEST_STOP + 1)
            ).model_dump_json()
            for _ in range(_PREPARED)
        ]
        self.ages: list[int] = []

    def on_frames(self, frames: Sequence[bytes], received: float) -> None:
        """The product's path, and then how old each frame's news was."""
        self.guard.on_frames(frames, received)
        now = time.monotonic_ns() // 1000
        for frame in frames:
            if len(frame) > _FIRST_PRICE_AT:
                self.ages.append(age_of(_FIRST_PRICE.unpack_from(frame, _FIRST_PRICE_AT)[0], now))

    async def run(self) -> Found:
        """Connect, and watch for the task's seconds."""
        task = self.task
        context = ssl.create_default_context(cafile=task.certificate or None)
        on_frames = self.on_frames if task.pace else self.guard.on_frames
        socket = await dial(
            task.url,
            FeedCredentials("key", "token"),
            lambda: KiteSocket(on_frames=on_frames, on_text=_ignore, monotonic=time.monotonic),
            context,
        )
        socket.subscribe(self.names)
        publisher = PricePublisher(
            address=("127.0.0.1", task.redis_port),
            tls=False,
            table=self.table,
            watchlist=self.watchlist,
            clock=SystemClock(),
            counters=self.counters,
        )
        beside = [asyncio.create_task(publisher.run()), asyncio.create_task(self._change_stops())]
        gc.collect()
        gc.freeze()
        await asyncio.sleep(task.warm_seconds)
        self.table.take_counted()
        self.ages.clear()
        stretch = Stretch()
        await asyncio.sleep(task.seconds)
        found = stretch.end(self.table.take_counted().ticks, self.ages)
        for work in beside:
            work.cancel()
        await publisher.leave()
        socket.abort()
        return found

    async def _change_stops(self) -> None:
        for change in cycle(self.changes):
            await asyncio.sleep(1 / _CHANGES_A_SECOND)
            self.watchlist.apply(StopChange.model_validate_json(change))


def _refuse(hits: Sequence[Hit]) -> None:
    raise AssertionError(f"the benchmark's prices hit no stop, but {hits[0]}")


def _ignore(_text: str) -> None:
    """Nothing is said in the benchmark."""


def main() -> None:
    """One run."""
    task = Task.read()
    if task.core is not None:
        os.sched_setaffinity(0, {task.core})
    client = Client(task)
    with contextlib.redirect_stderr(io.StringIO()):
        found = uvloop.run(client.run())
    print(found.dump())


if __name__ == "__main__":
    main()
