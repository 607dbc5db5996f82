"""ports.Snapshots in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from algotrading.ports import BookSnapshot
from tests.fakes.database import MemoryDatabase


class MemorySnapshots:
    """ports.Snapshots in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def add(self, snapshot: BookSnapshot) -> None:
        """See ports.Snapshots."""
        with self._database.turn:
            self._database.snapshots.setdefault((snapshot.account_id, snapshot.trading_day), snapshot)

    def find(self, user_id: UUID, account_id: UUID, trading_day: date) -> BookSnapshot | None:
        """See ports.Snapshots."""
        kept = self._database.snapshots.get((account_id, trading_day))
        return kept if kept is not None and kept.user_id == user_id else None

    def missing(self, trading_day: date) -> Sequence[tuple[UUID, UUID]]:
        """See ports.Snapshots."""
        traded: dict[tuple[UUID, UUID], UUID] = {}
        for cycle in self._database.cycles.values():
            account = (cycle.user_id, cycle.account_id)
            if cycle.trading_day == trading_day and self.find(*account, trading_day) is None:
                traded[account] = min(cycle.strategy_id, traded.get(account, cycle.strategy_id))
        return [(user_id, strategy_id) for (user_id, _), strategy_id in sorted(traded.items())]
