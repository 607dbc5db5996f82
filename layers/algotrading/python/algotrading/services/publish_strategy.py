"""Spreads a stored strategy to its copies: Redis, the schedules, the watcher, the order queue.

The rule for failures. A change is true once PostgreSQL has it, and only then is it spread. From that
moment no failing copy turns the answer into an error, because the change has happened and will have
its effect: each failed step is logged, counted as `PublishFailed` (alarmed), and made good by converge
within a minute. The other steps are carried out all the same. Entries stay safe meanwhile: an executor
that cannot reach Redis does not buy. Faults before PostgreSQL has stored anything are answered as what
they are, and nothing has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ParamSpec

from algotrading.contracts.messages import OrderCommand, OrderEvent, StopChange
from algotrading.domain.alarms import alarm_instant
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.instruments import Instrument
from algotrading.domain.sessions import SessionHours, SessionTable, instant_of, trading_day_of
from algotrading.domain.strategy import Strategy
from algotrading.ports import Clock, Lane, Meter, OrderQueue, Runtime, Schedules
from algotrading.services.alarms import alarm_names, arming_commands, build_alarms, make_command
from algotrading.services.flatten import leave_command

P = ParamSpec("P")
logger = logging.getLogger(__name__)

DUE_NOW = timedelta(seconds=5)
"""An order due within this is due now: an executor of the priority lane, which lives 15 s, can wait for it."""


@dataclass(frozen=True, slots=True)
class Cycles:
    """A strategy's `newest` cycle, and all of any day that are not settled, oldest first."""

    newest: Cycle | None
    unsettled: Sequence[Cycle]

    @property
    def guarded(self) -> Cycle | None:
        """The one whose stop is watched: the newest that may hold something."""
        return next((cycle for cycle in reversed(self.unsettled) if cycle.is_armed), None)

    @property
    def guarded_day(self) -> date | None:
        """Its trading day."""
        return None if self.guarded is None else self.guarded.trading_day


@dataclass(frozen=True, slots=True)
class Publisher:
    """Spreads what PostgreSQL says. `entry_grace` is how late an entry may still be sent."""

    runtime: Runtime
    schedules: Schedules
    queue: OrderQueue
    meter: Meter
    clock: Clock
    table: SessionTable
    entry_grace: timedelta

    def publish_running(self, strategy: Strategy, instrument: Instrument, hours: SessionHours, cycles: Cycles) -> None:
        """The strategy runs: its keys, both schedules, the watcher's subscription, and what is due so soon
        that its alarm may have rung already.

        A SELL that is due (nearly) now takes the priority lane: on the other one it could stand behind an
        executor that still waits for an instant which this very change has made void.
        """
        cycle = cycles.newest
        now = self.clock.now()
        commands = arming_commands(strategy, now=now, table=self.table, hours=hours, cycle=cycle, cause="start")
        self._try("strategy key", self.runtime.put_strategy, strategy)
        if not commands and (cycle is None or cycle.trading_day < trading_day_of(now)):
            # Nobody works on today's cycle yet, so this can overwrite nothing newer.
            idle = Cycle(
                strategy.strategy_id, strategy.user_id, strategy.account_id, trading_day_of(now), strategy.plan
            )
            self._try("runtime key", self.runtime.put_cycle, idle)
        for alarm in build_alarms(strategy, hours):
            self._try(f"schedule {alarm.name}", self.schedules.put, alarm)
        self._announce(strategy, instrument, cycles.guarded, watched=True)
        for command in commands:
            self._try(f"order {command.event}", self.queue.send, command, _lane_of(command, now))

    def publish_stopped(self, strategy: Strategy, instrument: Instrument | None, cycles: Cycles) -> None:
        """The strategy runs no more: no schedules, and what it holds, of whatever day, is sold at once. The
        watcher goes on guarding until that has happened."""
        for day in _days_to_close(strategy, cycles, self.clock.now(), self.entry_grace):
            command = make_command(
                strategy_id=strategy.strategy_id,
                user_id=strategy.user_id,
                event=OrderEvent.STOP,
                trading_day=day,
                now=self.clock.now(),
                cause="user",
                strategy_version=strategy.version,
            )
            self._try("order STOP", self.queue.send, command, Lane.PRIORITY)
        self._remove_schedules(strategy)
        self._try("strategy key", self.runtime.put_strategy, strategy)
        self._announce(strategy, instrument, cycles.guarded, watched=cycles.guarded is not None)

    def publish_guarded(self, strategy: Strategy, cycles: Cycles) -> None:
        """How an open position is guarded has changed: its stop order at the broker is to follow at once."""
        if cycles.guarded is None:
            return
        command = make_command(
            strategy_id=strategy.strategy_id,
            user_id=strategy.user_id,
            event=OrderEvent.RECONCILE,
            trading_day=cycles.guarded.trading_day,
            now=self.clock.now(),
            cause="user",
            strategy_version=strategy.version,
        )
        self._try("order RECONCILE", self.queue.send, command, Lane.PRIORITY)

    def publish_square_off(self, cycles: Sequence[Cycle]) -> None:
        """What these cycles hold is sold at once. Nothing was stored that converge could repeat, so a failure is
        the caller's to hear about.

        Whoever asks again within the same ten seconds asks the same.
        """
        now = self.clock.now()
        for cycle in cycles:
            asked = str(int(now.timestamp()) // 10)
            self.queue.send(
                leave_command(cycle, OrderEvent.SQUARE_OFF, now=now, cause="user", asked=asked), Lane.PRIORITY
            )

    def publish_guard(self, strategy: Strategy, instrument: Instrument, cycles: Cycles) -> None:
        """A running strategy has begun to hold something, or holds it no more, since the watcher was told."""
        self._announce(strategy, instrument, cycles.guarded, watched=True)

    def publish_deleted(self, strategy: Strategy, instrument: Instrument | None) -> None:
        """Nothing of the strategy remains outside PostgreSQL."""
        self._remove_schedules(strategy)
        self._try("strategy key", self.runtime.forget, strategy)
        self._announce(strategy, instrument, None, watched=False)

    def _remove_schedules(self, strategy: Strategy) -> None:
        for name in alarm_names(strategy.strategy_id):
            self._try(f"schedule {name}", self.schedules.remove, name)

    def _announce(
        self, strategy: Strategy, instrument: Instrument | None, guarded: Cycle | None, *, watched: bool
    ) -> None:
        if instrument is None:
            # Gone from today's dump: there is no token by which the watcher could know it.
            logger.warning("strategy %s: %s is not in today's instruments", strategy.strategy_id, strategy.plan.symbol)
            return
        change = StopChange(
            strategy_id=strategy.strategy_id,
            user_id=strategy.user_id,
            exchange=strategy.plan.exchange,
            symbol=strategy.plan.symbol,
            instrument_token=instrument.instrument_token,
            watched=watched,
            armed=watched and guarded is not None,
            stop_loss=strategy.plan.stop_loss,
            trading_day=guarded.trading_day if guarded is not None else trading_day_of(self.clock.now()),
            quantity=(strategy if guarded is None else guarded).plan.quantity,
        )
        self._try("watcher", self.runtime.announce, change)

    def _try(self, step: str, action: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            action(*args, **kwargs)
        except Exception:
            logger.exception("a stored change could not be spread (%s): converge will repeat it", step)
            self.meter.count("PublishFailed")


def _lane_of(command: OrderCommand, now: datetime) -> Lane:
    is_now = command.due is not None and command.due <= now + DUE_NOW
    return Lane.PRIORITY if command.event is OrderEvent.SELL and is_now else Lane.NORMAL


def _days_to_close(strategy: Strategy, cycles: Cycles, now: datetime, entry_grace: timedelta) -> tuple[date, ...]:
    """The trading days whose cycles may hold something, or may be about to."""
    held = tuple(cycle.trading_day for cycle in cycles.unsettled)
    cycle = cycles.newest
    if cycle is not None and cycle.trading_day in held:
        return held
    for day in (trading_day_of(now), trading_day_of(now + timedelta(minutes=4))):
        due = instant_of(day, strategy.plan.buy_time)
        not_begun = cycle is None or cycle.trading_day < day or cycle.state is CycleState.IDLE
        if not_begun and alarm_instant(due) <= now <= due + entry_grace:
            return (*held, day)
    return held
