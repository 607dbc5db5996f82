"""What is known of the world beside the cycle itself, when it is decided how to go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from algotrading.domain.cycle import Cycle
from algotrading.domain.events import BookRead
from algotrading.domain.orders import position_key


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the world. Only `of` has seen the broker's book."""

    now: datetime
    held: int | None = None
    others: int | None = None
    """Bought less sold that day, of the same position, by orders that are not this cycle's."""
    stop_obstacle: str | None = None
    is_read: bool = False
    """Whether the broker's book has just been read."""

    @classmethod
    def of(cls, event: BookRead, cycle: Cycle) -> Look:
        """What a reading of the book brings."""
        plan = cycle.plan
        others = event.reading.others.get(position_key(plan.exchange, plan.symbol, plan.product), 0)
        return cls(event.now, event.held, others, event.stop_obstacle, is_read=True)
