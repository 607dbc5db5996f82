"""Latest prices to Redis, at most ten times a second per symbol, off the tick path.

`price:{symbol}` is what everybody reads. `last_price` in a strategy's runtime hash, which is for people, follows it
once a second at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from redis.asyncio import Redis

from algotrading.adapters.redis_keys import price_line
from algotrading.adapters.redis_scripts import PUT_PRICES
from algotrading.ports import Clock
from fargate_listener.counters import Counters
from fargate_listener.market_table import MarketTable
from fargate_listener.redis_client import ANSWER_SECONDS, REDIS_AWAY
from fargate_listener.watchlist import Watchlist
from fargate_listener.wire_prices import price_text

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.1
AT_ONCE: Final = 64
"""Symbols in one call: making its text keeps ticks waiting for some fifty microseconds."""
ROUNDS: Final = 10
"""In each round the strategies of a tenth of the instruments are told their symbol's price, so that each is told once a
second: with tens of strategies on a symbol, telling all of them every time would leave Redis no time for locks."""


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
        self._round = 0
        self._untold: list[dict[int, int]] = [{} for _ in range(ROUNDS)]
        """By the round in which they are told: instruments whose latest price their strategies were not told yet."""

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.publish()

    async def publish(self) -> None:
        """Write every price that came since the last call, a few symbols in each round trip: between two of them
        ticks are evaluated."""
        self._round = (self._round + 1) % ROUNDS
        now = self._clock.now().isoformat()
        # As many as there are when the round begins: those that come meanwhile are the next round's.
        left = self._table.news
        while left > 0:
            news = self._table.take_news(min(left, AT_ONCE))
            left -= len(news)
            if not await self._write(self._lines_of(news), now):
                return
        untold = self._untold[self._round]
        while untold:
            rest = dict(untold.popitem() for _ in range(min(len(untold), AT_ONCE)))
            if not await self._write(self._lines_of(rest, told=True), now):
                return

    async def publish_all(self) -> None:
        """The same, and every strategy is told: the last word before the end."""
        for _ in range(ROUNDS):
            await self.publish()

    def _lines_of(self, news: Mapping[int, int], *, told: bool = False) -> list[str]:
        lines = []
        for token, wire in news.items():
            turn = (token >> 8) % ROUNDS  # the low byte is the segment, the same for most
            if not (told or turn == self._round):
                self._untold[turn][token] = wire
            elif not told:
                self._untold[turn].pop(token, None)
            symbol = self._watchlist.symbol_of(token)
            if symbol is not None:
                lines.append(price_line(symbol, price_text(token, wire), told=told or turn == self._round))
        return lines

    async def _write(self, lines: Sequence[str], now: str) -> bool:
        """Whether Redis took them."""
        if not lines:
            return True
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._redis.eval(PUT_PRICES, 0, now, "".join(lines))
        except REDIS_AWAY as error:
            if not self._is_away:
                logger.error("prices are not being published: %s", type(error).__name__)
            self._is_away = True
            self._counters.failed_price_writes += len(lines)
        else:
            self._is_away = False
        return not self._is_away
