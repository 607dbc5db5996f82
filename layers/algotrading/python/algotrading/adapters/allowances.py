"""ports.Allowances: counted in Redis for all functions together, and in this process while Redis is away."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from algotrading.domain.allowances import WINDOW_SECONDS, Allowance, Spent

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)

_MOST_KEPT: Final = 10_000
"""Callers of one process; the oldest give way."""
_LEFT_ALONE_SECONDS: Final = 5.0
"""How long Redis is not asked after it did not answer: not every request waits for a store that is away."""
_SPEND: Final = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {used, redis.call('PTTL', KEYS[1])}
"""
"""KEYS: who. ARGV: the window, ms. What is used, and the milliseconds that the window has still to go."""


class LocalAllowances:
    """Counts in this process alone."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """By caller: what is used, and when the window ends."""

    def spend(self, who: str, allowance: Allowance) -> Spent:
        """See ports.Allowances."""
        now = self._monotonic()
        used, ends = self._windows.pop(who, (0, 0.0))
        if ends <= now:
            used, ends = 0, now + WINDOW_SECONDS
        self._windows[who] = (used + 1, ends)
        while len(self._windows) > _MOST_KEPT:
            self._windows.popitem(last=False)
        return Spent(allowance, used + 1, ends - now)


class RedisAllowances:
    """Counts in Redis. While that is away each process counts by itself: nobody is kept out by a store that is down."""

    def __init__(
        self, client: Redis, meanwhile: LocalAllowances, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._meanwhile = meanwhile
        self._monotonic = monotonic
        self._ask_again_at = 0.0

    def spend(self, who: str, allowance: Allowance) -> Spent:
        """See ports.Allowances."""
        from redis import RedisError

        if self._monotonic() < self._ask_again_at:
            return self._meanwhile.spend(who, allowance)
        try:
            used, left = map(int, self._client.eval(_SPEND, 1, f"allowance:{who}", WINDOW_SECONDS * 1000))
        except RedisError:
            logger.warning("requests are counted in this process: Redis does not answer")
            self._ask_again_at = self._monotonic() + _LEFT_ALONE_SECONDS
            return self._meanwhile.spend(who, allowance)
        return Spent(allowance, used, left / 1000)
