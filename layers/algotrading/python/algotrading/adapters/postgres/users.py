"""ports.Users on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.domain.accounts import ACCOUNT_IS_GONE, LOCKED, Login, User
from algotrading.domain.audit import AuditKind, account_entry
from algotrading.domain.errors import AccountLocked, Conflict, NotFound, TokenInvalid

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


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
                    "insert into users (id, email, password_hash, created_at, email_verified_at)"
                    " values (%s, %s, %s, %s, %s)",
                    (user.user_id, user.email, password_hash, user.created_at, user.email_verified_at),
                )
                if user.email_verified_at is not None:
                    audit.append(session, account_entry(user.user_id, AuditKind.EMAIL_VERIFIED, user.email_verified_at))
        except UniqueViolation as error:
            raise Conflict("an account with this e-mail exists") from error

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


def hold_undeleted(session: Session, user_id: UUID) -> None:
    """Hold the row of the transaction's tenant to the commit: the account is not deleted before it, and was not.

    Whatever is stored in a user's name takes this first, before any other lock: what came later would stay for good.
    What finishes a trade that was begun does not: an account is not deleted before its trades are settled.

    Raises:
        TokenInvalid: the account is gone.
    """
    found = session.execute(
        "select from users where id = %s and deleted_at is null for no key update", (user_id,)
    ).fetchone()
    if found is None:
        raise TokenInvalid(ACCOUNT_IS_GONE)


def refuse_deleted(session: Session, user_id: UUID) -> None:
    """The same for what may wait for nobody, and holds no row: a deletion just then may come between.

    Raises:
        TokenInvalid: the account is gone.
    """
    if session.execute("select from users where id = %s and deleted_at is null", (user_id,)).fetchone() is None:
        raise TokenInvalid(ACCOUNT_IS_GONE)


def hold_open(session: Session, user_id: UUID) -> str | None:
    """The password hash of the transaction's tenant, whose row is held to the commit; None: the account is gone.

    Raises:
        AccountLocked: nobody gets in.
    """
    user = session.execute(
        "select password_hash, locked_at from users where id = %s and deleted_at is null for no key update", (user_id,)
    ).fetchone()
    if user is None:
        return None
    if user["locked_at"] is not None:
        raise AccountLocked(LOCKED)
    return str(user["password_hash"])
