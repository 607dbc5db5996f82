"""ports.Administration and ports.QueueGauge in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from algotrading.domain.account_notices import ACCOUNT_LOCKED, ACCOUNT_UNLOCKED, SECOND_FACTOR_CLEARED
from algotrading.domain.accounts import ConnectionStatus, User
from algotrading.domain.administration import AccountState, BrokerStanding, QueueDepth, StorePulse, UserSummary
from algotrading.domain.audit import AuditKind, access_entry, staff_deed_entry
from algotrading.domain.cycle import CycleState
from algotrading.domain.errors import Conflict, NotFound
from algotrading.domain.logins import LoginEnd
from algotrading.domain.notices import NoticeKind
from algotrading.domain.roles import Role
from tests.fakes import audit
from tests.fakes.accounts import MemoryLogins, forget_second_factor
from tests.fakes.database import MemoryDatabase
from tests.fakes.ledger import add_notice
from tests.fakes.named_accounts import MemoryNamedAccounts

_UNFINISHED = {CycleState.ENTERING, CycleState.LONG, CycleState.EXITING}


@dataclass(slots=True)
class MemoryGauge:
    """ports.QueueGauge in memory."""

    found: list[QueueDepth] = field(default_factory=list)
    is_down: bool = False

    def depths(self) -> Sequence[QueueDepth]:
        """See ports.QueueGauge."""
        if self.is_down:
            raise TimeoutError
        return list(self.found)


class MemoryAdministration:
    """ports.Administration in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def users(self, *, query: str | None, limit: int, after: UUID | None) -> Sequence[UserSummary]:
        """See ports.Administration."""
        known = self._database.users
        if after is not None and after not in known:
            raise NotFound("no such user")
        alive = [user for user, _ in known.values() if user.user_id not in self._database.closed]
        ordered = sorted(alive, key=_newest, reverse=True)
        wanted = [user for user in ordered if query is None or query.lower() in user.email.lower()]
        if after is not None:
            wanted = [user for user in wanted if _newest(user) < _newest(known[after][0])]
        return [self._summary(user) for user in wanted[:limit]]

    def find(self, email: str) -> UUID:
        """See ports.Administration."""
        for user, _ in self._database.users.values():
            if user.email.lower() == email.lower() and user.user_id not in self._database.closed:
                return user.user_id
        raise NotFound("no such user")

    def state(self, user_id: UUID, *, by: UUID, role: Role, door: str, now: datetime) -> AccountState:
        """See ports.Administration."""
        database, user = self._database, self._require(user_id)
        audit.append(database, access_entry(user_id, by, role, door, now))
        factor = database.second_factors.get(user_id)
        mine = [
            one for key, one in database.strategies.items() if one.user_id == user_id and key not in database.deleted
        ]
        cycles = [one for one in database.cycles.values() if one.user_id == user_id and not one.is_settled]
        lock = database.kill_locks.get(user_id)
        logged_in = [one.created_at for one in database.logins.values() if one.user_id == user_id]
        notices = [each for each in database.notices if each.user_id == user_id]
        return AccountState(
            user=self._summary(user),
            lock_reason=database.locked.get(user_id),
            has_second_factor=factor is not None and factor.is_on,
            logins=len(MemoryLogins(database).alive(user_id, now)),
            last_login_at=max(logged_in, default=None),
            viewers=sum(1 for one, _ in database.viewers.values() if one.user_id == user_id and one.viewer_id),
            brokers=self._brokers(user_id),
            strategies=len(mine),
            running_strategies=sum(1 for one in mine if one.is_running),
            open_cycles=len(cycles),
            kill_switch_since=None if lock is None else lock.since,
            waiting_notices=sum(1 for each in notices if each.notice_id not in database.delivered),
        )

    def lock(self, user_id: UUID, *, by: str, reason: str, now: datetime) -> None:
        """See ports.Administration."""
        with self._database.turn:
            self._require(user_id)
            if user_id in self._database.locked:
                return
            self._database.locked[user_id] = reason
            entry = staff_deed_entry(user_id, AuditKind.ACCOUNT_LOCKED, now, by=by, reason=reason)
            audit.append(self._database, entry)
            MemoryLogins(self._database).end_for(user_id, LoginEnd.ACCOUNT_LOCKED, now)
            add_notice(self._database, user_id, None, NoticeKind.ACCOUNT_LOCKED, ACCOUNT_LOCKED, now)

    def unlock(self, user_id: UUID, *, by: str, now: datetime) -> None:
        """See ports.Administration."""
        with self._database.turn:
            self._require(user_id)
            if self._database.locked.pop(user_id, None) is not None:
                audit.append(self._database, staff_deed_entry(user_id, AuditKind.ACCOUNT_UNLOCKED, now, by=by))
                add_notice(self._database, user_id, None, NoticeKind.ACCOUNT_UNLOCKED, ACCOUNT_UNLOCKED, now)

    def clear_second_factor(self, user_id: UUID, *, by: str, reason: str, now: datetime) -> int:
        """See ports.Administration."""
        database = self._database
        with database.turn:
            self._require(user_id)
            factor = database.second_factors.get(user_id)
            if factor is None or not factor.is_on:
                raise Conflict("this user has no second factor that is on")
            forget_second_factor(database, user_id, now, by=by)
            entry = staff_deed_entry(user_id, AuditKind.SECOND_FACTOR_CLEARED, now, by=by, reason=reason)
            audit.append(database, entry)
            ended = MemoryLogins(database).end_for(user_id, LoginEnd.REVOKED, now)
            add_notice(database, user_id, None, NoticeKind.SECOND_FACTOR_OFF, SECOND_FACTOR_CLEARED, now)
            return ended

    def grant(self, user_id: UUID, role: Role, *, by: str, now: datetime) -> None:
        """See ports.Administration."""
        with self._database.turn:
            if not self._require(user_id).is_email_verified:
                raise Conflict("this user has not confirmed the e-mail")
            factor = self._database.second_factors.get(user_id)
            if factor is None or not factor.is_on:
                raise Conflict("this user has no second factor")
            held = self._database.roles.setdefault(user_id, set())
            if role not in held:
                held.add(role)
                audit.append(self._database, staff_deed_entry(user_id, AuditKind.ROLE_GRANTED, now, by=by, role=role))

    def withdraw(self, user_id: UUID, role: Role, *, by: str, now: datetime) -> None:
        """See ports.Administration."""
        with self._database.turn:
            self._require(user_id)
            if role in self._database.roles.get(user_id, ()):
                self._database.roles[user_id].remove(role)
                audit.append(self._database, staff_deed_entry(user_id, AuditKind.ROLE_WITHDRAWN, now, by=by, role=role))

    def pulse(self) -> StorePulse:
        """See ports.Administration."""
        database = self._database
        waiting = [each.created_at for each in database.notices if each.notice_id not in database.delivered]
        running = [one for key, one in database.strategies.items() if one.is_running and key not in database.deleted]
        return StorePulse(
            users=len(database.users) - len(database.closed),
            running_strategies=len(running),
            open_cycles=sum(1 for one in database.cycles.values() if one.state in _UNFINISHED),
            waiting_notices=len(waiting),
            oldest_notice_at=min(waiting, default=None),
            lock=database.deployment_lock,
        )

    def _require(self, user_id: UUID) -> User:
        if user_id not in self._database.users or user_id in self._database.closed:
            raise NotFound("no such user")
        return self._database.users[user_id][0]

    def _summary(self, user: User) -> UserSummary:
        roles = tuple(sorted(self._database.roles.get(user.user_id, ())))
        locked_at = max(
            (e.at for e in self._database.audit if e.user_id == user.user_id and e.kind is AuditKind.ACCOUNT_LOCKED),
            default=None,
        )
        is_locked = user.user_id in self._database.locked
        return UserSummary(
            user.user_id,
            user.email,
            user.is_email_verified,
            user.created_at,
            locked_at if is_locked else None,
            roles,
        )

    def _brokers(self, user_id: UUID) -> tuple[BrokerStanding, ...]:
        named = {each.account_id: each for each in MemoryNamedAccounts(self._database).of_user(user_id)}
        return tuple(
            BrokerStanding(
                account_id,
                each.is_default,
                found.broker,
                found.broker_user_id,
                found.access_token is not None
                and found.status is ConnectionStatus.CONNECTED
                and found.refused_at is None,
                found.token_at,
            )
            for account_id, each in named.items()
            if (found := self._database.broker_accounts.get(account_id)) is not None
        )


def _newest(user: User) -> tuple[datetime, UUID]:
    return user.created_at, user.user_id
