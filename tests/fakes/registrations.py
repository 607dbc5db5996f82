"""ports.Registrations in memory."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from algotrading.domain.registrations import Registration
from tests.fakes.database import MemoryDatabase


class MemoryRegistrations:
    """ports.Registrations in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def add(self, asked: Registration) -> None:
        """See ports.Registrations."""
        self._database.registrations[asked.user_id] = (asked, frozenset())

    def email_of(self, user_id: UUID, now: datetime) -> str | None:
        """See ports.Registrations."""
        found = self._database.registrations.get(user_id)
        return found[0].email if found is not None and now < found[0].expires_at else None

    def add_link(self, user_id: UUID, token_hash: bytes) -> None:
        """See ports.Registrations."""
        with self._database.turn:
            if user_id in self._database.registrations:
                asked, links = self._database.registrations[user_id]
                self._database.registrations[user_id] = (asked, links | {token_hash})

    def by_link(self, user_id: UUID, token_hash: bytes, now: datetime) -> Registration | None:
        """See ports.Registrations."""
        found = self._database.registrations.get(user_id)
        is_good = found is not None and token_hash in found[1] and now < found[0].expires_at
        return found[0] if found is not None and is_good else None

    def forget(self, user_id: UUID) -> None:
        """See ports.Registrations."""
        self._database.registrations.pop(user_id, None)

    def forget_old(self, now: datetime) -> None:
        """See ports.Registrations."""
        with self._database.turn:
            for user_id, (asked, _) in list(self._database.registrations.items()):
                if asked.expires_at <= now:
                    del self._database.registrations[user_id]
