"""A feed with everything around it in memory, and ways to wait for what it does."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fargate_listener.counters import Counters
from fargate_listener.feed import Feed
from fargate_listener.feed_account import FeedCredentials, FeedCredentialsMissing
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import Watchlist

PATIENCE = 60.0


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

    def __post_init__(self) -> None:
        self.guard = StopGuard(table=self.prices, report=self.report or self.hits.extend, counters=self.counters)
        self.watchlist = Watchlist(self.guard, time.monotonic)
        self.feed = Feed(
            url=self.url,
            credentials=self._read_credentials,
            watchlist=self.watchlist,
            guard=self.guard,
            counters=self.counters,
            monotonic=time.monotonic,
            tls=self.tls,
            silence_seconds=self.silence_seconds,
        )

    def _read_credentials(self) -> FeedCredentials:
        self.dials += 1
        if self.credentials is None:
            raise FeedCredentialsMissing("nobody has logged in")
        return self.credentials


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[Desk]:
    """Keep the desk's feed running until the block ends."""
    task = asyncio.create_task(desk.feed.run())
    try:
        yield desk
    finally:
        await end(task)
        await desk.feed.close()
