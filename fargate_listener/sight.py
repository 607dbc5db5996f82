"""Tells the shared store once a second that this watcher sees, off the tick path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from redis.asyncio import Redis

from algotrading.adapters.redis_keys import SIGHT, sight_arguments
from algotrading.adapters.redis_scripts import REPORT_SIGHT
from algotrading.domain.sight import LONGEST_UNREPORTED
from algotrading.ports import Clock
from fargate_listener.counters import Counters
from fargate_listener.redis_client import ANSWER_SECONDS, REDIS_AWAY

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0


class SightReporter:
    """Reports while the watcher sees, and is silent while it does not: what is measured is the silence, so
    that a watcher that died needs not say so. Reports that fail are made good by the next, which says since when it
    has been seeing: an absence of Redis is no blindness."""

    def __init__(self, *, redis: Redis, sees: Callable[[], bool], clock: Clock, counters: Counters) -> None:
        self._redis = redis
        self._sees = sees
        self._clock = clock
        self._counters = counters
        self._is_away = False
        self._since: datetime | None = None
        """Since when every look found sight."""
        self._looked_at = clock.now()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.report()

    async def report(self) -> None:
        """One report, if there is anything to report."""
        now = self._clock.now()
        is_late, self._looked_at = now - self._looked_at > LONGEST_UNREPORTED, now
        if not self._sees():
            self._since = None
            return
        if self._since is None or is_late:
            # A process that stood still saw nothing meanwhile.
            self._since = now
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._redis.eval(REPORT_SIGHT, 1, SIGHT, *sight_arguments(now, self._since))
        except REDIS_AWAY as error:
            self._counters.failed_sight_reports += 1
            if not self._is_away:
                logger.error("the watcher sees and cannot say so: %s", type(error).__name__)
            self._is_away = True
        else:
            if self._is_away:
                logger.info("the watcher can say again that it sees")
            self._is_away = False
