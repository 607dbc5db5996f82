"""ports.Administration on PostgreSQL, for the system role.

Row-level security shows that role everybody's rows: every statement here says whose it means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.outbox import write_notice
from algotrading.adapters.postgres.second_factors import forget_second_factor
from algotrading.domain.account_notices import ACCOUNT_LOCKED, ACCOUNT_UNLOCKED, SECOND_FACTOR_CLEARED
from algotrading.domain.administration import AccountState, BrokerStanding, StorePulse, UserSummary
from algotrading.domain.audit import AuditKind, access_entry, login_ended_entry, staff_deed_entry
from algotrading.domain.errors import AccessDenied, Conflict, NotFound
from algotrading.domain.limits import Lock
from algotrading.domain.logins import LoginEnd
from algotrading.domain.notices import NoticeKind
from algotrading.domain.roles import Role

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_GONE: Final = "no such user"
_SUMMARY: Final = """
    u.id as user_id, u.email, u.email_verified_at is not null as is_email_verified, u.created_at, u.locked_at,
    array(select r.role::text from user_roles r where r.user_id = u.id order by r.role) as roles
"""
_USERS: Final = f"""
    select {_SUMMARY} from users u
    where u.deleted_at is null and (%(query)s::text is null or position(lower(%(query)s) in lower(u.email)) > 0)
        and (%(after)s::uuid is null
            or (u.created_at, u.id) < (select a.created_at, a.id from users a where a.id = %(after)s))
    order by u.created_at desc, u.id desc limit %(limit)s
"""  # noqa: S608 - constant columns
_STATE: Final = f"""
    select {_SUMMARY}, u.lock_reason,
        exists (select from second_factors f where f.user_id = u.id and f.confirmed_at is not null)
            as has_second_factor,
        (select count(*) from logins l where l.user_id = u.id and l.ended_at is null and l.expires_at > %(now)s)
            as logins,
        (select max(l.created_at) from logins l where l.user_id = u.id) as last_login_at,
        (select count(*) from viewer_grants g where g.user_id = u.id and g.viewer_id is not null) as viewers,
        (select coalesce(jsonb_agg(jsonb_build_object('account_id', a.account_id, 'is_default', a.is_default,
                'broker', b.broker, 'broker_user_id', b.broker_user_id,
                'has_token', b.access_token is not null and b.status = 'connected' and b.refused_at is null,
                'token_at', b.token_at) order by a.created_at, a.account_id), '[]')
            from broker_connections b join broker_accounts a using (account_id)
            where a.user_id = u.id) as brokers,
        (select count(*) from strategies s where s.user_id = u.id and s.deleted_at is null) as strategies,
        (select count(*) from strategies s where s.user_id = u.id and s.deleted_at is null and s.status = 'running')
            as running_strategies,
        (select count(*) from cycles c where c.user_id = u.id and is_unsettled(c)) as open_cycles,
        (select p.killed_at from risk_profiles p where p.user_id = u.id) as kill_switch_since,
        (select count(*) from outbox o where o.user_id = u.id and o.delivered_at is null) as waiting_notices
    from users u where u.id = %(user_id)s and u.deleted_at is null
"""  # noqa: S608 - constant columns
_PULSE: Final = """
    select (select count(*) from users where deleted_at is null) as users,
        (select count(*) from strategies where deleted_at is null and status = 'running') as running_strategies,
        (select count(*) from cycles where state in ('entering', 'long', 'exiting')) as open_cycles,
        (select count(*) from outbox where delivered_at is null) as waiting_notices,
        (select min(created_at) from outbox where delivered_at is null) as oldest_notice_at,
        d.locked_at, d.locked_by, d.reason
    from (select) one left join deployment_lock d on true
"""


class PostgresAdministration:
    """Users as the deployment's staff sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def users(self, *, query: str | None, limit: int, after: UUID | None) -> Sequence[UserSummary]:
        """See ports.Administration."""
        with self._database.system() as session:
            if after is not None and session.execute("select 1 from users where id = %s", (after,)).fetchone() is None:
                raise NotFound(_GONE)
            rows = session.execute(_USERS, {"query": query, "limit": limit, "after": after}).fetchall()
        return [_summary(row) for row in rows]

    def find(self, email: str) -> UUID:
        """See ports.Administration."""
        with self._database.system() as session:
            row = session.execute(
                "select id from users where lower(email) = lower(%s) and deleted_at is null", (email,)
            ).fetchone()
        if row is None:
            raise NotFound(_GONE)
        return UUID(str(row["id"]))

    def state(self, user_id: UUID, *, by: UUID, role: Role, door: str, now: datetime) -> AccountState:
        """See ports.Administration."""
        with self._as_system(user_id) as session:
            row = session.execute(_STATE, {"user_id": user_id, "now": now}).fetchone()
            if row is None:
                raise NotFound(_GONE)
            audit.append(session, access_entry(user_id, by, role, door, now))
        counts = ("logins", "last_login_at", "viewers", "strategies", "running_strategies", "open_cycles")
        more = ("lock_reason", "has_second_factor", "kill_switch_since", "waiting_notices")
        return AccountState(
            user=_summary(row),
            brokers=tuple(map(_broker, row["brokers"])),
            **{name: row[name] for name in counts + more},
        )

    def lock(self, user_id: UUID, *, by: str, reason: str, now: datetime) -> None:
        """See ports.Administration."""
        with self._as_system(user_id) as session:
            _require(session, user_id)
            locked = session.execute(
                "update users set locked_at = %s, lock_reason = %s where id = %s and locked_at is null",
                (now, reason, user_id),
            )
            if locked.rowcount == 0:
                return
            entry = staff_deed_entry(user_id, AuditKind.ACCOUNT_LOCKED, now, by=by, reason=reason)
            audit.append(session, entry)
            _end_logins(session, user_id, LoginEnd.ACCOUNT_LOCKED, now)
            write_notice(session, user_id, NoticeKind.ACCOUNT_LOCKED, ACCOUNT_LOCKED, now)

    def unlock(self, user_id: UUID, *, by: str, now: datetime) -> None:
        """See ports.Administration."""
        with self._as_system(user_id) as session:
            _require(session, user_id)
            unlocked = session.execute(
                "update users set locked_at = null, lock_reason = null where id = %s and locked_at is not null",
                (user_id,),
            )
            if unlocked.rowcount:
                audit.append(session, staff_deed_entry(user_id, AuditKind.ACCOUNT_UNLOCKED, now, by=by))
                write_notice(session, user_id, NoticeKind.ACCOUNT_UNLOCKED, ACCOUNT_UNLOCKED, now)

    def clear_second_factor(self, user_id: UUID, *, by: str, reason: str, now: datetime) -> int:
        """See ports.Administration."""
        with self._as_system(user_id) as session:
            _require(session, user_id)
            factor = session.execute(
                "select 1 from second_factors where user_id = %s and confirmed_at is not null", (user_id,)
            ).fetchone()
            if factor is None:
                raise Conflict("this user has no second factor that is on")
            forget_second_factor(session, user_id, now, by=by)
            entry = staff_deed_entry(user_id, AuditKind.SECOND_FACTOR_CLEARED, now, by=by, reason=reason)
            audit.append(session, entry)
            ended = _end_logins(session, user_id, LoginEnd.REVOKED, now)
            write_notice(session, user_id, NoticeKind.SECOND_FACTOR_OFF, SECOND_FACTOR_CLEARED, now)
        return ended

    def grant(self, user_id: UUID, role: Role, *, by: str, now: datetime) -> None:
        """See ports.Administration."""
        with self._as_system(user_id) as session:
            if not _require(session, user_id)["is_email_verified"]:
                raise Conflict("this user has not confirmed the e-mail")
            factor = session.execute(
                "select 1 from second_factors where user_id = %s and confirmed_at is not null", (user_id,)
            ).fetchone()
            if factor is None:
                raise Conflict("this user has no second factor")
            granted = session.execute(
                "insert into user_roles (user_id, role, granted_at, granted_by) values (%s, %s, %s, %s)"
                " on conflict do nothing",
                (user_id, role, now, by),
            )
            if granted.rowcount:
                audit.append(session, staff_deed_entry(user_id, AuditKind.ROLE_GRANTED, now, by=by, role=role))

    def withdraw(self, user_id: UUID, role: Role, *, by: str, now: datetime) -> None:
        """See ports.Administration."""
        with self._as_system(user_id) as session:
            _require(session, user_id)
            gone = session.execute("delete from user_roles where user_id = %s and role = %s", (user_id, role))
            if gone.rowcount:
                audit.append(session, staff_deed_entry(user_id, AuditKind.ROLE_WITHDRAWN, now, by=by, role=role))

    def pulse(self) -> StorePulse:
        """See ports.Administration."""
        with self._database.system() as session:
            row = session.execute(_PULSE).fetchone()
        assert row is not None
        locked_at, locked_by, reason = row.pop("locked_at"), row.pop("locked_by"), row.pop("reason")
        return StorePulse(**row, lock=None if locked_at is None else Lock(locked_at, locked_by, reason))

    @contextmanager
    def _as_system(self, user_id: UUID) -> Iterator[Session]:
        """A transaction in a user's chain. Refused to any other role than the system's: to the functions' role a tenant
        is whoever is named, and nobody but the staff may name somebody else here."""
        with self._database.tenant(user_id) as session:
            row = session.execute("select pg_has_role(session_user, 'system_role', 'usage') as is_system").fetchone()
            if row is None or not row["is_system"]:
                raise AccessDenied("this is the system's to do")
            yield session


def _require(session: Session, user_id: UUID) -> Mapping[str, Any]:
    """The user, held to the commit. Raises NotFound."""
    row = session.execute(
        "select email_verified_at is not null as is_email_verified from users"
        " where id = %s and deleted_at is null for no key update",
        (user_id,),
    ).fetchone()
    if row is None:
        raise NotFound(_GONE)
    return row


def _end_logins(session: Session, user_id: UUID, why: LoginEnd, now: datetime) -> int:
    """End every login of the user; how many there were. Their pushes go to nobody from then on: only to logins that go
    on does anything go."""
    ended = session.execute(
        "update logins set ended_at = %s, end_reason = %s"
        " where user_id = %s and ended_at is null and expires_at > %s returning device_id",
        (now, why, user_id, now),
    ).fetchall()
    for each in ended:
        audit.append(session, login_ended_entry(user_id, each["device_id"], why, now))
    return len(ended)


def _summary(row: Mapping[str, Any]) -> UserSummary:
    names = ("user_id", "email", "is_email_verified", "created_at", "locked_at")
    return UserSummary(**{name: row[name] for name in names}, roles=tuple(map(Role, row["roles"])))


def _broker(found: Mapping[str, Any]) -> BrokerStanding:
    at = found["token_at"]
    moment = None if at is None else datetime.fromisoformat(at)
    return BrokerStanding(**{**found, "account_id": UUID(found["account_id"]), "token_at": moment})
