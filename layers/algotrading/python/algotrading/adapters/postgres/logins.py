"""ports.Logins on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.new_password import tell_of_new_password
from algotrading.adapters.postgres.outbox import write_notice
from algotrading.adapters.postgres.users import hold_open
from algotrading.domain.account_notices import login_copied, new_device, password_changed_by_old_one
from algotrading.domain.accounts import NO_MATCH
from algotrading.domain.audit import AuditKind, account_entry, login_ended_entry, login_entry
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.errors import AuthenticationFailed, NotFound, TokenExpired, TokenInvalid
from algotrading.domain.logins import KEEPS_DEVICE_KNOWN, DeviceLogin, LoginEnd, Refresh, judge_refresh
from algotrading.domain.notices import NoticeKind

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_COLUMNS = "l.device_id, l.user_id, l.name, l.created_at, l.used_at, l.expires_at, l.ended_at, l.has_second_factor"
_USED_KEPT = timedelta(days=7)
"""A used token that comes again later is merely unknown."""


class PostgresLogins:
    """Logins on devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, login: DeviceLogin, token_hash: bytes, password_hash: str, *, known_as: UUID | None = None) -> None:
        """See ports.Logins."""
        with self._database.tenant(login.user_id) as session:
            # Whoever changes the password or locks the account holds this row before the logins are ended: either comes
            # first and is seen here, or comes later and ends this login, too.
            if hold_open(session, login.user_id) != password_hash:
                raise AuthenticationFailed(NO_MATCH)
            if _is_new_device(session, login.user_id, known_as):
                write_notice(session, login.user_id, NoticeKind.NEW_DEVICE, new_device(login), login.created_at)
            session.execute(
                "insert into logins"
                " (device_id, user_id, name, created_at, used_at, expires_at, has_second_factor, code_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    login.device_id,
                    login.user_id,
                    login.name,
                    login.created_at,
                    login.used_at,
                    login.expires_at,
                    login.has_second_factor,
                    login.created_at if login.has_second_factor else None,
                ),
            )
            _add_token(session, login, token_hash, login.created_at)
            audit.append(session, login_entry(login))

    def is_known(self, email: str, device_id: UUID) -> bool:
        """See ports.Logins."""
        with self._database.login(email) as session:
            row = session.execute(
                "select is_known_device(%s, %s, %s) as is_known", (device_id, email, list(KEEPS_DEVICE_KNOWN))
            ).fetchone()
        assert row is not None
        return bool(row["is_known"])

    def show_code(self, user_id: UUID, device_id: UUID, now: datetime) -> None:
        """See ports.Logins."""
        with self._database.tenant(user_id) as session:
            shown = session.execute(
                "update logins set code_at = %s"
                " where user_id = %s and device_id = %s and ended_at is null and expires_at > %s",
                (now, user_id, device_id, now),
            )
            if shown.rowcount == 0:
                raise NotFound("this login is over")

    def refresh(self, user_id: UUID, token_hash: bytes, successor: bytes, now: datetime) -> DeviceLogin:
        """See ports.Logins."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                # The login's row is held to the commit: two uses of one token come one after the other.
                f"select {_COLUMNS}, t.used_at as token_used_at from refresh_tokens t"  # noqa: S608 - constant columns
                " join logins l using (device_id, user_id) where t.token_hash = %s for update of l, t",
                (token_hash,),
            ).fetchone()
            if row is None:
                raise TokenInvalid("this refresh token is not one of ours")
            login = _login(row)
            verdict = judge_refresh(login, row["token_used_at"], now)
            if verdict is Refresh.TAKEN:
                _use_token(session, token_hash, now)
                _add_token(session, login, successor, now)
                session.execute("update logins set used_at = %s where device_id = %s", (now, login.device_id))
            elif verdict is Refresh.REUSED:
                _end(session, login, LoginEnd.REUSED, now)
                write_notice(session, login.user_id, NoticeKind.LOGIN_COPIED, login_copied(login), now)
        # Raised after the commit: that the login has ended stays.
        if verdict is Refresh.OVER:
            raise TokenExpired("this login is over: log in again")
        if verdict is Refresh.REUSED:
            raise TokenInvalid("this refresh token was used before; its login has been ended: log in again")
        return login

    def end_by_token(self, user_id: UUID, token_hash: bytes, now: datetime) -> None:
        """See ports.Logins."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                f"select {_COLUMNS} from refresh_tokens t"  # noqa: S608 - constant columns
                " join logins l using (device_id, user_id) where t.token_hash = %s for update of l",
                (token_hash,),
            ).fetchone()
            if row is not None and _login(row).is_alive(now):
                _end(session, _login(row), LoginEnd.LOGGED_OUT, now)

    def alive(self, user_id: UUID, now: datetime) -> Sequence[DeviceLogin]:
        """See ports.Logins."""
        with self._database.tenant(user_id) as session:
            return _alive(session, now)

    def end(self, user_id: UUID, device_id: UUID, now: datetime) -> None:
        """See ports.Logins."""
        with self._database.tenant(user_id) as session:
            found = [login for login in _alive(session, now) if login.device_id == device_id]
            if not found:
                raise NotFound("no such device is logged in")
            _end(session, found[0], LoginEnd.REVOKED, now)

    def end_all(self, user_id: UUID, now: datetime) -> int:
        """See ports.Logins."""
        with self._database.tenant(user_id) as session:
            return end_all(session, LoginEnd.REVOKED, now)

    def change_password(
        self, user_id: UUID, device_id: UUID | None, password_hash: str, new_hash: str, now: datetime
    ) -> int:
        """See ports.Logins."""
        with self._database.tenant(user_id) as session:
            # Held to the commit, as in `begin`: a login that begins meanwhile comes first and is ended here, or later
            # and finds another password.
            if hold_open(session, user_id) != password_hash:
                raise AuthenticationFailed(NO_MATCH)
            session.execute("update users set password_hash = %s where id = %s", (new_hash, user_id))
            session.execute(
                "delete from email_links where user_id = %s and purpose = %s", (user_id, LinkPurpose.RESET_PASSWORD)
            )
            audit.append(session, account_entry(user_id, AuditKind.PASSWORD_CHANGED, now))
            ended = end_all(session, LoginEnd.PASSWORD_RESET, now, but=device_id)
            tell_of_new_password(session, user_id, password_changed_by_old_one, now)
        return ended


def end_all(session: Session, why: LoginEnd, now: datetime, *, but: UUID | None = None) -> int:
    """End every login of the transaction's tenant, `but` one; how many there were."""
    found = [login for login in _alive(session, now) if login.device_id != but]
    for login in found:
        _end(session, login, why, now)
    return len(found)


def _alive(session: Session, now: datetime) -> list[DeviceLogin]:
    rows = session.execute(
        f"select {_COLUMNS} from logins l where l.ended_at is null and l.expires_at > %s"  # noqa: S608 - constant columns
        " order by l.used_at desc, l.device_id for update",
        (now,),
    ).fetchall()
    return [_login(row) for row in rows]


def _is_new_device(session: Session, user_id: UUID, known_as: UUID | None) -> bool:
    """Whether there was a login before, and none of them is the device's that is known as that."""
    before = session.execute(
        "select count(*) as logins, count(*) filter (where device_id = %s"
        " and (end_reason is null or end_reason = any(%s))) as known from logins where user_id = %s",
        (known_as, list(KEEPS_DEVICE_KNOWN), user_id),
    ).fetchone()
    assert before is not None
    return bool(before["logins"] > 0 and before["known"] == 0)


def _use_token(session: Session, token_hash: bytes, now: datetime) -> None:
    session.execute(
        "update refresh_tokens set used_at = coalesce(used_at, %s) where token_hash = %s", (now, token_hash)
    )


def _add_token(session: Session, login: DeviceLogin, token_hash: bytes, now: datetime) -> None:
    session.execute(
        "delete from refresh_tokens where device_id = %s and used_at < %s", (login.device_id, now - _USED_KEPT)
    )
    session.execute(
        # A repetition within the grace brings the same one again, which may have been used by now.
        "insert into refresh_tokens (token_hash, device_id, user_id, created_at) values (%s, %s, %s, %s)"
        " on conflict (token_hash) do nothing",
        (token_hash, login.device_id, login.user_id, now),
    )


def _end(session: Session, login: DeviceLogin, why: LoginEnd, now: datetime) -> None:
    session.execute(
        "update logins set ended_at = %s, end_reason = %s where device_id = %s", (now, why, login.device_id)
    )
    session.execute("delete from push_devices where device_id = %s", (login.device_id,))
    audit.append(session, login_ended_entry(login.user_id, login.device_id, why, now))


def _login(row: Mapping[str, Any]) -> DeviceLogin:
    return DeviceLogin(
        device_id=row["device_id"],
        user_id=row["user_id"],
        name=row["name"],
        created_at=row["created_at"],
        used_at=row["used_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
        has_second_factor=row["has_second_factor"],
    )
