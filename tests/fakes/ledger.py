"""ports.Ledger and ports.Outbox in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from algotrading.domain.audit import AuditEntry, Cause, decision_entry, strategy_entry
from algotrading.domain.cycle import Cycle, CycleState, Intent, IntentState
from algotrading.domain.delivery import Waiting, next_of
from algotrading.domain.effects import Decision, StopStrategy, Tell
from algotrading.domain.errors import Fenced
from algotrading.domain.events import BookRead, Event
from algotrading.domain.limits import Obstacle, RiskLimits, obstacle_to
from algotrading.domain.named_accounts import around_name
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import BookReading, Fill
from algotrading.domain.risk import breach_of
from algotrading.domain.strategy import Plan, Strategy, StrategyStatus
from algotrading.ports import EntryGate, Notice, OrderLog, Watched
from tests.fakes import audit, risks
from tests.fakes.database import CycleKey, MemoryDatabase, RiskEventRow
from tests.fakes.named_accounts import accounts_of

_NEVER = datetime.max.replace(tzinfo=UTC)


class MemoryLedger:
    """ports.Ledger in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self.database = database or MemoryDatabase()

    def take(self, strategy: Strategy, trading_day: date) -> Cycle:
        """See ports.Ledger."""
        with self.database.turn:
            key = (strategy.strategy_id, trading_day)
            stored = self.database.cycles.get(key)
            if stored is None:
                owner = (strategy.user_id, strategy.account_id)
                stored = Cycle(strategy.strategy_id, *owner, trading_day, strategy.plan)
            taken = replace(stored, epoch=stored.epoch + 1).following(strategy)
            self.database.cycles[key] = taken
            return taken

    def save(
        self,
        decision: Decision,
        *,
        event: Event,
        now: datetime,
        logs: Sequence[OrderLog] = (),
        cause: Cause | None = None,
        marks: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        """See ports.Ledger."""
        with self.database.turn:
            cycle = decision.cycle
            self.check(cycle)
            self._refuse_foreign_intents(cycle)
            risks.refuse_breach(self.database, decision, marks, now)
            if (breach := breach_of(event)) is not None:
                row = RiskEventRow(cycle.user_id, risks.event_of(breach, now, cycle.strategy_id))
                self.database.risk_events.append(row)
            intents = tuple(sorted(cycle.intents, key=_oldest_first))
            self.database.cycles[_key(cycle)] = replace(cycle, intents=intents)
            if isinstance(event, BookRead):
                self._add_fills(cycle, event.reading)
            self.database.logs.extend((cycle.user_id, log) for log in logs)
            stopped = None
            for effect in decision.effects:
                if isinstance(effect, Tell):
                    self._add_notice(cycle, effect, now)
                    if effect.kind is NoticeKind.LATE_ORDER:
                        self.database.flat.pop(cycle.user_id, None)
                elif isinstance(effect, StopStrategy):
                    stopped = self._stop_strategy(cycle, effect, now)
            audit.append(self.database, decision_entry(decision, event, now, cause))
            if stopped is not None:
                audit.append(self.database, stopped)

    def add_logs(self, user_id: UUID, logs: Sequence[OrderLog]) -> None:
        """See ports.Ledger."""
        with self.database.turn:
            for log in logs:
                if (user_id, log) not in self.database.logs:
                    self.database.logs.append((user_id, log))

    def note(self, entry: AuditEntry) -> None:
        """See ports.Ledger."""
        with self.database.turn:
            audit.append(self.database, entry)

    def check(self, cycle: Cycle) -> Obstacle | None:
        """See ports.Ledger."""
        stored = self.database.cycles.get(_key(cycle))
        if stored is None or stored.epoch != cycle.epoch:
            raise Fenced(f"the cycle is not at epoch {cycle.epoch} any more")
        strategy = self.database.strategies.get(cycle.strategy_id)
        runs = strategy is not None and strategy.is_running and cycle.strategy_id not in self.database.deleted
        return obstacle_to(risks.locks_of(self.database, cycle.user_id), is_running=runs)

    def gate(self, cycle: Cycle) -> EntryGate:
        """See ports.Ledger."""
        older = [c.trading_day for c in self.unsettled(cycle.user_id, cycle.strategy_id)]
        earlier = [day for day in older if day < cycle.trading_day]
        limits = self.database.risk_limits.get(cycle.user_id, RiskLimits())
        held = self.unsettled_of(cycle.user_id) if limits.limit_losses else ()
        locks = risks.locks_of(self.database, cycle.user_id)
        others = [
            c
            for c in self.unsettled_of(cycle.user_id)
            if c.strategy_id != cycle.strategy_id and c.account_id == cycle.account_id
        ]
        return EntryGate(
            locks,
            max(earlier, default=None),
            frozenset(c.plan.symbol for c in held),
            is_held_elsewhere=_instrument(cycle) in map(_instrument, others),
            may_surface_elsewhere=any(
                c.has_absent_order and _instrument(c) == _instrument(cycle)
                for c in self.of_day(cycle.user_id, cycle.trading_day)
                if c.strategy_id != cycle.strategy_id and c.account_id == cycle.account_id
            ),
        )

    def find(self, user_id: UUID, strategy_id: UUID, trading_day: date) -> Cycle | None:
        """See ports.Ledger."""
        cycle = self.database.cycles.get((strategy_id, trading_day))
        return cycle if cycle is not None and cycle.user_id == user_id else None

    def of_day(self, user_id: UUID, trading_day: date) -> Sequence[Cycle]:
        """See ports.Ledger."""
        cycles = [c for c in self.database.cycles.values() if (c.user_id, c.trading_day) == (user_id, trading_day)]
        return sorted(cycles, key=lambda cycle: cycle.strategy_id)

    def latest(self, user_id: UUID, strategy_id: UUID) -> Cycle | None:
        """See ports.Ledger."""
        days = [day for strategy, day in self.database.cycles if strategy == strategy_id]
        return self.find(user_id, strategy_id, max(days)) if days else None

    def fills(self, user_id: UUID, strategy_id: UUID, *, trading_day: date | None = None) -> Sequence[Fill]:
        """See ports.Ledger."""
        fills = [f for key, (owner, f) in self.database.fills.items() if (key[0], owner) == (user_id, strategy_id)]
        if trading_day is not None:
            cycle = self.find(user_id, strategy_id, trading_day)
            orders = {intent.broker_order_id for intent in cycle.intents} if cycle else set()
            fills = [fill for fill in fills if fill.broker_order_id in orders]
        return sorted(fills, key=lambda fill: (fill.filled_at or _NEVER, fill.trade_id))

    def of_deleted(self, user_id: UUID, day: date) -> Sequence[Cycle]:
        """See ports.Ledger."""
        return [c for c in self.of_day(user_id, day) if c.strategy_id in self.database.deleted]

    def orders(self, user_id: UUID, strategy_id: UUID) -> Sequence[Intent]:
        """See ports.Ledger."""
        mine = [c for c in self.database.cycles.values() if (c.user_id, c.strategy_id) == (user_id, strategy_id)]
        return sorted((i for c in mine for i in c.intents), key=lambda i: (i.created_at, i.leg, i.attempt))

    def logs(
        self, user_id: UUID, strategy_id: UUID, *, begins: datetime | None = None, ends: datetime | None = None
    ) -> Sequence[OrderLog]:
        """See ports.Ledger."""
        logs = [
            log
            for owner, log in self.database.logs
            if (owner, log.strategy_id) == (user_id, strategy_id)
            and (begins is None or log.timestamp >= begins)
            and (ends is None or log.timestamp < ends)
        ]
        return sorted(logs, key=lambda log: (log.timestamp, log.order_id))

    def unsettled(self, user_id: UUID, strategy_id: UUID) -> Sequence[Cycle]:
        """See ports.Ledger."""
        return [
            c for c in self.unfinished() if (c.user_id, c.strategy_id) == (user_id, strategy_id) and not c.is_settled
        ]

    def traded_on(self, user_id: UUID, day: date) -> Sequence[Cycle]:
        """See ports.Ledger."""
        cycles = [
            c for c in self.database.cycles.values() if (c.user_id, c.trading_day) == (user_id, day) and c.intents
        ]
        return sorted(cycles, key=lambda cycle: cycle.strategy_id)

    def unsettled_of(self, user_id: UUID) -> Sequence[Cycle]:
        """See ports.Ledger."""
        return [c for c in self.unfinished() if c.user_id == user_id and not c.is_settled]

    def begun(self, strategy_ids: Sequence[UUID], trading_day: date) -> frozenset[UUID]:
        """See ports.Ledger."""
        cycles = [self.database.cycles.get((strategy_id, trading_day)) for strategy_id in strategy_ids]
        return frozenset(c.strategy_id for c in cycles if c is not None and c.state is not CycleState.IDLE)

    def unfinished(self) -> Sequence[Cycle]:
        """See ports.Ledger. Without a clock of its own every proven absence counts as recent."""
        cycles = [
            cycle
            for cycle in self.database.cycles.values()
            if not cycle.is_settled
            or cycle.needs_verifying
            or any(i.state is IntentState.NOT_PLACED for i in cycle.intents)
        ]
        return sorted(cycles, key=lambda cycle: (cycle.trading_day, cycle.strategy_id))

    def to_watch(self) -> Sequence[Watched]:
        """See ports.Ledger."""
        strategies = self.database.strategies.values()
        running = {s.strategy_id: s for s in strategies if s.is_running and s.strategy_id not in self.database.deleted}
        found = {s.strategy_id: _watched(s.strategy_id, s.user_id, s.plan, None) for s in running.values()}
        for cycle in sorted(self.database.cycles.values(), key=lambda cycle: cycle.trading_day):
            if cycle.is_armed:
                strategy = running.get(cycle.strategy_id)
                plan = (cycle if strategy is None else cycle.following(strategy)).plan
                found[cycle.strategy_id] = _watched(cycle.strategy_id, cycle.user_id, plan, cycle.trading_day)
        return list(found.values())

    def _refuse_foreign_intents(self, cycle: Cycle) -> None:
        known = {(i.leg, i.attempt): i for i in self.database.cycles[_key(cycle)].intents}
        for intent in cycle.intents:
            other = known.get((intent.leg, intent.attempt), intent)
            if (other.tag, other.created_at, other.quantity) != (intent.tag, intent.created_at, intent.quantity):
                raise Fenced("one of this cycle's orders was written down by another worker")
        fresh = {intent.tag for intent in cycle.intents if (intent.leg, intent.attempt) not in known}
        if fresh and any(
            i.tag in fresh for key, c in self.database.cycles.items() if key != _key(cycle) for i in c.intents
        ):
            raise Fenced("an order with one of this cycle's tags was written down by another worker")

    def _add_fills(self, cycle: Cycle, reading: BookReading) -> None:
        ours = {intent.broker_order_id for intent in cycle.intents if intent.broker_order_id is not None}
        for fill in reading.fills:
            if fill.broker_order_id in ours:
                key = (cycle.user_id, fill.exchange, fill.trade_id, fill.broker_order_id)
                self.database.fills.setdefault(key, (cycle.strategy_id, fill))

    def _add_notice(self, cycle: Cycle, effect: Tell, now: datetime) -> None:
        text, account_id = effect.text, cycle.account_id
        if (name := _name_where_several(self.database, cycle)) is not None:
            text = name.join(around_name(cycle.plan.symbol, text))
        add_notice(self.database, cycle.user_id, cycle.strategy_id, effect.kind, text, now, account_id)

    def _stop_strategy(self, cycle: Cycle, effect: StopStrategy, now: datetime) -> AuditEntry | None:
        strategy = self.database.strategies.get(cycle.strategy_id)
        if strategy is None or not strategy.is_running or cycle.strategy_id in self.database.deleted:
            return None
        stopped = replace(
            strategy,
            status=StrategyStatus.STOPPED,
            stop_reason=effect.reason,
            version=strategy.version + 1,
            updated_at=now,
        )
        self.database.strategies[cycle.strategy_id] = stopped
        return strategy_entry(strategy, stopped, now)


class MemoryOutbox:
    """ports.Outbox in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def waiting(self, now: datetime, limit: int) -> Sequence[UUID]:
        """See ports.Outbox."""
        with self._database.turn:
            since: dict[UUID, datetime] = {}
            for notice in self._undelivered():
                tried = self._state(notice)
                if tried.next_try_at is None or tried.next_try_at <= now:
                    due = tried.next_try_at or notice.created_at
                    since[notice.user_id] = min(due, since.get(notice.user_id, due))
        return sorted(since, key=lambda user_id: (since[user_id], user_id))[:limit]

    def claim(self, user_id: UUID, now: datetime, *, lease: timedelta) -> Notice | None:
        """See ports.Outbox."""
        with self._database.turn:
            mine = {notice.notice_id: notice for notice in self._undelivered() if notice.user_id == user_id}
            chosen = next_of(map(self._state, mine.values()), now)
            if chosen is None:
                return None
            attempts = chosen.attempts + 1
            self._database.deliveries[chosen.notice_id] = Waiting(chosen.notice_id, attempts, now + lease)
            return replace(mine[chosen.notice_id], attempts=attempts)

    def mark_delivered(self, notice: Notice, now: datetime) -> None:
        """See ports.Outbox."""
        with self._database.turn:
            if self._state(notice).attempts == notice.attempts:
                self._database.delivered.add(notice.notice_id)

    def mark_failed(self, notice: Notice, error: str, retry_at: datetime) -> None:
        """See ports.Outbox."""
        with self._database.turn:
            known = self._state(notice)
            if known.attempts == notice.attempts:
                self._database.deliveries[notice.notice_id] = replace(known, next_try_at=retry_at)

    def stuck(self, since: datetime) -> int:
        """See ports.Outbox."""
        return sum(1 for notice in self._undelivered() if notice.created_at < since)

    def _undelivered(self) -> list[Notice]:
        return [notice for notice in self._database.notices if notice.notice_id not in self._database.delivered]

    def _state(self, notice: Notice) -> Waiting:
        return self._database.deliveries.get(notice.notice_id, Waiting(notice.notice_id, 0, None))


def _watched(strategy_id: UUID, user_id: UUID, plan: Plan, day: date | None) -> Watched:
    return Watched(strategy_id, user_id, plan.exchange, plan.symbol, plan.stop_loss, plan.quantity, day)


def _key(cycle: Cycle) -> CycleKey:
    return cycle.strategy_id, cycle.trading_day


def _instrument(cycle: Cycle) -> tuple[str, str, str]:
    return cycle.plan.exchange, cycle.plan.symbol, cycle.plan.product


def _oldest_first(intent: Intent) -> tuple[datetime, str, int]:
    return intent.created_at, intent.leg, intent.attempt


def add_notice(
    database: MemoryDatabase,
    user_id: UUID,
    strategy_id: UUID | None,
    kind: str,
    text: str,
    now: datetime,
    account_id: UUID | None = None,
) -> None:
    """Write a notice into the outbox; the caller holds the database's turn."""
    number = len(database.notices) + 1
    database.notices.append(Notice(number, user_id, strategy_id, kind, text, now, account_id=account_id))


def _name_where_several(database: MemoryDatabase, cycle: Cycle) -> str | None:
    held = {each.account_id: each for each in accounts_of(database, cycle.user_id)}
    mine = held.pop(cycle.account_id, database.named_accounts.get(cycle.account_id))
    return None if mine is None or not held else mine.name
