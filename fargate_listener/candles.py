"""Hands each minute's candles to whoever keeps them: one entry per candle in a Redis stream, off the tick path. The
same write puts it among its instrument's candles of the day, which the API shows.

Every watcher writes, and a script in Redis lets a candle in only when it was made of more ticks than the one that is
there. So two watchers that saw the same leave one entry, and what a watcher saw that began in the midst of a minute is
followed by the whole. See docs/candles.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from redis.asyncio import Redis

from algotrading.adapters.redis_keys import CANDLES, candle_arguments, candles_written_key
from algotrading.adapters.redis_scripts import PUT_CANDLES
from algotrading.domain.candles import MinuteCandle
from fargate_listener.counters import Counters
from fargate_listener.market_table import MarketTable, MinuteBar
from fargate_listener.redis_client import ANSWER_SECONDS, REDIS_AWAY
from fargate_listener.watchlist import Watchlist
from fargate_listener.wire_prices import to_price

logger = logging.getLogger(__name__)

BATCH: Final = 50
"""Candles of one call: making their text keeps the event loop from ticks for a millisecond at most."""
KEPT_MINUTES: Final = 10
"""So many minutes are kept while Redis is away; what is older is lost, and counted."""
RETRY_SECONDS: Final = 2.0
LEAVE_SECONDS: Final = 2.0


class CandleWriter:
    """Takes the ended bars of a minute when the next one begins, and writes until Redis has them."""

    def __init__(self, *, redis: Redis, table: MarketTable, watchlist: Watchlist, counters: Counters) -> None:
        self._redis = redis
        self._table = table
        self._watchlist = watchlist
        self._counters = counters
        self._turned = asyncio.Event()
        self._minute = 0
        self._pending: deque[tuple[int, list[_NamedBar]]] = deque()
        """Batches by their minute, oldest first."""
        self._is_away = False

    @property
    def pending(self) -> int:
        """Candles that Redis does not have yet."""
        return sum(len(batch) for _, batch in self._pending)

    def turn(self, minute: int) -> None:
        """A minute begins, counted since the epoch: those before it are over. Returns at once."""
        self._minute = minute
        self._turned.set()

    async def run(self) -> None:
        """Take and write until cancelled."""
        while True:
            try:
                async with asyncio.timeout(RETRY_SECONDS if self._pending else None):
                    await self._turned.wait()
            except TimeoutError:
                logger.debug("candles are written once more")
            if self._turned.is_set():
                self._turned.clear()
                self.take()
            await self.write()

    async def leave(self) -> None:
        """Write once more what is pending, for `LEAVE_SECONDS` at most. The minute that is not over is left to the
        other watchers, who see all of it."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.write()
        except TimeoutError:
            logger.warning("candles were not handed over", extra={"candles": self.pending})

    def take(self) -> None:
        """Take what has ended. An instrument that no strategy trades has no name here, and no candle."""
        named = self._named(self._table.take_bars(self._minute))
        self._watchlist.forget_names()
        for minute in sorted({bar.minute for _, _, bar in named}):
            bars = [each for each in named if each[2].minute == minute]
            self._pending += [(minute, bars[begin : begin + BATCH]) for begin in range(0, len(bars), BATCH)]
        lost = 0
        while self._pending and self._pending[0][0] < self._minute - KEPT_MINUTES:
            lost += len(self._pending.popleft()[1])
        if lost:
            self._counters.lost_candles += lost
            logger.error("candles are lost: Redis was away for too long", extra={"candles": lost})

    async def write(self) -> None:
        """Write what is pending, up to the first call that fails."""
        while self._pending:
            minute, batch = self._pending[0]
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    arguments = candle_arguments([_candle(*each) for each in batch])
                    unkept = await self._redis.eval(PUT_CANDLES, 2, CANDLES, candles_written_key(minute), *arguments)
            except REDIS_AWAY as error:
                self._counters.failed_candle_writes += 1
                if not self._is_away:
                    logger.error("candles are not being handed over: %s", type(error).__name__)
                self._is_away = True
                return
            if self._is_away:
                logger.info("candles are being handed over again")
            self._is_away = False
            if unkept:
                # The stream has them: nothing is to be tried again.
                self._counters.failed_candle_writes += 1
                logger.error("candles are missing from their day", extra={"candles": unkept})
            if self._pending and self._pending[0][1] is batch:
                self._pending.popleft()

    def _named(self, bars: Sequence[MinuteBar]) -> list[_NamedBar]:
        return [(*name, bar) for bar in bars if (name := self._watchlist.name_of(bar.token)) is not None]


_NamedBar = tuple[str, str, MinuteBar]
"""Exchange, symbol, and the bar."""


def _candle(exchange: str, symbol: str, bar: MinuteBar) -> MinuteCandle:
    return MinuteCandle(
        exchange=exchange,
        symbol=symbol,
        token=bar.token,
        minute=datetime.fromtimestamp(60 * bar.minute, UTC),
        open=to_price(bar.token, bar.open),
        high=to_price(bar.token, bar.high),
        low=to_price(bar.token, bar.low),
        close=to_price(bar.token, bar.close),
        ticks=bar.ticks,
    )
