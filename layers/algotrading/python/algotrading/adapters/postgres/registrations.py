"""ports.Registrations on PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from algotrading.adapters.postgres.database import Database
from algotrading.domain.registrations import Registration


class PostgresRegistrations:
    """Accounts that were asked for, each a tenant of its own from the beginning."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, asked: Registration) -> None:
        """See ports.Registrations."""
        with self._database.tenant(asked.user_id) as session:
            session.execute(
                "insert into registrations (user_id, email, password_hash, created_at, expires_at)"
                " values (%s, %s, %s, %s, %s)",
                (asked.user_id, asked.email, asked.password_hash, asked.created_at, asked.expires_at),
            )

    def email_of(self, user_id: UUID, now: datetime) -> str | None:
        """See ports.Registrations."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select email from registrations where user_id = %s and expires_at > %s", (user_id, now)
            ).fetchone()
        return None if row is None else str(row["email"])

    def add_link(self, user_id: UUID, token_hash: bytes) -> None:
        """See ports.Registrations."""
        with self._database.tenant(user_id) as session:
            session.execute(
                "update registrations set token_hashes = token_hashes || %s::bytea where user_id = %s",
                (token_hash, user_id),
            )

    def by_link(self, user_id: UUID, token_hash: bytes, now: datetime) -> Registration | None:
        """See ports.Registrations."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select user_id, email, password_hash, created_at from registrations"
                " where user_id = %s and %s = any(token_hashes) and expires_at > %s",
                (user_id, token_hash, now),
            ).fetchone()
        return None if row is None else Registration(**row)

    def forget(self, user_id: UUID) -> None:
        """See ports.Registrations."""
        with self._database.tenant(user_id) as session:
            session.execute("delete from registrations where user_id = %s", (user_id,))

    def forget_old(self, now: datetime) -> None:
        """See ports.Registrations."""
        with self._database.system() as session:
            session.execute("select forget_registrations(%s)", (now,))
