"""A feed with everything around it in memory, and ways to wait for what it does."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from algotrading.adapters.clock import SystemClock
from algotrading.brokers.kite.quotes import Quote
from algotrading.contracts.session_table import SessionTableDocument
from algotrading.domain.sessions import SessionTable
from algotrading.ports import Clock
from exchange_simulator.session_table import SESSION_TABLE
from fargate_listener.counters import Counters
from fargate_listener.feed import Feed
from fargate_listener.feed_account import FeedCredentials, FeedCredentialsMissing
from fargate_listener.feeds import Feeds
from fargate_listener.liveness import Liveness
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.rest_cover import RestCover
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import Watchlist

PATIENCE = 60.0
ALWAYS_OPEN = SessionTableDocument.model_validate(SESSION_TABLE).to_table()
NEVER_OPEN = SessionTable(name="never", version="1", rules=(), holidays=None)


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Return as soon as `condition` holds; fail when it does not come to hold."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of tests
            await asyncio.sleep(0.005)


async def end(task: asyncio.Task[None]) -> None:
    """Cancel `task`; fail when it does not end."""
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        await asyncio.wait({task})


@dataclass
class Desk:
    """A running feed. `credentials` is what the stores say now; None: there are none. Hits go to `report`,
    or are kept in `hits`."""

    url: str
    credentials: FeedCredentials | None
    silence_seconds: float = 2.5
    tls: ssl.SSLContext | None = None
    report: Callable[[Sequence[Hit]], None] | None = None
    hits: list[Hit] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    prices: MarketTable = field(default_factory=MarketTable)
    dials: int = 0
    sentinel: int | None = None
    is_open: bool = False
    """Whether the market is in session, around the clock."""
    clock: Clock = field(default_factory=SystemClock)
    quotes: Callable[[FeedCredentials, Sequence[str]], Sequence[Quote]] = lambda _credentials, _keys: ()

    def __post_init__(self) -> None:
        self.guard = StopGuard(table=self.prices, report=self.report or self.hits.extend, counters=self.counters)
        self.watchlist = Watchlist(self.guard, time.monotonic)
        self.feed = Feed(
            url=self.url,
            credentials=self._read_credentials,
            guard=self.guard,
            counters=self.counters,
            monotonic=time.monotonic,
            sentinel=self.sentinel,
            tls=self.tls,
            silence_seconds=self.silence_seconds,
        )
        self.feeds = Feeds(
            feeds=[self.feed], watchlist=self.watchlist, counters=self.counters, monotonic=time.monotonic
        )
        self.hours = hours = MarketHours(ALWAYS_OPEN if self.is_open else NEVER_OPEN, self.clock)
        self.liveness = Liveness(
            feeds=self.feeds,
            table=self.prices,
            watchlist=self.watchlist,
            hours=hours,
            clock=self.clock,
            monotonic=time.monotonic,
            counters=self.counters,
        )
        self.cover = RestCover(
            read=self.quotes,
            feeds=self.feeds,
            liveness=self.liveness,
            table=self.prices,
            guard=self.guard,
            watchlist=self.watchlist,
            hours=hours,
            monotonic=time.monotonic,
            counters=self.counters,
            pace_seconds=0.05,
        )

    def _read_credentials(self) -> FeedCredentials:
        self.dials += 1
        if self.credentials is None:
            raise FeedCredentialsMissing("nobody has logged in")
        return self.credentials


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[Desk]:
    """Keep the desk's feed, and what looks after it, running until the block ends."""
    tasks = [asyncio.create_task(part.run()) for part in (desk.feeds, desk.liveness, desk.cover)]
    try:
        yield desk
    finally:
        for task in tasks:
            await end(task)
        await desk.feeds.close()
        await asyncio.sleep(0.02)  # a transport that was told to close does so in a later turn of the loop
