"""ports.Standings, ports.ApiKeys and ports.ViewerGrants in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from algotrading.domain.account_notices import key_made, viewer_joined
from algotrading.domain.accounts import User
from algotrading.domain.api_keys import MOST_KEYS, USE_NOTED_EVERY, ApiKey
from algotrading.domain.audit import AuditKind, access_entry, api_key_entry, staff_entry, viewer_entry
from algotrading.domain.email_links import LINK_IS_OVER
from algotrading.domain.errors import Conflict, LinkInvalid, NotFound
from algotrading.domain.logins import CODE_IS_FRESH, Bearer
from algotrading.domain.notices import NoticeKind
from algotrading.domain.roles import MOST_VIEWERS, Role, Standing, ViewerGrant
from tests.fakes import audit
from tests.fakes.database import MemoryDatabase, refuse_deleted
from tests.fakes.ledger import add_notice


class MemoryStandings:
    """ports.Standings in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def read(self, bearer: Bearer, now: datetime) -> Standing | None:
        """See ports.Standings."""
        database, user_id, key_hash = self._database, bearer.user_id, bearer.key_hash
        if user_id not in database.users or user_id in database.closed:
            return None
        key = database.api_keys.get(key_hash or b"")
        if key is not None and key.user_id != user_id:
            key = None
        if key_hash is not None and key is not None and key.is_alive(now):
            last = key.last_used_at
            if last is None or now - last >= USE_NOTED_EVERY:
                database.api_keys[key_hash] = replace(key, last_used_at=now)
        factor = database.second_factors.get(user_id)
        roles = frozenset(database.roles.get(user_id, ()) if factor is not None and factor.is_on else ())
        shown_at = database.codes_shown.get(bearer.device_id) if bearer.device_id is not None else None
        is_fresh = shown_at is not None and now - shown_at < CODE_IS_FRESH
        owes_code = factor is not None and factor.is_on and not is_fresh
        confirmed_at = None if factor is None else factor.confirmed_at
        has_shown = shown_at is not None and confirmed_at is not None and shown_at >= confirmed_at
        is_locked, is_logged_in = user_id in database.locked, self._is_logged_in(bearer, now)
        return Standing(user_id, is_locked, roles, is_logged_in, key, owes_code, has_shown)

    def _is_logged_in(self, bearer: Bearer, now: datetime) -> bool:
        if bearer.device_id is None:
            return True
        login = self._database.logins.get(bearer.device_id)
        return login is not None and login.user_id == bearer.user_id and login.is_alive(now)

    def enter(self, account: UUID, viewer: UUID, door: str, now: datetime) -> bool:
        """See ports.Standings."""
        database = self._database
        with database.turn:
            is_granted = any(one.user_id == account and one.viewer_id == viewer for one, _ in database.viewers.values())
            if not is_granted or account in database.locked or account in database.closed:
                return False
            audit.append(database, access_entry(account, viewer, Role.VIEWER, door, now))
            return True

    def note_staff(self, user_id: UUID, role: Role, door: str, path: str, now: datetime) -> None:
        """See ports.Standings."""
        audit.append(self._database, staff_entry(user_id, role, door, path, now))

    @contextmanager
    def reading_only(self) -> Iterator[None]:
        """See ports.Standings: what was stored in the block is a fault of whoever stored it."""
        before = repr(self._database)
        yield
        assert repr(self._database) == before, "something was stored while nothing may be"


class MemoryApiKeys:
    """ports.ApiKeys in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def add(self, key: ApiKey, key_hash: bytes) -> None:
        """See ports.ApiKeys."""
        with self._database.turn:
            refuse_deleted(self._database, key.user_id)
            if len(self.of_user(key.user_id)) >= MOST_KEYS:
                raise Conflict(f"an account has {MOST_KEYS} keys at most: revoke one first")
            self._database.api_keys[key_hash] = key
            audit.append(self._database, api_key_entry(key, AuditKind.API_KEY_CREATED, key.created_at))
            add_notice(self._database, key.user_id, None, NoticeKind.API_KEY_MADE, key_made(key), key.created_at)

    def of_user(self, user_id: UUID) -> Sequence[ApiKey]:
        """See ports.ApiKeys."""
        found = [key for key in self._database.api_keys.values() if key.user_id == user_id]
        return sorted(found, key=lambda key: (key.created_at, key.key_id))

    def revoke(self, user_id: UUID, key_id: UUID, now: datetime) -> None:
        """See ports.ApiKeys."""
        with self._database.turn:
            for key_hash, key in list(self._database.api_keys.items()):
                if (key.user_id, key.key_id) == (user_id, key_id):
                    del self._database.api_keys[key_hash]
                    audit.append(self._database, api_key_entry(key, AuditKind.API_KEY_REVOKED, now))
                    return
            raise NotFound("no such key")


class MemoryViewerGrants:
    """ports.ViewerGrants in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def invite(self, grant: ViewerGrant, token_hash: bytes) -> None:
        """See ports.ViewerGrants."""
        with self._database.turn:
            refuse_deleted(self._database, grant.user_id)
            if len(self.of_account(grant.user_id, grant.created_at)) >= MOST_VIEWERS:
                raise Conflict(f"an account has {MOST_VIEWERS} viewers at most: remove one first")
            self._database.viewers[grant.grant_id] = (grant, token_hash)
            audit.append(
                self._database, viewer_entry(grant, AuditKind.VIEWER_INVITED, grant.created_at, by=grant.user_id)
            )

    def of_account(self, user_id: UUID, now: datetime) -> Sequence[ViewerGrant]:
        """See ports.ViewerGrants."""
        found = [one for one, _ in self._database.viewers.values() if one.user_id == user_id]
        alive = [one for one in found if one.viewer_id is not None or one.expires_at > now]
        return sorted(alive, key=lambda one: (one.created_at, one.grant_id))

    def revoke(self, user_id: UUID, grant_id: UUID, now: datetime) -> None:
        """See ports.ViewerGrants."""
        with self._database.turn:
            found = self._database.viewers.get(grant_id)
            if found is None or found[0].user_id != user_id:
                raise NotFound("no such viewer")
            self._remove(found[0], now, by=user_id)

    def accept(self, account: UUID, token_hash: bytes, viewer: User, now: datetime) -> ViewerGrant:
        """See ports.ViewerGrants."""
        database = self._database
        with database.turn:
            refuse_deleted(self._database, viewer.user_id)
            found = [one for one, its in database.viewers.values() if its == token_hash and one.user_id == account]
            if not found or found[0].expires_at <= now or account in database.closed:
                raise LinkInvalid(LINK_IS_OVER)
            if any(one.user_id == account for one in self.shared_with(viewer.user_id)):
                raise Conflict("you read this account already")
            grant = replace(found[0], viewer_id=viewer.user_id, viewer_email=viewer.email, accepted_at=now)
            database.viewers[grant.grant_id] = (grant, None)
            audit.append(database, viewer_entry(grant, AuditKind.VIEWER_ACCEPTED, now, by=viewer.user_id))
            add_notice(database, account, None, NoticeKind.VIEWER_JOINED, viewer_joined(grant), now)
            return grant

    def shared_with(self, viewer_id: UUID) -> Sequence[ViewerGrant]:
        """See ports.ViewerGrants."""
        found = [one for one, _ in self._database.viewers.values() if one.viewer_id == viewer_id]
        return sorted(found, key=lambda one: (one.owner_email, one.user_id))

    def leave(self, account: UUID, viewer_id: UUID, now: datetime) -> None:
        """See ports.ViewerGrants."""
        with self._database.turn:
            found = [one for one in self.shared_with(viewer_id) if one.user_id == account]
            if not found:
                raise NotFound("no such account is shared with you")
            self._remove(found[0], now, by=viewer_id)

    def _remove(self, grant: ViewerGrant, now: datetime, *, by: UUID) -> None:
        del self._database.viewers[grant.grant_id]
        audit.append(self._database, viewer_entry(grant, AuditKind.VIEWER_REMOVED, now, by=by))
