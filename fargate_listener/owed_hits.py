"""Hits that the queue has not taken, kept in Redis so that a watcher that ends does not take them with it.

One field for each strategy and day: the later hit replaces the earlier. It is written when a sending has failed, never
before, so that a hit costs nothing where all is well. While Redis is away, too, hits are in memory alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, cast

from algotrading.adapters.redis_keys import OWED_HITS, OWED_HITS_KEPT
from algotrading.contracts.messages import OrderCommand
from fargate_listener.hit_commands import OwedHit

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500
"""Fields of one call: few enough to be taken in a fraction of the time that an answer may take."""
_REST_SECONDS: Final = 2.0
"""After a failure: a sender is not held up by Redis as often as it tries the queue."""


class OwedHits(Protocol):
    """Where hits wait that the queue did not take. Blocking, for several threads; no method raises."""

    def keep(self, owed: Iterable[OwedHit]) -> bool:
        """Write them down, each in place of an earlier one of its strategy and day. Whether all are."""
        ...

    def forget(self, commands: Iterable[OrderCommand]) -> None:
        """They are owed no longer: those of their strategy and day go."""
        ...

    def load(self) -> list[OwedHit] | None:
        """Everything that is kept; None when it cannot be read."""
        ...


class NowhereKept:
    """Hits in memory alone."""

    def keep(self, _owed: Iterable[OwedHit]) -> bool:
        """See OwedHits."""
        return False

    def forget(self, _commands: Iterable[OrderCommand]) -> None:
        """See OwedHits."""

    def load(self) -> list[OwedHit] | None:
        """See OwedHits."""
        return []


class RedisOwedHits:
    """OwedHits in one hash of the shared store, through a client that does not decode what it reads."""

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._away_until = float("-inf")

    def keep(self, owed: Iterable[OwedHit]) -> bool:
        """See OwedHits."""
        left = iter(owed)
        while portion := {_field(command): command.model_dump_json() for command in islice(left, _AT_ONCE)}:
            if not self._ask(lambda portion=portion: self._write(portion)):  # type: ignore[misc]
                return False
        return True

    def forget(self, commands: Iterable[OrderCommand]) -> None:
        """See OwedHits."""
        if fields := [_field(command) for command in commands]:
            self._ask(lambda: self._redis.hdel(OWED_HITS, *fields))

    def load(self) -> list[OwedHit] | None:
        """See OwedHits."""
        found: list[OwedHit] = []

        def read() -> None:
            told = cast("Mapping[bytes, bytes]", self._redis.hgetall(OWED_HITS))
            found.extend(command for text in told.values() if (command := _read(text)) is not None)

        return found if self._ask(read) else None

    def _write(self, fields: Mapping[str, str]) -> None:
        pairs = [text for pair in fields.items() for text in pair]
        with self._redis.pipeline() as pipeline:
            pipeline.hset(OWED_HITS, items=pairs)
            pipeline.expire(OWED_HITS, OWED_HITS_KEPT)
            pipeline.execute()

    def _ask(self, action: Callable[[], object]) -> bool:
        if self._monotonic() < self._away_until:
            return False
        try:
            action()
        except Exception as error:
            # Whatever the client raises: hits are in memory, and nothing of this may keep them from the queue.
            self._away_until = self._monotonic() + _REST_SECONDS
            logger.warning("hits that the queue did not take are in memory alone: %s", type(error).__name__)
            return False
        return True


def _field(command: OrderCommand) -> str:
    return f"{command.strategy_id}:{command.trading_day}"


def _read(text: bytes) -> OwedHit | None:
    try:
        return OwedHit.model_validate_json(text)
    except ValueError:
        logger.error("a hit that was kept cannot be understood")
        return None
