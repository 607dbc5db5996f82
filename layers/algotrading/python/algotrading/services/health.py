"""Whether the parts of a deployment answer: what can be known by asking each of them once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from algotrading.domain.administration import QueueDepth, StorePulse
from algotrading.domain.sight import LONGEST_UNREPORTED, Sight
from algotrading.ports import Administration, Clock, QueueGauge, Runtime

logger = logging.getLogger(__name__)

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Part:
    """Whether a part answered, and how fast."""

    is_up: bool
    took: timedelta


@dataclass(frozen=True, slots=True)
class Health:
    """What each part said. Nothing is concluded from it: that is what alarms do, from more than one look."""

    as_of: datetime
    database: Part
    pulse: StorePulse | None
    redis: Part
    sight: Sight | None
    """What the watchers reported last; None: nothing ever, or Redis is away."""
    queues: Sequence[QueueDepth] | None
    """None: SQS did not answer."""

    @property
    def is_watched(self) -> bool:
        """Whether a watcher has reported that it sees, just now. By night none does."""
        return self.sight is not None and self.as_of - self.sight.at <= LONGEST_UNREPORTED


@dataclass(frozen=True, slots=True)
class HealthReader:
    """Asks each part, and takes its silence for an answer."""

    store: Administration
    runtime: Runtime
    gauge: QueueGauge
    clock: Clock

    def read(self) -> Health:
        """A look at everything."""
        database, pulse = self._ask("the database", self.store.pulse)
        redis, sight = self._ask("Redis", self.runtime.sight)
        _, queues = self._ask("SQS", self.gauge.depths)
        return Health(self.clock.now(), database, pulse, redis, sight, queues)

    def _ask(self, name: str, ask: Callable[[], _Found]) -> tuple[Part, _Found | None]:
        asked_at = self.clock.now()
        try:
            found = ask()
        except Exception:
            # Whatever it was: that it does not answer is what was asked.
            logger.warning("%s did not answer", name, exc_info=True)
            return Part(False, self.clock.now() - asked_at), None
        return Part(True, self.clock.now() - asked_at), found
