"""Tells the shared store once a second that this watcher sees, off the tick path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from redis.asyncio import Redis

from algotrading.adapters.redis_keys import SIGHT, sight_arguments
from algotrading.adapters.redis_scripts import REPORT_SIGHT
from algotrading.ports import Clock
from fargate_listener.counters import Counters
from fargate_listener.redis_client import ANSWER_SECONDS, REDIS_AWAY

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0


class SightReporter:
    """Reports while the watcher sees, and is silent while it does not: what is measured is the silence, so
    that a watcher that died needs not say so. One report that fails is made good by the next."""

    def __init__(self, *, redis: Redis, sees: Callable[[], bool], clock: Clock, counters: Counters) -> None:
        self._redis = redis
        self._sees = sees
        self._clock = clock
        self._counters = counters
        self._is_away = False

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.report()

    async def report(self) -> None:
        """One report, if there is anything to report."""
        if not self._sees():
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._redis.eval(REPORT_SIGHT, 1, SIGHT, *sight_arguments(self._clock.now()))
        except REDIS_AWAY as error:
            self._counters.failed_sight_reports += 1
            if not self._is_away:
                logger.error("the watcher sees and cannot say so: %s", type(error).__name__)
            self._is_away = True
        else:
            self._is_away = False
