"""ports.Standings on PostgreSQL."""

from __future__ import annotations

import hmac
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.api_keys import api_key
from algotrading.adapters.postgres.database import Database
from algotrading.domain.api_keys import USE_NOTED_EVERY, ApiKey
from algotrading.domain.audit import DEPLOYMENT, access_entry, staff_entry
from algotrading.domain.logins import CODE_IS_FRESH, Bearer
from algotrading.domain.roles import Role, Standing

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


class PostgresStandings:
    """How callers stand. Each question is a transaction of its own, over before the route's begin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, bearer: Bearer, now: datetime) -> Standing | None:
        """See ports.Standings."""
        user_id, key_hash = bearer.user_id, bearer.key_hash
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select u.locked_at is not null as is_locked,"
                " array(select r.role::text from user_roles r join second_factors f using (user_id)"
                "     where r.user_id = u.id and f.confirmed_at is not null) as roles,"
                " %(device)s::uuid is null or exists (select from logins l where l.device_id = %(device)s"
                "     and l.user_id = u.id and l.ended_at is null and l.expires_at > %(now)s) as is_logged_in,"
                " exists (select from second_factors f where f.user_id = u.id and f.confirmed_at is not null)"
                "     and not exists (select from logins l where l.device_id = %(device)s and l.user_id = u.id"
                "     and l.code_at > %(fresh)s) as owes_code,"
                " exists (select from logins l join second_factors f using (user_id) where l.device_id = %(device)s"
                "     and l.user_id = u.id and l.code_at >= f.confirmed_at) as has_shown_factor"
                " from users u where u.id = %(user)s and u.deleted_at is null",
                {"user": user_id, "device": bearer.device_id, "now": now, "fresh": now - CODE_IS_FRESH},
            ).fetchone()
            if row is None:
                return None
            key = None if key_hash is None else _use_key(session, user_id, key_hash, now)
        roles = frozenset(map(Role, row["roles"]))
        is_logged_in, owes_code, has_shown = row["is_logged_in"], row["owes_code"], row["has_shown_factor"]
        return Standing(user_id, row["is_locked"], roles, is_logged_in, key, owes_code, has_shown)

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


def _use_key(session: Session, user_id: UUID, key_hash: bytes, now: datetime) -> ApiKey | None:
    row = session.execute(
        "select key_hash, key_id, user_id, name, scopes, created_at, expires_at, last_used_at"
        " from api_keys where user_id = %s and key_hash = %s",
        (user_id, key_hash),
    ).fetchone()
    # How long an index looks could tell something about a hash, never about the key; and whether it is the one is
    # decided in a time that says nothing.
    if row is None or not hmac.compare_digest(bytes(row.pop("key_hash")), key_hash):
        return None
    found = api_key(row)
    if found.is_alive(now) and (found.last_used_at is None or now - found.last_used_at >= USE_NOTED_EVERY):
        session.execute("update api_keys set last_used_at = %s where key_id = %s", (now, found.key_id))
    return found
