"""I7: no entry leaves once its strategy was stopped or a kill switch pressed, and none after the kill was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from algotrading.domain.cycle import Cycle
from algotrading.domain.limits import LAST_LOOK
from tests.fakes.database import MemoryDatabase
from tests.simulation.kernel import Kernel

_LAST_LOOK = LAST_LOOK // timedelta(microseconds=1)
"""An entry leaves within this of the beginning of its last look, by its own process's clock."""
_WAY = 250_000
"""Microseconds from that comparison to the exchange, as the kill switch counts upon (SETTLING). Longer takes only a
process that stands still, which is counted beside it."""


@dataclass(slots=True)
class _Lock:
    stored_at: int
    answered_at: int | None = None


@dataclass(slots=True)
class Switches:
    """When what forbids an entry was stored, by true time, whatever clock its own process had."""

    kernel: Kernel
    database: MemoryDatabase
    broken: Callable[[str, str], None]
    _stopped_at: dict[UUID, int] = field(default_factory=dict)
    _locks: dict[UUID | None, _Lock] = field(default_factory=dict)
    """By user; the operator's, for everybody, under None."""

    def strategy_stored(self, strategy_id: UUID) -> None:
        """A strategy was stored: it may run now, or be stopped."""
        if self.database.strategies[strategy_id].is_running:
            self._stopped_at.pop(strategy_id, None)
        else:
            self._stopped_at.setdefault(strategy_id, self.kernel.micros)

    def locked(self, user_id: UUID | None) -> None:
        """A kill switch was stored as pressed; it may have been before."""
        self._locks.setdefault(user_id, _Lock(self.kernel.micros))

    def answered(self, user_id: UUID | None) -> None:
        """Whoever pressed it was answered that no entry leaves any more; somebody may have released it meanwhile."""
        lock = self._locks.get(user_id)
        if lock is not None and lock.answered_at is None:
            lock.answered_at = self.kernel.micros

    def released(self, user_id: UUID | None) -> None:
        """A kill switch was stored as released."""
        self._locks.pop(user_id, None)

    def entry_left(self, cycle: Cycle) -> None:
        """An entry is at the exchange: its last look was before the switch, and nothing but its process's standing
        still, or its clock's being set back, has held it up since."""
        now = self.kernel.micros
        stopped_at = self._stopped_at.get(cycle.strategy_id)
        if stopped_at is not None and now - stopped_at > _LAST_LOOK + _WAY + self._held_up(stopped_at):
            self.broken("I7", f"an entry left {_seconds(now - stopped_at)} after its strategy was stopped")
        for lock in self._of(cycle.user_id):
            held_up = self._held_up(lock.stored_at)
            if now - lock.stored_at > _LAST_LOOK + _WAY + held_up:
                self.broken("I7", f"an entry left {_seconds(now - lock.stored_at)} after the kill switch was pressed")
            if lock.answered_at is not None and now > lock.answered_at + held_up:
                self.broken("I7", f"an entry left {_seconds(now - lock.answered_at)} after the kill was answered")

    def _of(self, user_id: UUID) -> Iterator[_Lock]:
        for whose in (user_id, None):
            if whose in self._locks:
                yield self._locks[whose]

    def _held_up(self, since: int) -> int:
        """For how long the sender stood still since then; and by how much its clock was set back, from its last look
        on, which may have begun that much earlier."""
        worker = self.kernel.current
        return 0 if worker is None else worker.stood_still(since) + worker.set_back(since - _LAST_LOOK - _WAY)


def _seconds(micros: int) -> str:
    return f"{micros / 1_000_000:.3f} s"
