"""ports.Risks in memory, and the check of an entry that the in-memory ledger makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from algotrading.domain.audit import DEPLOYMENT, AuditEntry, AuditKind
from algotrading.domain.cycle import Cycle, Intent, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.errors import Conflict, FreshCodeNeeded, RiskLocked, RiskRefused
from algotrading.domain.flatness import FlatProof, NothingPlaced
from algotrading.domain.limits import (
    MINUTE,
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
from algotrading.domain.profit import week_of
from algotrading.domain.risk import Booked, EntryOrder, Usage, booked_of, check_entry, new_entry
from algotrading.domain.seen import require_seen
from algotrading.ports import Notice, RiskEvent, RiskStanding
from tests.fakes import audit
from tests.fakes.database import MemoryDatabase, RiskEventRow, refuse_deleted


class MemoryRisks:
    """ports.Risks in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def standing(self, user_id: UUID, day: date, now: datetime) -> RiskStanding:
        """See ports.Risks."""
        with self._database.turn:
            return self._standing(user_id, day, now, with_results=True)

    def set_limits(
        self, user_id: UUID, limits: RiskLimits, now: datetime, *, may_loosen: bool = True, seen: str | None = None
    ) -> None:
        """See ports.Risks."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            before = self._database.risk_limits.get(user_id, RiskLimits())
            if not may_loosen and limits.is_looser_than(before):
                raise FreshCodeNeeded
            require_seen(before.tag, seen)
            self._database.risk_limits[user_id] = limits
            self._record(user_id, "limits_changed", "the limits were changed", now)
            self._audit(user_id, AuditKind.RISK_LIMITS_CHANGED, now, {"limits": limits})

    def lock(self, user_id: UUID, *, by: str, reason: str | None, now: datetime) -> Lock:
        """See ports.Risks."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            if user_id in self._database.kill_locks:
                return self._database.kill_locks[user_id]
            lock = Lock(now, by, reason)
            self._database.kill_locks[user_id] = lock
            self._database.flat.pop(user_id, None)
            self._tell(user_id, killed_notice(lock), now)
            self._audit(user_id, AuditKind.KILL_SWITCH_ON, now, {"lock": lock})
            return lock

    def release(self, user_id: UUID, now: datetime) -> Locks:
        """See ports.Risks."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            lock, remaining = self._database.kill_locks.get(user_id), Locks(None, self._database.deployment_lock)
            if lock is None:
                return remaining
            if self._unsettled(user_id):
                raise Conflict("positions or orders are not settled yet: release the kill switch once they are")
            del self._database.kill_locks[user_id]
            self._tell(user_id, released_notice(lock, is_still_locked=remaining.since is not None), now)
            self._audit(user_id, AuditKind.KILL_SWITCH_OFF, now, {"lock": lock})
            return remaining

    def locks(self, user_id: UUID) -> Locks:
        """See ports.Risks."""
        return locks_of(self._database, user_id)

    def events(self, user_id: UUID, limit: int) -> Sequence[RiskEvent]:
        """See ports.Risks."""
        theirs = [row.event for row in self._database.risk_events if row.user_id == user_id]
        return theirs[::-1][:limit]

    def record_flat(self, user_id: UUID, proof: FlatProof) -> None:
        """See ports.Risks."""
        with self._database.turn:
            self._database.flat[user_id] = proof
            self._tell(user_id, flat_notice(proof.milliseconds, len(proof.foreign)), proof.at)
            self._audit(user_id, AuditKind.VERIFIED_FLAT, proof.at, {"proof": proof})

    def record_nothing_placed(self, user_id: UUID, at: datetime) -> None:
        """See ports.Risks."""
        with self._database.turn:
            self._database.flat[user_id] = NothingPlaced(at)
            self._tell(user_id, nothing_placed_notice(), at)
            self._audit(user_id, AuditKind.NOTHING_PLACED, at, {})

    def record_breach(self, user_id: UUID, breach: Breach, *, period: date, now: datetime) -> bool:
        """See ports.Risks."""
        with self._database.turn:
            known = [(row.user_id, row.event.kind, row.period) for row in self._database.risk_events]
            if (user_id, breach.kind, period) in known:
                return False
            self._database.risk_events.append(RiskEventRow(user_id, event_of(breach, now), period))
            self._write_notice(user_id, loss_notice(breach), now)
            self._audit(user_id, AuditKind.RISK_LIMIT_REACHED, now, {"breach": breach})
            return True

    def lock_deployment(self, *, by: str, reason: str | None, now: datetime) -> Lock:
        """See ports.Risks."""
        with self._database.turn:
            standing = self._database.deployment_lock
            if standing is not None:
                again = {"lock": standing, "by": by, "reason": reason}
                self._audit(DEPLOYMENT, AuditKind.KILL_SWITCH_AGAIN, now, again)
                return standing
            lock = self._database.deployment_lock = Lock(now, by, reason)
            for user_id in self._concerned():
                self._write_notice(user_id, killed_notice(lock, for_everybody=True), now)
            self._audit(DEPLOYMENT, AuditKind.KILL_SWITCH_ON, now, {"lock": lock})
            return lock

    def release_deployment(self, *, by: str, now: datetime) -> None:
        """See ports.Risks."""
        with self._database.turn:
            lock = self._database.deployment_lock
            if lock is None:
                return
            if not all(cycle.is_settled for cycle in self._database.cycles.values()):
                raise Conflict("positions or orders are not settled yet: release once they are")
            self._database.deployment_lock = None
            told = {
                notice.user_id
                for notice in self._database.notices
                if notice.kind == NoticeKind.DEPLOYMENT_KILLED and notice.created_at == lock.since
            }
            for user_id in sorted(told | set(self._concerned())):
                is_still_locked = user_id in self._database.kill_locks
                notice = released_notice(lock, for_everybody=True, is_still_locked=is_still_locked)
                self._write_notice(user_id, notice, now)
            self._audit(DEPLOYMENT, AuditKind.KILL_SWITCH_OFF, now, {"lock": lock, "released_by": by})

    def deployment(self) -> Lock | None:
        """See ports.Risks."""
        return self._database.deployment_lock

    def watched(self, day: date, now: datetime) -> Mapping[UUID, RiskStanding]:
        """See ports.Risks."""
        with self._database.turn:
            users = set(self._database.kill_locks)
            users |= {c.user_id for c in self._database.cycles.values() if not c.is_settled}
            if self._database.deployment_lock is not None:
                users |= {c.user_id for c in self._database.cycles.values() if c.trading_day == day and c.intents}
            return {user: self._standing(user, day, now, with_results=False) for user in sorted(users)}

    def _standing(self, user_id: UUID, day: date, now: datetime, *, with_results: bool) -> RiskStanding:
        limits = self._database.risk_limits.get(user_id, RiskLimits())
        locks = locks_of(self._database, user_id)
        flat = self._database.flat.get(user_id)
        is_younger = flat is not None and locks.since is not None and flat.at >= locks.since
        usage = usage_of(self._database, user_id, day, now, with_results=with_results or limits.limit_losses)
        return RiskStanding(limits, locks, flat if is_younger else None, usage)

    def _unsettled(self, user_id: UUID) -> list[Cycle]:
        return [c for c in self._database.cycles.values() if c.user_id == user_id and not c.is_settled]

    def _concerned(self) -> list[UUID]:
        present = [s for s in self._database.strategies.values() if s.strategy_id not in self._database.deleted]
        running = {s.user_id for s in present if s.is_running}
        return sorted(running | {c.user_id for c in self._database.cycles.values() if not c.is_settled})

    def _tell(self, user_id: UUID, notice: RiskNotice, now: datetime) -> None:
        self._record(user_id, notice.kind, notice.text, now)
        self._write_notice(user_id, notice, now)

    def _record(self, user_id: UUID, kind: str, text: str, now: datetime) -> None:
        self._database.risk_events.append(RiskEventRow(user_id, RiskEvent(now, kind, text)))

    def _write_notice(self, user_id: UUID, notice: RiskNotice, now: datetime) -> None:
        number = len(self._database.notices) + 1
        self._database.notices.append(Notice(number, user_id, None, notice.kind, notice.text, now))

    def _audit(self, user_id: UUID, kind: AuditKind, now: datetime, data: Mapping[str, object]) -> None:
        audit.append(self._database, AuditEntry(user_id, kind, now, data))


def refuse_breach(database: MemoryDatabase, decision: Decision, marks: Mapping[str, Decimal], now: datetime) -> None:
    """What `adapters.postgres.risk_check` does; the caller holds the database's turn."""
    entry = new_entry(decision)
    if entry is None:
        return
    cycle = decision.cycle
    limits = database.risk_limits.get(cycle.user_id, RiskLimits())
    usage = usage_of(
        database, cycle.user_id, cycle.trading_day, now, with_results=limits.limit_losses, own=(cycle, entry.tag)
    )
    price = marks.get(cycle.plan.symbol)
    order = EntryOrder(cycle.plan.exchange, cycle.plan.symbol, entry.quantity, price, cycle.trading_day)
    breach = check_entry(limits, locks_of(database, cycle.user_id), usage, order, marks)
    if breach is not None:
        raise RiskLocked(breach) if breach.kind.is_lock else RiskRefused(breach)


def event_of(breach: Breach, now: datetime, strategy_id: UUID | None = None) -> RiskEvent:
    """A breach as it is recorded."""
    return RiskEvent(now, breach.kind, breach.text, breach.used, breach.limit, strategy_id)


def locks_of(database: MemoryDatabase, user_id: UUID) -> Locks:
    """Both switches."""
    return Locks(database.kill_locks.get(user_id), database.deployment_lock)


def usage_of(
    database: MemoryDatabase,
    user_id: UUID,
    day: date,
    now: datetime,
    *,
    with_results: bool,
    own: tuple[Cycle, str] | None = None,
) -> Usage:
    """What the SQL function risk_usage answers."""
    theirs = [cycle for cycle in database.cycles.values() if cycle.user_id == user_id]
    own_key, own_tag = ((own[0].strategy_id, own[0].trading_day), own[1]) if own else (None, None)
    written = [i for cycle in theirs for i in cycle.intents if i.created_at > now - timedelta(days=1)]
    orders = [i for i in written if i.tag != own_tag and _is_recent(i, now) and not _is_no_order(i)]
    held = [c for c in theirs if not c.is_settled and (c.strategy_id, c.trading_day) != own_key]
    booked: dict[date, Booked] = {}
    for cycle in theirs if with_results else ():
        if week_of(day) <= cycle.trading_day <= day:
            booked[cycle.trading_day] = booked.get(cycle.trading_day, Booked()) + booked_of(cycle)
    return Usage(len(orders), tuple(held), booked)


def _is_recent(intent: Intent, now: datetime) -> bool:
    latest = max(intent.created_at, intent.sent_at or intent.created_at)
    return intent.state is IntentState.PENDING or latest > now - MINUTE


def _is_no_order(intent: Intent) -> bool:
    if intent.state is IntentState.THROTTLED:
        return True
    return intent.state is IntentState.REFUSED and intent.sent_at is None
