"""The watcher itself, as a client of the benchmark: its socket, table, index and guard, while stops change a hundred
times a second and everything runs beside them that the task runs on its one event loop (`beside`), prices going to a
real Valkey. Garbage is collected as in the product.

Run as `python -m benchmarks.watcher.ours`; reads its task from standard input and prints what it found.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import os
import random
import sys
import time
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import cycle
from struct import Struct
from uuid import UUID

import uvloop

from algotrading.contracts.messages import StopChange
from benchmarks.watcher.beside import Beside
from benchmarks.watcher.found import Found, Stretch
from benchmarks.watcher.task import HIGHEST_STOP, Task, age_of, tokens
from fargate_listener.counters import Counters
from fargate_listener.market_table import Counted, MarketTable
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import Watchlist

_CHANGES_A_SECOND = 100
_PREPARED = 2_000
"""Changes as the stream brings them, JSON: nothing in the product makes one out of Python objects between ticks."""
_FIRST_PRICE = Struct(">I")
_FIRST_PRICE_AT = 8
DAY = date(2026, 3, 2)
_TURN_SECONDS = 0.0005
"""As the task has it (fargate_listener.run)."""


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


class SummedTable(MarketTable):
    """Knows all ticks, also those that the metrics took away."""

    taken = 0

    def take_counted(self) -> Counted:
        """See MarketTable."""
        counted = super().take_counted()
        self.taken += counted.ticks
        return counted

    @property
    def ticks(self) -> int:
        """Since the beginning."""
        self.take_counted()
        return self.taken


class Client:
    """A watcher, and what it is made to do beside ticks."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.table, self.ages = SummedTable(), list[int]()
        self.guard = StopGuard(table=self.table, report=_refuse, counters=Counters())
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
        on_frames = self.on_frames if task.pace else self.guard.on_frames
        beside = Beside(task, table=self.table, guard=self.guard, watchlist=self.watchlist, on_frames=on_frames)
        await beside.start()
        changing = asyncio.create_task(self._change_stops())
        await asyncio.sleep(task.warm_seconds)
        before = self.table.ticks
        self.ages.clear()
        stretch = Stretch()
        await asyncio.sleep(task.seconds)
        found = stretch.end(self.table.ticks - before, self.ages)
        changing.cancel()
        await beside.end()
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
    gc.disable()  # As the task does: `collector` takes over.
    sys.setswitchinterval(_TURN_SECONDS)
    client = Client(task)
    with contextlib.redirect_stderr(io.StringIO()):
        found = uvloop.run(client.run())
    print(found.dump())


if __name__ == "__main__":
    main()
