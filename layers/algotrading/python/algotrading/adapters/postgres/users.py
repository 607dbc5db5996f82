"""ports.Users on PostgreSQL."""

from __future__ import annotations

from uuid import UUID

from algotrading.adapters.postgres.database import Database
from algotrading.domain.accounts import Login, User
from algotrading.domain.errors import EmailTaken, NotFound


class PostgresUsers:
    """Accounts of this product."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: User, password_hash: str) -> None:
        """See ports.Users."""
        from psycopg.errors import UniqueViolation

        try:
            with self._database.tenant(user.user_id) as session:
                session.execute(
                    "insert into users (id, email, password_hash, created_at) values (%s, %s, %s, %s)",
                    (user.user_id, user.email, password_hash, user.created_at),
                )
        except UniqueViolation as error:
            raise EmailTaken("an account with this e-mail exists") from error

    def find_login(self, email: str) -> Login | None:
        """See ports.Users."""
        with self._database.login(email) as session:
            row = session.execute(
                "select id, password_hash, locked_at from users where lower(email) = lower(%s) and deleted_at is null",
                (email,),
            ).fetchone()
        return Login(row["id"], row["password_hash"], row["locked_at"] is not None) if row else None

    def get(self, user_id: UUID) -> User:
        """See ports.Users."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select id, email, created_at, email_verified_at, locked_at from users"
                " where id = %s and deleted_at is null",
                (user_id,),
            ).fetchone()
        if row is None:
            raise NotFound("no such user")
        return User(row["id"], row["email"], row["created_at"], row["email_verified_at"], row["locked_at"] is not None)
