"""Latest prices to Redis, at most ten times a second per symbol, off the tick path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from redis.asyncio import Redis

from algotrading.adapters.redis_keys import price_fields, price_key, symbol_key
from algotrading.adapters.redis_scripts import PUT_PRICE
from algotrading.ports import Clock
from fargate_listener.counters import Counters
from fargate_listener.market_table import MarketTable
from fargate_listener.redis_client import ANSWER_SECONDS, REDIS_AWAY
from fargate_listener.watchlist import Watchlist
from fargate_listener.wire_prices import to_price

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.1
_AT_ONCE = 40
"""Symbols in one round trip: all 3,000 of a socket in one kept ticks waiting for tens of milliseconds."""


class PricePublisher:
    """Writes the news of the market table. A price that could not be written is not kept: the next tick
    brings a better one."""

    def __init__(
        self,
        *,
        redis: Redis,
        table: MarketTable,
        watchlist: Watchlist,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._redis = redis
        self._table = table
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
        """Write every price that came since the last call, a few symbols in each round trip: between two of them
        ticks are evaluated."""
        named = [(self._watchlist.symbol_of(token), token, wire) for token, wire in self._table.take_news().items()]
        news = [(symbol, to_price(token, wire)) for symbol, token, wire in named if symbol is not None]
        now = self._clock.now()
        for begin in range(0, len(news), _AT_ONCE):
            if not await self._write(news[begin : begin + _AT_ONCE], now):
                self._counters.failed_price_writes += len(news) - begin
                return

    async def _write(self, news: Sequence[tuple[str, Decimal]], now: datetime) -> bool:
        """Whether Redis took them."""
        pipeline = self._redis.pipeline(transaction=False)
        for symbol, price in news:
            arguments = [part for item in price_fields(price, now).items() for part in item]
            pipeline.eval(PUT_PRICE, 2, price_key(symbol), symbol_key(symbol), *arguments)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await pipeline.execute()
        except REDIS_AWAY as error:
            if not self._is_away:
                logger.error("prices are not being published: %s", type(error).__name__)
            self._is_away = True
        else:
            self._is_away = False
        return not self._is_away
