"""The watcher's life: load, follow, watch, check, and leave in good order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from fargate_listener.changes import ChangeStream
from fargate_listener.counters import Counters
from fargate_listener.feeds import Feeds
from fargate_listener.health import HealthServer, Loaded
from fargate_listener.health_log import HealthLog
from fargate_listener.hit_sender import HitSender
from fargate_listener.liveness import Liveness
from fargate_listener.operation import Operation
from fargate_listener.order_news import OrderNews
from fargate_listener.order_sockets import OrderSockets
from fargate_listener.price_publisher import PricePublisher
from fargate_listener.reporter import Reporter
from fargate_listener.rest_cover import RestCover
from fargate_listener.sight import SightReporter
from fargate_listener.stop_guard import StopGuard
from fargate_listener.truth import Snapshot, Truth
from fargate_listener.watchlist import Watchlist

logger = logging.getLogger(__name__)

CHECK_SECONDS = 15.0
READ_SECONDS = 8.0
"""A reading of PostgreSQL that takes longer has failed so far; it goes on alone, and no second one begins beside it."""
_CHECK_RETRY_SECONDS = 2.0
_REPEAT_SECONDS = 0.1
LEAVE_SECONDS = 90.0
"""How long a watcher that was told to leave goes on for hits that the queue has not taken. Fargate kills after 120."""
_LOOK_SECONDS = 0.05
_FLUSH_SECONDS = 6.0
"""For hits of the last moment. With the second the socket may take to close, the whole of it stays under ten."""
_END_SECONDS = 1.0
"""For the parts to end when they are told to. One that does not must not keep hits from the queue."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reading of PostgreSQL in its thread, and where memory and time stood when it began."""

    task: asyncio.Task[Snapshot]
    as_of: int
    asked: float


@dataclass(slots=True)
class Watcher:
    """All parts of the process; `wiring` makes one. Everything here runs on one event loop, what blocks
    runs in threads."""

    truth: Truth
    changes: ChangeStream
    watchlist: Watchlist
    guard: StopGuard
    feed: Feeds
    liveness: Liveness
    cover: RestCover
    publisher: PricePublisher
    sight: SightReporter
    news: OrderNews
    order_sockets: OrderSockets | None
    """None where the environment does not let the watcher open traders' tokens."""
    operation: Operation
    sender: HitSender
    reporter: Reporter
    health: HealthServer
    health_log: HealthLog
    loaded: Loaded
    counters: Counters
    monotonic: Callable[[], float]
    check_seconds: float = CHECK_SECONDS
    read_seconds: float = READ_SECONDS
    leave_seconds: float = LEAVE_SECONDS
    _check_now: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _day: date = field(default=date.min, init=False)
    _reading: _Reading | None = field(default=None, init=False)

    def check_soon(self) -> None:
        """Something may have been missed: compare with PostgreSQL now, not in a while."""
        self.loaded.may_have_missed()
        self._check_now.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set; then leave. Ends by itself only through a fault of its own."""
        await self.health.start()
        self.sender.start()
        watching = asyncio.create_task(self._watch())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await self._hand_over(watching)
        await self._leave(watching)

    async def _watch(self) -> None:
        async with asyncio.TaskGroup() as group:
            for part in (
                self.feed,
                self.liveness,
                self.cover,
                self.publisher,
                self.sight,
                self.reporter,
                self.health_log,
                self.news,
                self.operation,
            ):
                group.create_task(part.run())
            if self.order_sockets is not None:
                group.create_task(self.order_sockets.run())
            for work in (self._follow(), self._repeat()):
                group.create_task(work)

    async def _follow(self) -> None:
        """Load everything once, then keep it true from both sides."""
        await self.changes.remember_end()
        while not self.loaded.stops_loaded:
            await self._check()
            if not self.loaded.stops_loaded:
                await asyncio.sleep(_CHECK_RETRY_SECONDS)
        self.operation.settle()
        async with asyncio.TaskGroup() as group:
            group.create_task(
                self.changes.run(
                    apply=self.watchlist.apply, on_gap=self.check_soon, on_away=self.loaded.may_have_missed
                )
            )
            group.create_task(self._check_regularly())
            group.create_task(self._take_over())

    async def _take_over(self) -> None:
        """Send what a watcher that ended has owed to the queue. Of what guards the strategies now the stores were just
        asked."""
        while (owed := await asyncio.to_thread(self.sender.load_owed)) is None:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(_CHECK_RETRY_SECONDS)
        if owed:
            settled = self.sender.take_over(owed, self.guard.stop_of)
            logger.warning(
                "hits that another watcher owed are sent where their stop still guards",
                extra={"kept": len(owed), "moved": len(settled)},
            )
            await asyncio.to_thread(self.sender.forget, settled)

    async def _check_regularly(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.check_seconds):
                    await self._check_now.wait()
            except TimeoutError:
                logger.debug("a regular check")
            self._check_now.clear()
            await self._check()

    async def _check(self) -> None:
        """Compare memory with PostgreSQL and repair it. Reading happens in a thread: where one hangs, the next check
        waits for the same one, so that no second thread is lost. What it brings late is still true as of its beginning.
        """
        reading = self._reading = self._reading or self._begin_reading()
        done, _ = await asyncio.wait({reading.task}, timeout=self.read_seconds)
        if not done:
            self._check_failed(f"no answer for {self.monotonic() - reading.asked:.0f} s")
            return
        self._reading = None
        if error := reading.task.exception():
            # Whatever the database client raises: the stops in memory stay guarded, and the check comes again.
            self._check_failed(type(error).__name__)
            return
        await self._repair(reading.task.result(), reading.as_of, reading.asked)

    def _begin_reading(self) -> _Reading:
        task = asyncio.create_task(asyncio.to_thread(self.truth.read))
        return _Reading(task, self.watchlist.serial, self.monotonic())

    def _check_failed(self, why: str) -> None:
        self.counters.failed_checks += 1
        self.loaded.check_failed = True
        logger.error("the stops could not be compared with PostgreSQL: %s", why)

    async def _repair(self, snapshot: Snapshot, as_of: int, asked: float) -> None:
        if snapshot.day != self._day:
            # Yesterday's close must not be taken for today's market when a stop is armed.
            self._day = snapshot.day
            self.guard.forget_prices()
        repaired, read = 0, self.monotonic()
        for so_far in self.watchlist.repair(snapshot.changes, as_of=as_of, unknown=snapshot.unknown.keys()):
            repaired = so_far
            await asyncio.sleep(0)
        self.loaded.unguarded_instruments = sorted(snapshot.unguarded)
        self.loaded.unknown_instruments = sorted(set(snapshot.unknown.values()) - snapshot.unguarded)
        if self.loaded.stops_loaded and repaired:
            self.counters.repaired_stops += repaired
            logger.warning("memory differed from PostgreSQL and was repaired", extra={"strategies": repaired})
        elif not self.loaded.stops_loaded:
            took = {"read_seconds": round(read - asked, 3), "armed_seconds": round(self.monotonic() - read, 3)}
            logger.info("the stops are loaded", extra={"armed_stops": self.guard.armed, **took})
        self.loaded.checked(asked)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(_REPEAT_SECONDS)
            while self.guard.repeat(self.monotonic()):  # noqa: ASYNC110 - between two portions ticks pass
                await asyncio.sleep(0)

    async def _hand_over(self, watching: asyncio.Task[None]) -> None:
        """Watch on as if nothing had been said until the queue has every hit, or too long. From the look that finds
        none owed to the closing of the feed nothing is missed: what still arrives is evaluated, and flushed."""
        logger.info("told to leave", extra={"undelivered": self.sender.undelivered})
        give_up = self.monotonic() + self.leave_seconds
        while self.sender.undelivered and not watching.done() and self.monotonic() < give_up:  # noqa: ASYNC110 - threads deliver
            await asyncio.sleep(_LOOK_SECONDS)

    async def _leave(self, watching: asyncio.Task[None]) -> None:
        """Take no more changes, let the queue have every hit, publish the last prices, close."""
        watching.cancel()
        _, unended = await asyncio.wait({watching}, timeout=_END_SECONDS)
        logger.info("leaving", extra={"undelivered": self.sender.undelivered, "unended": len(unended)})
        await self.feed.close()
        await self._flush()
        self.sender.stop()
        self.reporter.report()
        await self.health.stop()
        if watching.done() and not watching.cancelled():
            watching.result()  # raises the fault that ended it

    async def _flush(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.publisher.leave())
            group.create_task(self.operation.leave())
            flushed = group.create_task(asyncio.to_thread(self.sender.flush, _FLUSH_SECONDS))
        if not flushed.result():
            await asyncio.to_thread(self.sender.keep)
            logger.critical("hits were not delivered", extra={"undelivered": self.sender.undelivered})
