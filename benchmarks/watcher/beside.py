"""What the task runs on its event loop beside the tick path, wired as in the product (fargate_listener.wiring,
fargate_listener.watcher): feeds, liveness, quotes, prices, sight, metrics, the health log, time, garbage collection,
candles, clocks, the stream of changes and the repetition of hits.

Not in it: the full check with PostgreSQL every 15 s, order updates, and the sockets of traders' accounts. Quotes are
made in this process (of the price that the feed told last), in the thread in which the product's client would wait for
the broker and read its answer; there is no index.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from algotrading.adapters.clock import SystemClock
from algotrading.adapters.emf_meter import EmfMeter
from algotrading.brokers.kite.quotes import Quote
from algotrading.contracts.session_table import SessionTableDocument
from benchmarks.watcher.memory_queue import MemoryQueue
from benchmarks.watcher.task import Task
from exchange_simulator.session_table import SESSION_TABLE
from fargate_listener.changes import ChangeStream
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.feed import MOST_INSTRUMENTS, Feed
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.feeds import Feeds
from fargate_listener.health import Health, Loaded
from fargate_listener.health_log import HealthLog
from fargate_listener.hit_sender import HitSender
from fargate_listener.kite_socket import KiteSocket
from fargate_listener.liveness import Liveness
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.operation import operate
from fargate_listener.price_publisher import PricePublisher
from fargate_listener.redis_client import make_redis_client
from fargate_listener.reporter import Reporter
from fargate_listener.rest_cover import RestCover
from fargate_listener.sight import SightReporter
from fargate_listener.stop_guard import StopGuard
from fargate_listener.watchlist import Watchlist

_REPEAT_SECONDS: Final = 0.1
_LIVE_SECONDS: Final = 10.0
_LOWEST, _HIGHEST = Decimal("0.02"), Decimal(21_000_000)
"""Circuit limits that every price of the benchmark is within, rupees."""


OnFrames = Callable[[Sequence[bytes], float], None]
"""See KiteSocket."""


class _TimedFeed(Feed):
    """The product's, whose frames go to whoever measures how old they are: quotes, which the guard evaluates as well,
    are not of them."""

    on_frames: OnFrames

    def _make_socket(self) -> KiteSocket:
        return KiteSocket(on_frames=self.on_frames, on_text=self._on_text, monotonic=self._monotonic)


class Beside:
    """The parts around one table and guard. `start`, and `end` when it was measured."""

    def __init__(
        self, task: Task, *, table: MarketTable, guard: StopGuard, watchlist: Watchlist, on_frames: OnFrames
    ) -> None:
        """`on_frames` gets what the socket reads, and hands it to the guard."""
        clock, counters, durations, loaded = SystemClock(), Counters(), Durations(), Loaded()
        self._table, self._guard, self._watchlist = table, guard, watchlist
        self._redis = [make_redis_client("127.0.0.1", task.redis_port, tls=False) for _ in range(3)]
        changes_redis, sight_redis, operation_redis = self._redis
        self._sender = HitSender(open_queue=MemoryQueue, clock=clock, monotonic=time.monotonic)
        self._feed = _TimedFeed(
            url=task.url,
            credentials=lambda: FeedCredentials("key", "token"),
            guard=guard,
            counters=counters,
            monotonic=time.monotonic,
            tls=ssl.create_default_context(cafile=task.certificate or None),
        )
        self._feed.on_frames = on_frames
        # Without an index, whose place on the socket an instrument takes.
        self._feeds = Feeds(
            feeds=[self._feed],
            watchlist=watchlist,
            counters=counters,
            monotonic=time.monotonic,
            room=MOST_INSTRUMENTS,
        )
        hours = MarketHours(SessionTableDocument.model_validate(SESSION_TABLE).to_table(), clock)
        liveness = Liveness(
            feeds=self._feeds,
            table=table,
            watchlist=watchlist,
            hours=hours,
            clock=clock,
            monotonic=time.monotonic,
            counters=counters,
        )
        self._cover = RestCover(
            read=self._quote,
            feeds=self._feeds,
            liveness=liveness,
            table=table,
            guard=guard,
            watchlist=watchlist,
            hours=hours,
            monotonic=lambda: time.monotonic() + self._leapt,
            counters=counters,
        )
        self._changes = ChangeStream(redis=changes_redis, counters=counters)
        self._loaded = loaded
        self._leapt = 0.0
        """Seconds by which the quotes' clock is ahead."""
        health = Health(
            feeds=self._feeds,
            guard=guard,
            sender=self._sender,
            loaded=loaded,
            changes=self._changes,
            liveness=liveness,
            cover=self._cover,
        )
        self._publisher = PricePublisher(
            address=("127.0.0.1", task.redis_port),
            tls=False,
            table=table,
            watchlist=watchlist,
            clock=clock,
            counters=counters,
        )
        self._operation = operate(
            redis=operation_redis,
            table=table,
            watchlist=watchlist,
            hours=hours,
            clock=clock,
            monotonic=time.monotonic,
            counters=counters,
            durations=durations,
        )
        self._metrics = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - closed in `end`
        self._parts = (
            liveness,
            self._cover,
            self._publisher,
            SightReporter(redis=sight_redis, sees=health.sees, clock=clock, counters=counters),
            Reporter(
                table=table,
                counters=counters,
                durations=durations,
                sender=self._sender,
                feed=self._feeds,
                guard=guard,
                health=health,
                meter=EmfMeter(clock=clock, stream=self._metrics),
            ),
            HealthLog(reasons=health.reasons, notes=health.notes),
        )
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect, know the circuit limits as some time after a start, and run everything.

        Raises:
            TimeoutError: the sender's prices do not come.
        """
        self._sender.start()
        await self._changes.remember_end()
        self._loaded.checked(time.monotonic())
        self._run(self._feeds.run(), self._operation.run())
        async with asyncio.timeout(_LIVE_SECONDS):
            while not self._feed.frames:  # noqa: ASYNC110 - a feed tells nobody
                await asyncio.sleep(0.01)
        await self._learn_limits()
        self._operation.settle()
        follow = self._changes.run(
            apply=self._watchlist.apply, on_gap=self._loaded.may_have_missed, on_away=self._loaded.may_have_missed
        )
        self._run(*(part.run() for part in self._parts), follow, self._repeat())

    async def end(self) -> None:
        """Everything stops.

        Raises:
            Exception: what ended a part before its time.
        """
        for work in self._running:
            if work.done():
                work.result()
            work.cancel()
        await asyncio.wait(self._running)
        await self._publisher.leave()
        await self._feeds.close()
        self._sender.stop()
        for redis in self._redis:
            await redis.aclose()
        self._metrics.close()

    def _run(self, *work: Coroutine[Any, Any, None]) -> None:
        self._running += [asyncio.create_task(each) for each in work]

    async def _learn_limits(self) -> None:
        """What takes the product some time after a start, a request a second: here the quotes' clock leaps."""
        async with asyncio.timeout(_LIVE_SECONDS):
            while self._cover.unlimited():
                await self._cover.ask()
                self._leapt += 1.0
                # Where there is nothing to ask for nobody waits, and what was asked for may not have been told yet.
                await asyncio.sleep(0)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(_REPEAT_SECONDS)
            while self._guard.repeat(time.monotonic()):  # noqa: ASYNC110 - as in the product, ticks pass between portions
                await asyncio.sleep(0)

    def _quote(self, _credentials: FeedCredentials, keys: Sequence[str]) -> list[Quote]:
        """In a thread: what the feed told last."""
        tokens = [((int(key.removeprefix("NSE:S")) + 1) << 8) | 1 for key in keys]
        return [
            Quote(token, Decimal(price).scaleb(-2), _LOWEST, _HIGHEST, None)
            for token in tokens
            if (price := self._table.latest(token)) is not None
        ]
