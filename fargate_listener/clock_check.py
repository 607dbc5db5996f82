"""Whether our clock is right, held against others: Redis', and the exchange's time stamps.

Entries and exits have their instant, candles their minute, and hits an identity that contains the time: a clock that is
wrong makes all of them wrong in silence. Amazon's time service keeps a task's clock within a millisecond; when it does
not, somebody must know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis

from algotrading.ports import Clock
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.market_table import MarketTable
from fargate_listener.redis_client import ANSWER_SECONDS, REDIS_AWAY
from fargate_listener.timekeeper import AHEAD_SECONDS

logger = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 60.0
MOST_SECONDS: Final = 1.0
"""A larger offset from Redis' clock is trouble."""
MOST_AHEAD_SECONDS: Final = 2.0
"""A stamp of the exchange further ahead of our clock is trouble. A stamp that is behind says nothing of the clock."""


class ClockCheck:
    """Compares once a minute. Which of two clocks is wrong it cannot know; that they differ is told."""

    def __init__(
        self,
        *,
        redis: Redis,
        table: MarketTable,
        clock: Clock,
        monotonic: Callable[[], float],
        durations: Durations,
        counters: Counters,
    ) -> None:
        self._redis = redis
        self._table = table
        self._clock = clock
        self._monotonic = monotonic
        self._durations = durations
        self._counters = counters
        self._stamp = self._future_stamps = 0
        """What the table had told at the last comparison."""

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def check(self) -> None:
        """One comparison with each clock that answers."""
        self._check_stamps()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._check_redis()
        except REDIS_AWAY as error:
            # Counted by those who need it; the next minute brings another answer.
            logger.debug("Redis does not say what time it is: %s", type(error).__name__)

    def _check_stamps(self) -> None:
        stamp = self._table.latest_stamp
        ahead = stamp - self._clock.now().timestamp()
        if stamp and ahead > MOST_AHEAD_SECONDS:
            self._durations.clock_offsets.add(ahead)
            self._tell("the exchange's stamps", -ahead)
        # None that is so far ahead is believed, and by how much it is nobody keeps. Among others it is garbage.
        elif stamp == self._stamp and self._table.future_stamps > self._future_stamps:
            self._durations.clock_offsets.add(AHEAD_SECONDS)
            self._tell("the exchange's stamps", -AHEAD_SECONDS, at_least=True)
        self._stamp, self._future_stamps = stamp, self._table.future_stamps

    async def _check_redis(self) -> None:
        offset, error = await offset_from_redis(self._redis, self._clock, self._monotonic)
        self._durations.clock_offsets.add(abs(offset))
        if abs(offset) - error > MOST_SECONDS:
            self._tell("Redis", offset)

    def _tell(self, whose: str, offset: float, *, at_least: bool = False) -> None:
        self._counters.wrong_clocks += 1
        direction = "ahead of" if offset > 0 else "behind"
        least = "at least " * at_least
        logger.error("our clock is %s%.3f s %s that of %s", least, abs(offset), direction, whose)


async def offset_from_redis(redis: Redis, clock: Clock, monotonic: Callable[[], float]) -> tuple[float, float]:
    """Seconds by which our clock is ahead of Redis', and by how many that may be wrong."""
    # A connection that is still to be made would be taken for a slow answer.
    await redis.ping()
    asked_at, asked = clock.now().timestamp(), monotonic()
    seconds, microseconds = await redis.time()
    trip = monotonic() - asked
    # The answer was given somewhere on the way there and back: half of it is the best guess, and the most it errs.
    return asked_at + trip / 2 - (int(seconds) + int(microseconds) / 1e6), trip / 2
