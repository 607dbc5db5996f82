"""ports.Throttle: counted in Redis for all functions together, and in this process while Redis is away."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from algotrading.domain.throttle import LONGEST_WAIT_SECONDS, REMEMBERED_SECONDS, Suspect, wait_after

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)

_MOST_KEPT = 10_000
"""Suspects of one process; the oldest give way."""
_TRY = """
for i = 1, #KEYS do
    local left = redis.call('PTTL', KEYS[i] .. ':wait')
    if left > 0 then return left end
end
for i = 1, #KEYS do
    local tries = redis.call('INCR', KEYS[i])
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
    local over = tries - tonumber(ARGV[i + 2])
    if over >= 0 then
        local wait = math.min(2 ^ math.min(over, 20) * 1000, tonumber(ARGV[2]))
        redis.call('SET', KEYS[i] .. ':wait', 1, 'PX', math.floor(wait))
    end
end
return 0
"""
"""KEYS: suspects. ARGV: remembered and longest wait, ms, then the free tries of each. Milliseconds to wait, or 0 and
the try is counted: at once, so that a hundred guesses side by side are a hundred."""
_WAITS = """
local longest = 0
for i = 1, #KEYS do longest = math.max(longest, redis.call('PTTL', KEYS[i] .. ':wait')) end
return longest
"""
_CLEAR = """
for i = 1, #KEYS do
    redis.call('DEL', KEYS[i] .. ':wait')
    if ARGV[i] == '1' then redis.call('DEL', KEYS[i])
    elseif redis.call('EXISTS', KEYS[i]) == 1 and redis.call('DECR', KEYS[i]) <= 0 then redis.call('DEL', KEYS[i]) end
end
"""


class LocalThrottle:
    """Counts in this process alone."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._tries: OrderedDict[str, tuple[int, float, float]] = OrderedDict()
        """By digest: tries, the instant until which no other is taken, and when it is forgotten."""

    def try_now(self, suspects: Sequence[Suspect]) -> float:
        """See ports.Throttle."""
        now = self._monotonic()
        waits = [self._kept(each, now)[1] - now for each in suspects]
        if max(waits) > 0:
            return max(waits)
        for each in suspects:
            tries = self._kept(each, now)[0] + 1
            self._tries[each.digest] = (tries, now + wait_after(tries, each.free), now + REMEMBERED_SECONDS)
            self._tries.move_to_end(each.digest)
        while len(self._tries) > _MOST_KEPT:
            self._tries.popitem(last=False)
        return 0.0

    def waits(self, suspects: Sequence[Suspect]) -> float:
        """See ports.Throttle."""
        now = self._monotonic()
        return max(0.0, *(self._kept(each, now)[1] - now for each in suspects))

    def succeeded(self, suspects: Sequence[Suspect]) -> None:
        """See ports.Throttle."""
        now = self._monotonic()
        for each in suspects:
            tries, _, forgotten = self._kept(each, now)
            if each.is_cleared or tries <= 1:
                self._tries.pop(each.digest, None)
            else:
                self._tries[each.digest] = (tries - 1, now, forgotten)

    def has_counted(self, suspect: Suspect) -> bool:
        """Whether tries of this suspect were counted here, and are not forgotten."""
        return suspect.digest in self._tries

    def _kept(self, suspect: Suspect, now: float) -> tuple[int, float, float]:
        kept = self._tries.get(suspect.digest)
        return kept if kept is not None and kept[2] > now else (0, now, now)


class RedisThrottle:
    """Counts in Redis. While that is away each process counts by itself: an attacker has as many tries as there are
    processes, and nobody is kept out by a store that is down."""

    def __init__(self, client: Redis, meanwhile: LocalThrottle) -> None:
        self._client = client
        self._meanwhile = meanwhile

    def try_now(self, suspects: Sequence[Suspect]) -> float:
        """See ports.Throttle."""
        from redis import RedisError

        times = [int(REMEMBERED_SECONDS * 1000), int(LONGEST_WAIT_SECONDS * 1000)]
        try:
            left = self._client.eval(
                _TRY, len(suspects), *map(_key, suspects), *times, *(each.free for each in suspects)
            )
        except RedisError:
            logger.warning("tries are counted in this process: Redis does not answer")
            return self._meanwhile.try_now(suspects)
        return int(str(left)) / 1000

    def waits(self, suspects: Sequence[Suspect]) -> float:
        """See ports.Throttle."""
        from redis import RedisError

        try:
            left = self._client.eval(_WAITS, len(suspects), *map(_key, suspects))
        except RedisError:
            return self._meanwhile.waits(suspects)
        return int(str(left)) / 1000

    def succeeded(self, suspects: Sequence[Suspect]) -> None:
        """See ports.Throttle."""
        from redis import RedisError

        # Redis may have been away when the try was counted, and be back now: each is taken back where it was counted.
        here = [each for each in suspects if self._meanwhile.has_counted(each)]
        if here:
            self._meanwhile.succeeded(here)
        there = [each for each in suspects if each.is_cleared or each not in here]
        if not there:
            return
        try:
            self._client.eval(
                _CLEAR, len(there), *map(_key, there), *("1" if each.is_cleared else "0" for each in there)
            )
        except RedisError:
            logger.warning("a good try is not taken back: Redis does not answer")


def _key(suspect: Suspect) -> str:
    return f"throttle:{suspect.digest}"
