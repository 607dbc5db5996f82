"""ports.Standings on PostgreSQL."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.domain.audit import DEPLOYMENT, access_entry, staff_entry
from algotrading.domain.roles import Role, Standing


class PostgresStandings:
    """How callers stand. Each question is a transaction of its own, over before the route's begin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, user_id: UUID) -> Standing | None:
        """See ports.Standings."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select u.locked_at is not null as is_locked,"
                " array(select r.role::text from user_roles r where r.user_id = u.id) as roles"
                " from users u where u.id = %s and u.deleted_at is null",
                (user_id,),
            ).fetchone()
        return None if row is None else Standing(user_id, row["is_locked"], frozenset(map(Role, row["roles"])))

    def enter(self, account: UUID, viewer: UUID, door: str, now: datetime) -> bool:
        """See ports.Standings."""
        with self._database.tenant(account) as session:
            granted = session.execute(
                "select 1 from viewer_grants g join users u on u.id = g.user_id"
                " where g.user_id = %s and g.viewer_id = %s and u.deleted_at is null and u.locked_at is null",
                (account, viewer),
            ).fetchone()
            if granted is None:
                return False
            audit.append(session, access_entry(account, viewer, Role.VIEWER, door, now))
        return True

    def note_staff(self, user_id: UUID, role: Role, door: str, path: str, now: datetime) -> None:
        """See ports.Standings."""
        with self._database.tenant(DEPLOYMENT) as session:
            audit.append(session, staff_entry(user_id, role, door, path, now))

    def reading_only(self) -> AbstractContextManager[None]:
        """See ports.Standings. Routes and this share one connection: bootstrap.parts.database."""
        return self._database.reading_only()
