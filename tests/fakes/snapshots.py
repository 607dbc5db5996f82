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
            self._database.snapshots.setdefault((snapshot.user_id, snapshot.trading_day), snapshot)

    def find(self, user_id: UUID, trading_day: date) -> BookSnapshot | None:
        """See ports.Snapshots."""
        return self._database.snapshots.get((user_id, trading_day))

    def missing(self, trading_day: date) -> Sequence[tuple[UUID, UUID]]:
        """See ports.Snapshots."""
        traded: dict[UUID, UUID] = {}
        for cycle in self._database.cycles.values():
            if cycle.trading_day == trading_day and self.find(cycle.user_id, trading_day) is None:
                traded[cycle.user_id] = min(cycle.strategy_id, traded.get(cycle.user_id, cycle.strategy_id))
        return sorted(traded.items())
