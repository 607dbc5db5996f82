"""The executor: what a worker does with one message of the order queues."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.cycle import (
    BookRead,
    Cycle,
    EntryDue,
    EntryMissed,
    Event,
    ExitBlocked,
    ExitDue,
    ExitReason,
    RaiseAlarm,
)
from algotrading.domain.decide import decide
from algotrading.domain.errors import BrokerAuthFailed, BrokerFault, LockBusy, NotFound, RedisDown
from algotrading.domain.sessions import SessionTable, instant_of
from algotrading.domain.strategy import Strategy
from algotrading.ports import Broker, Instruments
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.cycle_runner import CycleRunner, Desk, spread_of

logger = logging.getLogger(__name__)

_EXIT_REASONS = {
    OrderEvent.SELL: ExitReason.SELL_TIME,
    OrderEvent.STOPLOSS: ExitReason.STOPLOSS,
    OrderEvent.STOP: ExitReason.USER,
}
_TIMED = {OrderEvent.BUY, OrderEvent.SELL}
_STALE_PRICE = timedelta(seconds=10)
_WARM_AHEAD = timedelta(seconds=2)
_LOCK_TRIES = 30
_LOCK_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """How one worker spends its time, seconds."""

    commit_lead: float = 2.0
    """A due order's intent is committed at most this long before its instant, spread over two thirds of
    it by strategy: a burst must be prepared, on however few cores, before the instant comes."""
    follow: float = 8.0
    """How long a worker looks after its order before it leaves the rest to converge."""
    lock: float = 30.0
    """Expiry of the strategy's lock; longer than a worker can hold it."""


@dataclass(frozen=True, slots=True)
class Executor:
    """Handles order commands. Safe to run twice, late, or after a crash at any point of an earlier
    run: the fence and the ledger's unique key decide what may still happen."""

    desk: Desk
    instruments: Instruments
    sessions: BrokerSessions
    table: SessionTable
    pace: Pace = Pace()

    def handle(self, command: OrderCommand) -> Cycle | None:
        """Do what `command` asks; None when there is nothing (left) to do.

        Raises:
            LockBusy, RedisDown, BrokerFault: nothing was sent; the message should come again soon.
            Fenced: another worker has taken over; the message should come again.
        """
        match command.event:
            case OrderEvent.BUY:
                return self._buy(command)
            case OrderEvent.RECONCILE:
                return self._reconcile(command)
            case _:
                return self._exit(command, _EXIT_REASONS[command.event])

    # --- entry ------------------------------------------------------------------------------------

    def _buy(self, command: OrderCommand) -> Cycle | None:
        strategy = self._current(command)
        if strategy is None:
            return None
        clock = self.desk.clock
        due = command.due or clock.now()
        broker = self._open(strategy)
        self._wait(strategy, broker, due)
        if clock.now() > due + self.desk.policy.entry_grace:
            return self._record(strategy, command, EntryDue(clock.now(), due, None))
        with self._locked(strategy):
            obstacle = self._obstacle(strategy, broker)
            if broker is None or obstacle is not None:
                return self._record(strategy, command, EntryMissed(clock.now(), obstacle or "no broker session"))
            price = self._price(strategy, broker)
            runner = self._take(strategy, command, broker)
            return None if runner is None else runner.run(EntryDue(clock.now(), due, price))

    def _obstacle(self, strategy: Strategy, broker: Broker | None) -> str | None:
        """Why nothing can be bought at all, in words for the trader."""
        if broker is None:
            return "the broker login is missing or over; log in to the broker again"
        if self._token(strategy) is None:
            return "the symbol is not in today's instrument list, so its stop could not be watched"
        return None

    def _price(self, strategy: Strategy, broker: Broker) -> Decimal | None:
        """The latest price anyone knows; None rather than holding the entry up."""
        known = self.desk.runtime.last_price(strategy.plan.symbol)
        if known is not None and self.desk.clock.now() - known.at <= _STALE_PRICE:
            return known.price
        try:
            return broker.get_price(strategy.plan.exchange, strategy.plan.symbol)
        except BrokerFault as fault:
            logger.warning("no price for %s: %s", strategy.plan.symbol, fault.message)
            return None

    # --- exit -------------------------------------------------------------------------------------

    def _exit(self, command: OrderCommand, reason: ExitReason) -> Cycle | None:
        strategy = self._current(command)
        if strategy is None:
            return None
        clock = self.desk.clock
        due = command.due or clock.now()
        broker = self._open(strategy)
        self._wait(strategy, broker, due)
        with self._locked_or_alone(strategy):
            if broker is None:
                why = "the broker login is missing or over"
                cycle = self._record(strategy, command, ExitBlocked(clock.now(), reason, why))
                if cycle is not None and cycle.is_armed:
                    raise BrokerAuthFailed("an exit waits for a broker login")
                return cycle
            runner = self._take(strategy, command, broker)
            if runner is None:
                return None
            held = runner.held() if runner.cycle.open_quantity > 0 else None
            now = clock.now()
            return runner.run(ExitDue(now, command.due or now, reason, held, command.tick_at))

    # --- repair -----------------------------------------------------------------------------------

    def _reconcile(self, command: OrderCommand) -> Cycle | None:
        strategy = self._current(command)
        if strategy is None:
            return None
        broker = self.sessions.open(strategy.user_id)
        with self._locked_or_alone(strategy):
            runner = self._take(strategy, command, broker)
            if runner is None or not runner.cycle.intents:
                return None
            reading = broker.read_book(frozenset(intent.tag for intent in runner.cycle.intents))
            return runner.run(BookRead(self.desk.clock.now(), reading))

    # --- common -----------------------------------------------------------------------------------

    def _current(self, command: OrderCommand) -> Strategy | None:
        """The strategy, if this message still speaks of it. A changed plan with the same due instant
        keeps the message: whoever waits for that instant then trades the new plan."""
        strategy: Strategy | None = None
        with suppress(NotFound):
            strategy = self.desk.strategies.get(command.user_id, command.strategy_id)
        why = self._void(command, strategy)
        if why is not None:
            logger.info("dropped %s: %s", command.event, why, extra={"strategy_id": str(command.strategy_id)})
            return None
        return strategy

    def _void(self, command: OrderCommand, strategy: Strategy | None) -> str | None:
        """Why the message has lost its meaning, if it has."""
        if strategy is None:
            return "the strategy is gone"
        if command.event is OrderEvent.BUY and not strategy.is_running:
            return "the strategy does not run"
        if command.event in _TIMED and self._due(command, strategy) != command.due:
            return "the strategy has another time now"
        return None

    def _due(self, command: OrderCommand, strategy: Strategy) -> datetime | None:
        """When the strategy wants this event on that day; the command's own time when nobody can say."""
        if command.event is OrderEvent.BUY:
            return instant_of(command.trading_day, strategy.plan.buy_time)
        plan = strategy.plan
        instrument = self.instruments.find(plan.exchange, plan.symbol)
        hours = self.table.hours(command.trading_day, instrument) if instrument is not None else None
        if hours is None:
            return command.due
        return instant_of(command.trading_day, hours.effective_exit(plan.sell_time, plan.product).at)

    def _open(self, strategy: Strategy) -> Broker | None:
        try:
            return self.sessions.open(strategy.user_id)
        except BrokerAuthFailed as fault:
            logger.error("no broker session: %s", fault.message, extra={"user_id": str(strategy.user_id)})
            return None

    def _wait(self, strategy: Strategy, broker: Broker | None, due: datetime) -> None:
        """Come back just before `due`, with a connection that is open; at once when it is past."""
        clock = self.desk.clock
        if due <= clock.now():
            return
        spread = spread_of(strategy)
        commit_at = due - timedelta(seconds=self.pace.commit_lead * (1 + 2 * spread) / 3)
        clock.sleep_until(commit_at - _WARM_AHEAD * (1 + spread))
        if broker is not None:
            broker.warm()
        clock.sleep_until(commit_at)

    def _take(self, strategy: Strategy, command: OrderCommand, broker: Broker) -> CycleRunner | None:
        """Take the cycle; None when the message has become void meanwhile."""
        cycle = self.desk.ledger.take(strategy, command.trading_day)
        current = self._look_again(strategy, command)
        if current is None:
            return None
        deadline = self.desk.clock.now() + timedelta(seconds=self.pace.follow)
        return CycleRunner(self.desk, broker, current, self._token, cycle, deadline)

    def _record(self, strategy: Strategy, command: OrderCommand, event: Event) -> Cycle | None:
        """Decide and store an event that sends nothing."""
        cycle = self.desk.ledger.take(strategy, command.trading_day)
        if self._look_again(strategy, command) is None:
            return None
        decision = decide(cycle, event, self.desk.policy)
        self.desk.ledger.save(decision, event=event, now=self.desk.clock.now())
        for effect in decision.effects:
            if isinstance(effect, RaiseAlarm):
                self.desk.meter.count(effect.metric)
        return decision.cycle

    def _look_again(self, strategy: Strategy, command: OrderCommand) -> Strategy | None:
        """The strategy may have been stopped or changed while a timed message waited; after the take
        nobody else can be acting on an older view. What is not timed has not waited."""
        return strategy if command.event not in _TIMED else self._current(command)

    def _token(self, strategy: Strategy) -> int | None:
        instrument = self.instruments.find(strategy.plan.exchange, strategy.plan.symbol)
        return None if instrument is None else instrument.instrument_token

    # --- the lock ---------------------------------------------------------------------------------

    @contextmanager
    def _locked(self, strategy: Strategy) -> Iterator[None]:
        """Entries work under the lock or not at all."""
        try:
            token = self.desk.runtime.lock(strategy.strategy_id, seconds=self.pace.lock)
        except RedisDown:
            self.desk.meter.count("RedisDown")
            raise
        try:
            yield
        finally:
            self._unlock(strategy, token)

    @contextmanager
    def _locked_or_alone(self, strategy: Strategy) -> Iterator[None]:
        """Exits and repairs prefer the lock, wait a little for it, and then go on without it: the
        fence keeps that safe, and an exit must not wait for a worker that may be dead."""
        token = self._lock_patiently(strategy)
        try:
            yield
        finally:
            if token is not None:
                self._unlock(strategy, token)

    def _lock_patiently(self, strategy: Strategy) -> str | None:
        for _ in range(_LOCK_TRIES):
            try:
                return self.desk.runtime.lock(strategy.strategy_id, seconds=self.pace.lock)
            except LockBusy:
                self.desk.clock.sleep(_LOCK_PAUSE)
            except RedisDown:
                self.desk.meter.count("RedisDown")
                return None
        logger.warning("took over from a worker that holds the lock", extra={"strategy_id": str(strategy.strategy_id)})
        return None

    def _unlock(self, strategy: Strategy, token: str) -> None:
        try:
            self.desk.runtime.unlock(strategy.strategy_id, token)
        except RedisDown:
            logger.warning("the lock expires by itself", extra={"strategy_id": str(strategy.strategy_id)})
