"""The kept books of an account's days, as their owner sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from algotrading.domain.accounts import first_account_of
from algotrading.domain.errors import NotFound
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import BookSnapshot, Clock, Ledger, Snapshots


@dataclass(frozen=True, slots=True)
class KeptBook:
    """A day's book. Orders that carry none of `our_tags` were placed by the trader, or by another app of theirs:
    they are shown, and never touched."""

    snapshot: BookSnapshot
    our_tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class BrokerBooks:
    """Reads kept books."""

    snapshots: Snapshots
    ledger: Ledger
    clock: Clock

    def read(self, user_id: UUID, day: date | None) -> KeptBook:
        """The user's book of `day`, today's by default. Raises NotFound when none was kept (yet)."""
        wanted = day or trading_day_of(self.clock.now())
        snapshot = self.snapshots.find(user_id, first_account_of(user_id), wanted)
        if snapshot is None:
            raise NotFound(f"no book of {wanted} is kept; a day's book is kept after the market has closed")
        cycles = self.ledger.of_day(user_id, wanted)
        return KeptBook(snapshot, frozenset(intent.tag for cycle in cycles for intent in cycle.intents))
