"""The kept books of an account's days, as their owner sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from algotrading.domain.errors import NotFound
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import BookSnapshot, Clock, Ledger, NamedAccounts, Snapshots


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
    named: NamedAccounts
    ledger: Ledger
    clock: Clock

    def read(self, user_id: UUID, day: date | None, account_id: UUID | None = None) -> KeptBook:
        """The book of `day`, today's by default, of one of the user's accounts: the default one, unless it is named; of
        one that was removed, too. Raises NotFound when none was kept (yet), or there is no such account."""
        wanted = day or trading_day_of(self.clock.now())
        snapshot = self.snapshots.find(user_id, account_id or self.named.get(user_id).account_id, wanted)
        if snapshot is None:
            raise NotFound(f"no book of {wanted} is kept; a day's book is kept after the market has closed")
        cycles = [c for c in self.ledger.of_day(user_id, wanted) if c.account_id == snapshot.account_id]
        return KeptBook(snapshot, frozenset(intent.tag for cycle in cycles for intent in cycle.intents))
