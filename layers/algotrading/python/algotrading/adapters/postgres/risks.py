"""ports.Risks on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.json_values import clean_text, to_json
from algotrading.adapters.postgres.outbox import write_notice
from algotrading.adapters.postgres.risk_check import read_json, read_limits, read_locks, read_usage, write_event
from algotrading.adapters.postgres.users import hold_undeleted, refuse_deleted
from algotrading.domain.audit import DEPLOYMENT, AuditEntry, AuditKind
from algotrading.domain.errors import Conflict, FreshCodeNeeded
from algotrading.domain.flatness import FlatProof, ForeignPosition, NothingPlaced
from algotrading.domain.limits import (
    Breach,
    Lock,
    Locks,
    RiskLimits,
    RiskNotice,
    flat_notice,
    killed_notice,
    loss_notice,
    nothing_placed_notice,
    released_notice,
)
from algotrading.domain.notices import NoticeKind
from algotrading.domain.seen import require_seen
from algotrading.ports import RiskEvent, RiskStanding

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_SET_LIMITS = """
    insert into risk_profiles (user_id, daily_loss, weekly_loss, position_size, symbol_exposure, orders_per_minute,
                               open_strategies, square_off)
    values (%(user_id)s, %(daily_loss)s, %(weekly_loss)s, %(position_size)s, %(symbol_exposure)s,
            %(orders_per_minute)s, %(open_strategies)s, %(square_off)s)
    on conflict (user_id) do update set
        daily_loss = excluded.daily_loss, weekly_loss = excluded.weekly_loss, position_size = excluded.position_size,
        symbol_exposure = excluded.symbol_exposure, orders_per_minute = excluded.orders_per_minute,
        open_strategies = excluded.open_strategies, square_off = excluded.square_off
"""
_HOLD_LIMITS = """
    -- Written as it is: the row is then this transaction's, also where there was none.
    insert into risk_profiles (user_id) values (%s)
    on conflict (user_id) do update set square_off = risk_profiles.square_off returning *
"""
_LOCK = """
    insert into risk_profiles (user_id, killed_at, killed_by, kill_reason)
    values (%(user_id)s, %(now)s, %(by)s, %(reason)s)
    on conflict (user_id) do update set
        killed_at = excluded.killed_at, killed_by = excluded.killed_by, kill_reason = excluded.kill_reason,
        verified_flat_at = null, flat_ms = null, foreign_positions = '[]'
    where risk_profiles.killed_at is null
"""
_RELEASE = """
    update risk_profiles set killed_at = null, killed_by = null, kill_reason = null
    where user_id = %s and killed_at is not null
        and not exists (select from cycles c where c.user_id = risk_profiles.user_id and is_unsettled(c))
"""
_FLAT = """
    -- Without a duration the broker was not asked: our record had nothing that it could have shown.
    insert into risk_profiles (user_id, verified_flat_at, flat_ms, foreign_positions) values (%s, %s, %s, %s)
    on conflict (user_id) do update set verified_flat_at = excluded.verified_flat_at, flat_ms = excluded.flat_ms,
        foreign_positions = excluded.foreign_positions
"""
_WATCHED = """
    select u.user_id, risk_usage(u.user_id, %(now)s, %(day)s, null, null, false)::text as found
    from (
        select user_id from risk_profiles where killed_at is not null
        union
        select c.user_id from cycles c where is_unsettled(c)
        union
        select i.user_id from order_intents i where i.trading_day = %(day)s and exists (select from deployment_lock)
    ) u
    order by u.user_id
"""
_TELL_RELEASED = """
    insert into outbox (user_id, kind, text, created_at)
    select u.user_id, %(kind)s, case when p.killed_at is null then %(text)s else %(still_locked)s end, %(now)s from (
        select user_id from strategies where status = 'running' and deleted_at is null
        union
        select c.user_id from cycles c where is_unsettled(c)
        union
        select o.user_id from outbox o where o.kind = %(told)s and o.created_at = %(since)s
    ) u left join risk_profiles p using (user_id)
"""
_TELL_EVERYBODY = """
    insert into outbox (user_id, kind, text, created_at)
    select u.user_id, %s, %s, %s from (
        select user_id from strategies where status = 'running' and deleted_at is null
        union
        select c.user_id from cycles c where is_unsettled(c)
    ) u
"""


class PostgresRisks:
    """Risk profiles, locks, and what was recorded about them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, user_id: UUID, day: date, now: datetime) -> RiskStanding:
        """See ports.Risks."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select risk_usage(%s, %s, %s, null, null, true)::text as found", (user_id, now, day)
            ).fetchone()
        assert row is not None
        return _standing(read_json(row["found"]))

    def set_limits(
        self, user_id: UUID, limits: RiskLimits, now: datetime, *, may_loosen: bool = True, seen: str | None = None
    ) -> None:
        """See ports.Risks."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            before = _held_limits(session, user_id)
            if not may_loosen and limits.is_looser_than(before):
                raise FreshCodeNeeded
            require_seen(before.tag, seen)
            session.execute(_SET_LIMITS, {**asdict(limits), "user_id": user_id})
            write_event(session, user_id, "limits_changed", "the limits were changed", now)
            _audit(session, user_id, AuditKind.RISK_LIMITS_CHANGED, now, {"limits": limits})

    def lock(self, user_id: UUID, *, by: str, reason: str | None, now: datetime) -> Lock:
        """See ports.Risks."""
        lock = Lock(now, clean_text(by), None if reason is None else clean_text(reason))
        with self._database.tenant(user_id) as session:
            # Whoever saves or deletes a strategy holds the user's row while it waits for a worker.
            refuse_deleted(session, user_id)
            values = {"user_id": user_id, "now": now, "by": lock.by, "reason": lock.reason}
            if session.execute(_LOCK, values).rowcount == 0:
                standing = _locks(session, user_id).user
                assert standing is not None
                return standing
            _tell(session, user_id, killed_notice(lock), now)
            _audit(session, user_id, AuditKind.KILL_SWITCH_ON, now, {"lock": lock})
        return lock

    def release(self, user_id: UUID, now: datetime) -> Locks:
        """See ports.Risks."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            # An entry that is being written down, and looked before the switch went on, is waited for and then seen.
            session.execute("select pg_advisory_xact_lock(3003, hashtext(%s))", (str(user_id),))
            locks = _locks(session, user_id)
            lock, remaining = locks.user, Locks(deployment=locks.deployment)
            if lock is None:
                return remaining
            if session.execute(_RELEASE, (user_id,)).rowcount == 0:
                raise Conflict("positions or orders are not settled yet: release the kill switch once they are")
            _tell(session, user_id, released_notice(lock, is_still_locked=remaining.since is not None), now)
            _audit(session, user_id, AuditKind.KILL_SWITCH_OFF, now, {"lock": lock})
        return remaining

    def locks(self, user_id: UUID) -> Locks:
        """See ports.Risks."""
        with self._database.tenant(user_id) as session:
            return _locks(session, user_id)

    def events(self, user_id: UUID, limit: int) -> Sequence[RiskEvent]:
        """See ports.Risks."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                'select at, kind, text, used, allowed as "limit", strategy_id from risk_events'
                " where user_id = %s order by event_id desc limit %s",
                (user_id, limit),
            ).fetchall()
        return [RiskEvent(**row) for row in rows]

    def record_flat(self, user_id: UUID, proof: FlatProof) -> None:
        """See ports.Risks."""
        foreign = json.dumps([to_json(asdict(position)) for position in proof.foreign])
        with self._database.tenant(user_id) as session:
            session.execute(_FLAT, (user_id, proof.at, proof.milliseconds, foreign))
            _tell(session, user_id, flat_notice(proof.milliseconds, len(proof.foreign)), proof.at)
            _audit(session, user_id, AuditKind.VERIFIED_FLAT, proof.at, {"proof": proof})

    def record_nothing_placed(self, user_id: UUID, at: datetime) -> None:
        """See ports.Risks."""
        with self._database.tenant(user_id) as session:
            session.execute(_FLAT, (user_id, at, None, "[]"))
            _tell(session, user_id, nothing_placed_notice(), at)
            _audit(session, user_id, AuditKind.NOTHING_PLACED, at, {})

    def record_breach(self, user_id: UUID, breach: Breach, *, period: date, now: datetime) -> bool:
        """See ports.Risks."""
        with self._database.tenant(user_id) as session:
            is_new = write_event(
                session, user_id, breach.kind, breach.text, now, used=breach.used, allowed=breach.limit, period=period
            )
            if is_new:
                notice = loss_notice(breach)
                write_notice(session, user_id, notice.kind, notice.text, now)
                _audit(session, user_id, AuditKind.RISK_LIMIT_REACHED, now, {"breach": breach})
        return is_new

    def lock_deployment(self, *, by: str, reason: str | None, now: datetime) -> Lock:
        """See ports.Risks."""
        lock = Lock(now, clean_text(by), None if reason is None else clean_text(reason))
        # The deployment's chain is the tenant: audit records are written for the transaction's own user only.
        with self._database.tenant(DEPLOYMENT) as session:
            added = session.execute(
                "insert into deployment_lock (locked_at, locked_by, reason) values (%s, %s, %s) on conflict do nothing",
                (lock.since, lock.by, lock.reason),
            )
            if added.rowcount == 0:
                standing = _deployment(session)
                assert standing is not None
                again = {"lock": standing, "by": lock.by, "reason": lock.reason}
                _audit(session, DEPLOYMENT, AuditKind.KILL_SWITCH_AGAIN, now, again)
                return standing
            notice = killed_notice(lock, for_everybody=True)
            session.execute(_TELL_EVERYBODY, (notice.kind, notice.text, now))
            _audit(session, DEPLOYMENT, AuditKind.KILL_SWITCH_ON, now, {"lock": lock})
        return lock

    def release_deployment(self, *, by: str, now: datetime) -> None:
        """See ports.Risks."""
        with self._database.tenant(DEPLOYMENT) as session:
            lock = _deployment(session)
            if lock is None:
                return
            row = session.execute("select exists (select from cycles c where is_unsettled(c)) as is_open").fetchone()
            if row is not None and row["is_open"]:
                raise Conflict("positions or orders are not settled yet: release once they are")
            session.execute("delete from deployment_lock")
            notice = released_notice(lock, for_everybody=True)
            still_locked = released_notice(lock, for_everybody=True, is_still_locked=True)
            values = {"kind": notice.kind, "text": notice.text, "still_locked": still_locked.text, "now": now}
            session.execute(_TELL_RELEASED, {**values, "told": NoticeKind.DEPLOYMENT_KILLED, "since": lock.since})
            _audit(session, DEPLOYMENT, AuditKind.KILL_SWITCH_OFF, now, {"lock": lock, "released_by": by})

    def deployment(self) -> Lock | None:
        """See ports.Risks."""
        with self._database.system() as session:
            return _deployment(session)

    def watched(self, day: date, now: datetime) -> Mapping[UUID, RiskStanding]:
        """See ports.Risks."""
        with self._database.system() as session:
            rows = session.execute(_WATCHED, {"day": day, "now": now}).fetchall()
        return {row["user_id"]: _standing(read_json(row["found"])) for row in rows}


def _held_limits(session: Session, user_id: UUID) -> RiskLimits:
    """The user's limits, which nobody else changes until this transaction ends."""
    row = session.execute(_HOLD_LIMITS, (user_id,)).fetchone()
    return read_limits({"profile": row})


def _standing(found: Mapping[str, Any]) -> RiskStanding:
    locks = read_locks(found)
    return RiskStanding(read_limits(found), locks, _flat(found["profile"], locks), read_usage(found))


def _flat(profile: Mapping[str, Any] | None, locks: Locks) -> FlatProof | NothingPlaced | None:
    """What was found counts for the locks that it is younger than."""
    if profile is None or profile["verified_flat_at"] is None or locks.since is None:
        return None
    at = datetime.fromisoformat(profile["verified_flat_at"])
    if at < locks.since:
        return None
    if profile["flat_ms"] is None:
        return NothingPlaced(at)
    foreign = tuple(ForeignPosition(**position) for position in profile["foreign_positions"])
    return FlatProof(at, profile["flat_ms"], foreign)


def _locks(session: Session, user_id: UUID) -> Locks:
    row = session.execute(
        "select (select to_jsonb(p) from risk_profiles p where p.user_id = %s) as profile,"
        " (select to_jsonb(d) from deployment_lock d) as deployment",
        (user_id,),
    ).fetchone()
    assert row is not None
    return read_locks(row)


def _deployment(session: Session) -> Lock | None:
    row = session.execute("select locked_at, locked_by, reason from deployment_lock").fetchone()
    return Lock(row["locked_at"], row["locked_by"], row["reason"]) if row else None


def _tell(session: Session, user_id: UUID, notice: RiskNotice, now: datetime) -> None:
    write_event(session, user_id, notice.kind, notice.text, now)
    write_notice(session, user_id, notice.kind, notice.text, now)


def _audit(session: Session, user_id: UUID, kind: AuditKind, now: datetime, data: Mapping[str, object]) -> None:
    audit.append(session, AuditEntry(user_id, kind, now, data))
