"""Repair: compares what PostgreSQL says should exist with what does, every minute.

Anything but PostgreSQL may be lost at any time - a schedule, a Redis key, a message, a worker - and is
found missing here. Converge never trades and never writes to a cycle: it restores schedules and keys
itself, and asks an executor, through the priority lane, for everything that needs an order. Asking
again is harmless; so every minute asks again until the truth is as it should be.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle, CycleState, Intent
from algotrading.domain.delivery import STUCK_AFTER
from algotrading.domain.errors import NotFound, RedisDown
from algotrading.domain.orders import Leg
from algotrading.domain.sessions import SessionHours, SessionTable, instant_of, trading_day_of
from algotrading.domain.strategy import Plan, Strategy
from algotrading.ports import (
    Clock,
    Instruments,
    Lane,
    Ledger,
    Meter,
    Notifier,
    OrderQueue,
    Outbox,
    Risks,
    Runtime,
    Schedules,
    Snapshots,
    Strategies,
)
from algotrading.services.alarms import alarm_names, build_alarms, make_command
from algotrading.services.courier import Courier
from algotrading.services.sweep import Look, plan_waves
from algotrading.services.watch_risk import RiskWatch

logger = logging.getLogger(__name__)

_OVERDUE = timedelta(seconds=5)
"""A due order that has not even begun this long after its instant was lost on its way."""
_UNANSWERED = timedelta(seconds=15)
"""An open order that nobody has settled this long after it was written: its worker is gone."""
_LONGEST_RUN = timedelta(seconds=48)
"""The sweep ends here whatever is left of it: the next run comes at the minute."""
_RECENTLY = timedelta(minutes=10)
"""Schedules change only when their strategy does; older ones are checked for existence alone."""
_BOOKS_ASKED_OFTEN = timedelta(minutes=15)
_BOOKS_ASKED_EVERY = 15
"""Minutes between two requests to keep a book, once the first quarter of an hour did not bring it."""
_USERS = 500
"""To as many users notices are delivered in one run."""
_IN_VAIN = 3
"""Users in a row to whom nothing could be delivered: the channel is away, and each try costs seconds."""


@dataclass(slots=True)
class Repairs:
    """What one run found and mended."""

    schedules_restored: int = 0
    schedules_removed: int = 0
    runtime_restored: int = 0
    entries_found_due: int = 0
    exits_found_due: int = 0
    orders_found_open: int = 0
    cycles_swept: int = 0
    """Armed cycles whose comparison with the broker's book was asked for, suspicious or not."""
    cycles_left_for_later: int = 0
    """Those that did not fit into this minute."""
    books_asked_for: int = 0
    """Accounts whose book of the day was not kept yet."""
    kills_asked: int = 0
    """Open cycles of users whose kill switch is on, or of everybody while the operator's is."""
    losses_found: int = 0
    square_offs_asked: int = 0
    notices_delivered: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Converge:
    """What a run looks at and repairs with."""

    clock: Clock
    strategies: Strategies
    instruments: Instruments
    ledger: Ledger
    risks: Risks
    outbox: Outbox
    snapshots: Snapshots
    runtime: Runtime
    schedules: Schedules
    queue: OrderQueue
    notifier: Notifier
    meter: Meter
    table: SessionTable

    def run(self) -> Repairs:
        """Compare, repair, and say what was repaired. A fault in one strategy is counted and does not
        keep the others from being repaired."""
        return _Run(self, self.clock.now(), Repairs()).run()


@dataclass(slots=True)
class _Run:
    world: Converge
    now: datetime
    repairs: Repairs
    looks: list[Look] = field(default_factory=list)
    known_hours: dict[tuple[str, str], SessionHours | None] = field(default_factory=dict)

    def run(self) -> Repairs:
        running = self.world.strategies.running()
        unfinished = self.world.ledger.unfinished()
        for cycle in unfinished:
            with self._isolated(f"cycle of {cycle.strategy_id}"):
                self._look_after(cycle)
        with self._isolated("risk"):
            self._look_after_risk()
        waves = [*enumerate(plan_waves(self.looks, self._minute()))]
        with self._isolated("book sweep"):
            self._sweep(waves[:1])
        with self._isolated("entries"):
            self._look_for_entries(running)
        with self._isolated("schedules"):
            self._restore_schedules(running)
        with self._isolated("runtime copy"):
            self._restore_runtime(running, unfinished)
        with self._isolated("kept books"):
            self._ask_for_books()
        with self._isolated("outbox"):
            self._deliver()
            self._look_for_stuck_notices()
        with self._isolated("book sweep"):
            self._sweep(waves[1:])
        self.repairs.cycles_left_for_later = len(self.looks) - self.repairs.cycles_swept
        return self.repairs

    @contextmanager
    def _isolated(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as fault:
            # Whatever fails here, an AWS client included, must not keep the rest from being repaired.
            self.repairs.failures += 1
            self.world.meter.count("RedisDown" if isinstance(fault, RedisDown) else "ConvergeFailure")
            logger.exception("%s could not be looked after", what)

    def _look_after_risk(self) -> None:
        world = self.world
        watch = RiskWatch(
            risks=world.risks,
            ledger=world.ledger,
            runtime=world.runtime,
            queue=world.queue,
            clock=world.clock,
            meter=world.meter,
            can_trade=lambda cycle: self._in_session(self._hours(cycle.plan)),
        )
        found = watch.run()
        self.repairs.kills_asked, self.repairs.losses_found = found.kills_asked, found.losses_found
        self.repairs.square_offs_asked = found.square_offs_asked
        self.repairs.failures += found.failures

    # --- open cycles ------------------------------------------------------------------------------

    def _look_after(self, cycle: Cycle) -> None:
        strategy = self._find(cycle)
        plan = cycle.plan if strategy is None else strategy.plan
        hours = self._hours(plan)
        if not self._in_session(hours):
            is_over = hours is None or self.now > instant_of(cycle.trading_day, hours.closes)
            if is_over and cycle.is_armed and (cycle.open_quantity > 0 or cycle.may_buy_more):
                self.world.meter.count("PositionLeftOpen")
            return
        ask = self._wanted_of(cycle, strategy, hours)
        if isinstance(ask, Look):
            self.looks.append(ask)
        elif ask is not None:
            event, due = ask
            self._ask(cycle.strategy_id, cycle.user_id, cycle.trading_day, event, due)

    def _wanted_of(
        self, cycle: Cycle, strategy: Strategy | None, hours: SessionHours | None
    ) -> Look | tuple[OrderEvent, datetime | None] | None:
        """What an executor should be asked for, if anything; the most telling first."""
        is_old = cycle.trading_day < trading_day_of(self.now)
        if cycle.is_settled and (is_old or not (cycle.has_absent_order or cycle.needs_verifying)):
            return None
        if is_old or cycle.wanted is not None:
            self.repairs.orders_found_open += 1
            return OrderEvent.RECONCILE, None
        look = Look(cycle.strategy_id, cycle.user_id, cycle.account_id, cycle.trading_day)
        if cycle.is_armed and cycle.claim is None:
            # What nobody has begun comes first: an exit looks at the book as well, and a look begins no exit.
            ask = self._wanted_of_armed(cycle, strategy, hours, look)
            if isinstance(ask, tuple):
                return ask
        if cycle.is_settled and cycle.needs_verifying:
            return look
        if self._has_lost_order(cycle) or cycle.has_absent_order or self._has_stalled(cycle):
            self.repairs.orders_found_open += 1
            return replace(look, is_suspect=True)
        return self._wanted_of_armed(cycle, strategy, hours, look) if cycle.is_armed else None

    def _wanted_of_armed(
        self, cycle: Cycle, strategy: Strategy | None, hours: SessionHours | None, look: Look
    ) -> Look | tuple[OrderEvent, datetime | None] | None:
        if strategy is None or not strategy.is_running:
            self.repairs.exits_found_due += 1
            return OrderEvent.STOP, None
        plan = strategy.plan
        at = plan.sell_time if hours is None else hours.effective_exit(plan.sell_time, plan.product).at
        due = instant_of(cycle.trading_day, at)
        if self.now >= due + _OVERDUE:
            self.repairs.exits_found_due += 1
            self.world.meter.count("TriggerMissed")
            return OrderEvent.SELL, due
        return None if self._has_worker(cycle) else replace(look, exit_due=due)

    def _sweep(self, waves: Sequence[tuple[int, Sequence[Look]]]) -> None:
        """Ask for the looks, each wave in its second of the minute."""
        clock = self.world.clock
        for second, wave in waves:
            clock.sleep_until(self.now + timedelta(seconds=second))
            for look in wave:
                now = clock.now()
                if now > self.now + _LONGEST_RUN:
                    return
                if look.fits(now):
                    event, cause = OrderEvent.RECONCILE, "converge" if look.is_suspect else "sweep"
                    self._ask(look.strategy_id, look.user_id, look.trading_day, event, None, cause=cause)
                    self.repairs.cycles_swept += 1

    def _has_lost_order(self, cycle: Cycle) -> bool:
        # A stop order rests at the broker until it is needed: nothing about it is lost.
        return any(i.state.is_open and not i.rests and self._age(i) > _UNANSWERED for i in cycle.intents)

    def _has_stalled(self, cycle: Cycle) -> bool:
        """Whether an entry has no order under way: its worker had no time left for another try."""
        newest = max((self._age(i) for i in cycle.intents), default=timedelta(0))
        return cycle.state is CycleState.ENTERING and not cycle.open_intents(Leg.ENTRY) and newest > _OVERDUE

    def _has_worker(self, cycle: Cycle) -> bool:
        """Whether an order is so young that whoever sent it is still looking after it."""
        return any(i.state.is_open and self._age(i) <= _UNANSWERED for i in cycle.intents)

    def _age(self, intent: Intent) -> timedelta:
        return self.now - max(intent.created_at, intent.due_at)

    def _find(self, cycle: Cycle) -> Strategy | None:
        try:
            return self.world.strategies.get(cycle.user_id, cycle.strategy_id)
        except NotFound:
            return None

    def _ask_for_books(self) -> None:
        """After the session: one executor for each account keeps its book. Who has not logged in is asked for
        less often than every minute, until the book is gone."""
        day = self.world.table.day_to_keep(self.now)
        if day is None or not self._is_turn_for_books(day):
            return
        for user_id, strategy_id in self.world.snapshots.missing(day):
            self._ask(strategy_id, user_id, day, OrderEvent.SNAPSHOT, None)
            self.repairs.books_asked_for += 1

    def _is_turn_for_books(self, day: date) -> bool:
        is_fresh = self.world.table.day_to_keep(self.now - _BOOKS_ASKED_OFTEN) != day
        return is_fresh or self._minute() % _BOOKS_ASKED_EVERY == 0

    # --- entries ----------------------------------------------------------------------------------

    def _look_for_entries(self, running: Sequence[Strategy]) -> None:
        today = trading_day_of(self.now)
        dues = [(strategy, instant_of(today, strategy.plan.buy_time)) for strategy in running]
        passed = [(strategy, due) for strategy, due in dues if strategy.due_since <= due <= self.now - _OVERDUE]
        begun = self.world.ledger.begun([strategy.strategy_id for strategy, _ in passed], today) if passed else ()
        for strategy, due in passed:
            if strategy.strategy_id not in begun:
                with self._isolated(f"entry of {strategy.strategy_id}"):
                    self._ask_for_entry(strategy, today, due)

    def _ask_for_entry(self, strategy: Strategy, today: date, due: datetime) -> None:
        if self._in_session(self._hours(strategy.plan)):
            self.repairs.entries_found_due += 1
            self.world.meter.count("TriggerMissed")
            self._ask(strategy.strategy_id, strategy.user_id, today, OrderEvent.BUY, due)

    def _ask(
        self,
        strategy_id: UUID,
        user_id: UUID,
        trading_day: date,
        event: OrderEvent,
        due: datetime | None,
        *,
        cause: str = "converge",
    ) -> None:
        """Ask an executor; each minute anew, since the queue forgets a repeated identity."""
        command = make_command(
            strategy_id=strategy_id,
            user_id=user_id,
            event=event,
            trading_day=trading_day,
            now=self.world.clock.now(),
            cause=cause,
            due=due,
        )
        identity = f"{command.deduplication_id}:converge:{self._minute()}"
        asked = command.model_copy(update={"deduplication_id": identity})
        self.world.queue.send(asked, Lane.PRIORITY)

    def _minute(self) -> int:
        return int(self.now.timestamp() // 60)

    # --- schedules and the runtime copy -----------------------------------------------------------

    def _restore_schedules(self, running: Sequence[Strategy]) -> None:
        existing = self.world.schedules.names()
        kept: set[str] = set()
        for strategy in running:
            names = alarm_names(strategy.strategy_id)
            kept.update(names)
            is_recent = self.now - strategy.updated_at < _RECENTLY
            if is_recent or not existing.issuperset(names):
                self._restore_alarms(strategy, existing, is_recent=is_recent)
        for name in sorted(existing - kept):
            self.world.schedules.remove(name)
            self.repairs.schedules_removed += 1

    def _restore_alarms(self, strategy: Strategy, existing: frozenset[str], *, is_recent: bool) -> None:
        hours = self._hours(strategy.plan)
        for alarm in () if hours is None else build_alarms(strategy, hours):
            is_right = alarm.name in existing and (not is_recent or self.world.schedules.find(alarm.name) == alarm)
            if not is_right:
                self.world.schedules.put(alarm)
                self.repairs.schedules_restored += 1

    def _restore_runtime(self, running: Sequence[Strategy], unfinished: Sequence[Cycle]) -> None:
        runtime = self.world.runtime
        copies = runtime.read_strategies([strategy.strategy_id for strategy in running])
        for strategy, copy in zip(running, copies, strict=True):
            if copy.get("version") != str(strategy.version):
                runtime.put_strategy(strategy)
                self.repairs.runtime_restored += 1
        copies = runtime.read_cycles([cycle.strategy_id for cycle in unfinished])
        for cycle, copy in zip(unfinished, copies, strict=True):
            if not copy:
                runtime.put_cycle(cycle)
                self.repairs.runtime_restored += 1

    def _hours(self, plan: Plan) -> SessionHours | None:
        """Looked up once a run for each instrument, however many strategies trade it."""
        name = (plan.exchange, plan.symbol)
        if name not in self.known_hours:
            self.known_hours[name] = self._find_hours(plan)
        return self.known_hours[name]

    def _find_hours(self, plan: Plan) -> SessionHours | None:
        instrument = self.world.instruments.find(plan.exchange, plan.symbol)
        if instrument is None:
            self.world.meter.count("InstrumentMissing")
            return None
        return self.world.table.hours(trading_day_of(self.now), instrument)

    def _in_session(self, hours: SessionHours | None) -> bool:
        """Whether orders can be sent now; with no hours known, whether the exchange trades today."""
        today = trading_day_of(self.now)
        if not self.world.table.is_trading_day(today):
            return False
        return hours is None or instant_of(today, hours.opens) <= self.now <= instant_of(today, hours.closes)

    # --- notices ----------------------------------------------------------------------------------

    def _deliver(self) -> None:
        """What executors left. Each user apart from the others, and no more of them once the channel is away."""
        world = self.world
        courier = Courier(world.clock, world.outbox, world.notifier, world.meter)
        in_vain = 0
        for user_id in world.outbox.waiting(self.now, _USERS):
            with self._isolated(f"notices of {user_id}"):
                arrived = courier.deliver(user_id)
                self.repairs.notices_delivered += arrived
                in_vain = 0 if arrived else in_vain + 1
            if in_vain == _IN_VAIN:
                break

    def _look_for_stuck_notices(self) -> None:
        if stuck := self.world.outbox.stuck(self.now - STUCK_AFTER):
            self.world.meter.count("NoticeStuck", stuck)
