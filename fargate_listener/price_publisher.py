"""Latest prices to Redis, at most ten times a second per symbol, off the tick path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from redis.asyncio import Redis
from redis.exceptions import RedisError

from algotrading.ports import Clock
from fargate_listener.counters import Counters
from fargate_listener.frames import to_price
from fargate_listener.prices import PriceBook
from fargate_listener.watchlist import Watchlist

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.1

Entry = Callable[[str, Decimal, datetime], tuple[str, str]]
"""(symbol, price, at) -> Redis key and value."""


class PricePublisher:
    """Writes the news of the price book. A price that could not be written is not kept: the next tick
    brings a better one."""

    def __init__(
        self,
        *,
        redis: Redis,
        entry: Entry,
        prices: PriceBook,
        watchlist: Watchlist,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._redis = redis
        self._entry = entry
        self._prices = prices
        self._watchlist = watchlist
        self._clock = clock
        self._counters = counters
        self._is_away = False

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.publish()

    async def publish(self) -> None:
        """Write every price that came since the last call, in one round trip."""
        news = self._prices.take_news()
        now = self._clock.now()
        entries: dict[str, str] = {}
        for token, wire in news.items():
            symbol = self._watchlist.symbol_of(token)
            if symbol is not None:
                key, value = self._entry(symbol, to_price(token, wire), now)
                entries[key] = value
        if not entries:
            return
        try:
            await self._redis.mset(entries)
        except (RedisError, OSError) as error:
            self._counters.failed_price_writes += len(entries)
            if not self._is_away:
                logger.error("prices are not being published: %s", type(error).__name__)
            self._is_away = True
        else:
            self._is_away = False
