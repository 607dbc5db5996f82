"""What a broker tells by itself about an order: a hint where to look, never evidence.

Updates are lost, doubled and reordered, and their signature covers neither status nor quantity (Kite
Connect documentation, postbacks). So nothing of an update is ever stored as true: it only says which
strategies to compare with the book.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from algotrading.domain.cycle import Cycle


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """News of one order of one account."""

    order_id: str
    status: str
    filled_quantity: int
    exchange: str
    symbol: str
    tags: frozenset[str]

    @property
    def identity(self) -> str:
        """The same for every copy of the same news, by whatever way it came."""
        return hashlib.sha256(f"{self.order_id}|{self.status}|{self.filled_quantity}".encode()).hexdigest()[:32]


def concerned(update: OrderUpdate, cycles: Sequence[Cycle]) -> Sequence[Cycle]:
    """Which of an account's cycles of the day an update may be news of: those whose order it is; for an
    order that is none of ours, those that hold, or may hold, the same instrument: the trader may have
    sold it by hand."""
    ours = [cycle for cycle in cycles if any(intent.tag in update.tags for intent in cycle.intents)]
    instrument = (update.exchange, update.symbol)
    return ours or [c for c in cycles if c.is_armed and (c.plan.exchange, c.plan.symbol) == instrument]
