"""The strategy's lock in the runtime store: it keeps two workers from the same work. What makes that safe when it
fails is the fence in PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.errors import LockBusy, RedisDown
from algotrading.ports import Clock, Meter, Runtime

logger = logging.getLogger(__name__)
_PAUSES = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.12, 0.16, 0.24, 0.3, 0.4)
"""Seconds between two tries, 1.5 in all: a worker that is done soon is noticed at once, and one that is dead is
not asked after thirty times."""


@dataclass(frozen=True, slots=True)
class StrategyLock:
    """Takes and releases it. `seconds` is its expiry, longer than a worker can hold it."""

    runtime: Runtime
    clock: Clock
    meter: Meter
    seconds: float

    @contextmanager
    def required(self, strategy_id: UUID, *, on_redis_down: Callable[[], None]) -> Iterator[None]:
        """Entries work under the lock or not at all. Raises LockBusy, RedisDown."""
        try:
            token = self.runtime.lock(strategy_id, seconds=self.seconds)
        except RedisDown:
            self.meter.count("RedisDown")
            on_redis_down()
            raise
        try:
            yield
        finally:
            self._release(strategy_id, token)

    @contextmanager
    def preferred(self, strategy_id: UUID) -> Iterator[None]:
        """Exits and repairs prefer the lock, wait a little for it, and then go on without it: the
        fence keeps that safe, and an exit must not wait for a worker that may be dead."""
        token = self._take_patiently(strategy_id)
        try:
            yield
        finally:
            if token is not None:
                self._release(strategy_id, token)

    @contextmanager
    def if_free(self, strategy_id: UUID) -> Iterator[None]:
        """A look that nothing but a hint asked for: a worker that has the lock looks at the book itself,
        and taking its cycle over would only delay its order. Raises LockBusy."""
        try:
            token = self.runtime.lock(strategy_id, seconds=self.seconds)
        except RedisDown:
            self.meter.count("RedisDown")
            token = None
        try:
            yield
        finally:
            if token is not None:
                self._release(strategy_id, token)

    def _take_patiently(self, strategy_id: UUID) -> str | None:
        for pause in _PAUSES:
            try:
                return self.runtime.lock(strategy_id, seconds=self.seconds)
            except LockBusy:
                self.clock.sleep(pause)
            except RedisDown:
                self.meter.count("RedisDown")
                return None
        logger.warning("took over from a worker that holds the lock", extra={"strategy_id": str(strategy_id)})
        return None

    def _release(self, strategy_id: UUID, token: str) -> None:
        try:
            self.runtime.unlock(strategy_id, token)
        except RedisDown:
            logger.warning("the lock expires by itself", extra={"strategy_id": str(strategy_id)})
