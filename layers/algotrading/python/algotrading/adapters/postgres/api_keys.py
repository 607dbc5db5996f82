"""ports.ApiKeys on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.outbox import write_notice
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.domain.account_notices import key_made
from algotrading.domain.api_keys import MOST_KEYS, ApiKey, Scope
from algotrading.domain.audit import AuditKind, api_key_entry
from algotrading.domain.errors import Conflict, NotFound
from algotrading.domain.notices import NoticeKind

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_COLUMNS = "key_id, user_id, name, scopes, created_at, expires_at, last_used_at"


class PostgresApiKeys:
    """Keys of programs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: ApiKey, key_hash: bytes) -> None:
        """See ports.ApiKeys."""
        with self._database.tenant(key.user_id) as session:
            # One after the other: two at once would both find room for the last.
            hold_undeleted(session, key.user_id)
            row = session.execute("select count(*) as held from api_keys where user_id = %s", (key.user_id,)).fetchone()
            if row is not None and row["held"] >= MOST_KEYS:
                raise Conflict(f"an account has {MOST_KEYS} keys at most: revoke one first")
            session.execute(
                "insert into api_keys (key_id, user_id, name, key_hash, scopes, created_at, expires_at)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                (
                    key.key_id,
                    key.user_id,
                    key.name,
                    key_hash,
                    sorted(key.scopes),
                    key.created_at,
                    key.expires_at,
                ),
            )
            audit.append(session, api_key_entry(key, AuditKind.API_KEY_CREATED, key.created_at))
            write_notice(session, key.user_id, NoticeKind.API_KEY_MADE, key_made(key), key.created_at)

    def of_user(self, user_id: UUID) -> Sequence[ApiKey]:
        """See ports.ApiKeys."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                f"select {_COLUMNS} from api_keys where user_id = %s order by created_at, key_id",  # noqa: S608
                (user_id,),
            ).fetchall()
        return [api_key(row) for row in rows]

    def revoke(self, user_id: UUID, key_id: UUID, now: datetime) -> None:
        """See ports.ApiKeys."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                f"delete from api_keys where user_id = %s and key_id = %s returning {_COLUMNS}",  # noqa: S608
                (user_id, key_id),
            ).fetchone()
            if row is None:
                raise NotFound("no such key")
            audit.append(session, api_key_entry(api_key(row), AuditKind.API_KEY_REVOKED, now))


def api_key(row: Mapping[str, Any]) -> ApiKey:
    """A row of `api_keys`, without its hash."""
    return ApiKey(**{**row, "scopes": frozenset(map(Scope, row["scopes"]))})


def revoke_keys(session: Session, user_id: UUID, now: datetime) -> None:
    """All of a user's keys are gone."""
    rows = session.execute(
        f"delete from api_keys where user_id = %s returning {_COLUMNS}",  # noqa: S608 - constant columns
        (user_id,),
    ).fetchall()
    for row in rows:
        audit.append(session, api_key_entry(api_key(row), AuditKind.API_KEY_REVOKED, now))
