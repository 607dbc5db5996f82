"""What every message needs of a worker: the strategy that it speaks of, the cycle taken, a session, a record."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.audit import AuditEntry, AuditKind, Cause
from algotrading.domain.cycle import Cycle
from algotrading.domain.decide import decide
from algotrading.domain.effects import RaiseAlarm
from algotrading.domain.errors import BrokerAuthFailed, NotFound, RedisDown
from algotrading.domain.events import Event
from algotrading.domain.instruments import Instrument
from algotrading.domain.risk import breach_of
from algotrading.domain.sessions import SessionTable, instant_of, trading_day_of
from algotrading.domain.strategy import Plan, Strategy, StrategyStatus
from algotrading.ports import Instruments
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.errand import Desk, Errand, spread_of
from algotrading.services.paced_broker import PacedBroker
from algotrading.services.strategy_lock import StrategyLock

logger = logging.getLogger(__name__)

_TIMED = {OrderEvent.BUY, OrderEvent.SELL}
_WARM_AHEAD = timedelta(seconds=2)
LOGIN_OVER: Final = "the broker login is missing or over"
"""Why nothing can be sold, nor read, in words for the trader. What the owner calls the account is never part of what is
decided: decisions are kept in the audit trail for ever, and are logged."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How one worker spends its time, seconds."""

    commit_lead: float = 2.0
    """A due order's intent is committed at most this long before its instant, spread over two thirds of
    it by strategy: a burst must be prepared, on however few cores, before the instant comes."""
    follow: float = 8.0
    """How long after its instant a worker looks after its order before it leaves the rest to converge."""
    lock: float = 30.0
    """Expiry of the strategy's lock; longer than a worker can hold it."""
    waiter: float = 12.0
    """How long after its instant a worker that waited for it may go on waiting for a place among its account's
    orders: less than the 15 s after which converge holds an order that nobody answered for to be lost."""
    caller: float = 8.0
    """The same from its taking the cycle, of a worker that was called at once: it may run for 15, and the broker may
    take a while to answer."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A cycle that this worker has taken, and the strategy as it was after the take."""

    strategy: Strategy
    cycle: Cycle
    cause: Cause
    lives_until: datetime


@dataclass(frozen=True, slots=True)
class Worker:
    """Shared by entries, exits and reconciliation. Implements `errand.Market`, too: an errand asks it about instruments
    and hours."""

    desk: Desk
    instruments: Instruments
    sessions: BrokerSessions
    table: SessionTable
    pace: Pace

    # --- what a message speaks of -----------------------------------------------------------------

    def is_over(self, command: OrderCommand) -> bool:
        """Whether the day whose cycle the message speaks of has ended."""
        return command.trading_day < trading_day_of(self.desk.clock.now())

    def current(self, command: OrderCommand) -> Strategy | None:
        """The strategy, if this message still speaks of it. A changed plan with the same due instant
        keeps the message: whoever waits for that instant then trades the new plan."""
        strategy = self._find(command)
        why = self._void(command, strategy)
        if why is not None:
            logger.info("dropped %s: %s", command.event, why, extra={"strategy_id": str(command.strategy_id)})
            if strategy is not None:
                self.note(command, AuditKind.MESSAGE_DROPPED, why)
            return None
        return strategy

    def _find(self, command: OrderCommand) -> Strategy | None:
        """The strategy; or, deleted while its cycle was not settled or an order of it was still looked for, what the
        cycle knows of it."""
        try:
            return self.desk.strategies.get(command.user_id, command.strategy_id)
        except NotFound:
            cycle = self.desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is None or (cycle.is_settled and not cycle.has_absent_order):
            return None
        now = self.desk.clock.now()
        return Strategy(
            cycle.strategy_id, cycle.user_id, cycle.account_id, cycle.plan, StrategyStatus.STOPPED, 0, now, now
        )

    def _void(self, command: OrderCommand, strategy: Strategy | None) -> str | None:
        """Why the message has lost its meaning, if it has."""
        if strategy is None:
            return "the strategy is gone"
        if command.event is OrderEvent.BUY and not strategy.is_running:
            return "the strategy does not run"
        if command.event in _TIMED and self._due(command, strategy) != command.due:
            return "the strategy has another time now"
        if command.event is OrderEvent.BUY and command.due is not None and strategy.due_since > command.due:
            # A message of before, that came again: its owner was told that it buys on the next day.
            return "the strategy was started, or given this buy time, after it"
        return None

    def _due(self, command: OrderCommand, strategy: Strategy) -> datetime | None:
        """When the strategy wants this event on that day; the command's own time when nobody can say."""
        if command.event is OrderEvent.BUY:
            return instant_of(command.trading_day, strategy.plan.buy_time)
        return self.sell_due(strategy.plan, command.trading_day) or command.due

    # --- the broker's session ---------------------------------------------------------------------

    def account_of(self, strategy: Strategy, day: date) -> UUID:
        """Where the strategy's cycle of the day trades, as far as can be said before it is taken."""
        cycle = self.desk.ledger.find(strategy.user_id, strategy.strategy_id, day)
        return strategy.account_id if cycle is None else cycle.account_id

    def session_of(self, cycle: Cycle, account_id: UUID | None, opened: PacedBroker | None) -> PacedBroker | None:
        """The session of the cycle's account: what was `opened` before it was taken, where that was for this account.
        Its strategy may have been moved meanwhile, and what is held stays where it was bought."""
        return opened if account_id == cycle.account_id else self.open(cycle.user_id, cycle.account_id)

    def open(self, user_id: UUID, account_id: UUID) -> PacedBroker | None:
        """The account's session; None: its owner has to log in to the broker."""
        return self.renew(user_id, account_id, None)

    def renew(self, user_id: UUID, account_id: UUID, opened: PacedBroker | None) -> PacedBroker | None:
        """Who logged in during a wait is logged in, and speaks with the new token: the old one may be dead by that."""
        try:
            return self.sessions.renew(user_id, account_id, opened)
        except BrokerAuthFailed as fault:
            logger.error("no broker session: %s", fault.message, extra={"user_id": str(user_id)})
            return None

    def wait(self, strategy: Strategy, broker: PacedBroker | None, due: datetime) -> None:
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

    # --- the cycle --------------------------------------------------------------------------------

    def take(self, command: OrderCommand) -> Taken | None:
        """Take the cycle for the strategy as it is now. A timed message may have waited while its
        strategy was stopped or changed, so it is looked at again after the take: from then on nobody
        else can be acting on an older view."""
        strategy = self.current(command)
        while strategy is not None:
            cycle = self.desk.ledger.take(strategy, command.trading_day)
            current = self.current(command) if command.event in _TIMED else strategy
            if current is not None and current.version == strategy.version:
                return Taken(strategy, cycle, cause_of(command), self._lives_until(command))
            strategy = current
        return None

    def _lives_until(self, command: OrderCommand) -> datetime:
        now = self.desk.clock.now()
        if command.due is not None and now < command.due:
            return command.due + timedelta(seconds=self.pace.waiter)
        return now + timedelta(seconds=self.pace.caller)

    def errand(self, taken: Taken, broker: PacedBroker) -> Errand:
        """What is to be carried out with the cycle that was taken."""
        # From the instant on: how long before it this worker began says nothing about how long the broker takes.
        now = self.desk.clock.now()
        deadline = max(now, taken.cause.due or now) + timedelta(seconds=self.pace.follow)
        return Errand(
            desk=self.desk,
            broker=broker,
            strategy=taken.strategy,
            market=self,
            cycle=taken.cycle,
            deadline=deadline,
            lives_until=taken.lives_until,
            cause=taken.cause,
        )

    def record(self, taken: Taken, event: Event) -> Cycle:
        """Decide and store an event that sends nothing."""
        decision = decide(taken.cycle, event, self.desk.policy)
        self.desk.ledger.save(decision, event=event, now=self.desk.clock.now(), cause=taken.cause)
        if breach_of(event) is not None:
            self.desk.meter.count("EntriesBlocked")
        for effect in decision.effects:
            if isinstance(effect, RaiseAlarm):
                self.desk.meter.count(effect.metric)
                logger.error(effect.text, extra={"alarm": effect.metric, "strategy_id": str(taken.cycle.strategy_id)})
        try:
            self.desk.runtime.put_cycle(decision.cycle)
        except RedisDown:
            self.desk.meter.count("RedisDown")
        return decision.cycle

    def note_event(self, command: OrderCommand, event: Event) -> Cycle | None:
        """Take the cycle, and decide and store an event of it that sends nothing. None: the message means nothing any
        more."""
        with self.lock.preferred(command.strategy_id):
            taken = self.take(command)
            return None if taken is None else self.record(taken, event)

    def note(self, command: OrderCommand, kind: AuditKind, why: str) -> None:
        """Put on record what a message did not lead to."""
        self.desk.ledger.note(
            AuditEntry(
                user_id=command.user_id,
                kind=kind,
                at=self.desk.clock.now(),
                data={"cause": cause_of(command), "why": why},
                strategy_id=command.strategy_id,
                trading_day=command.trading_day,
            )
        )

    @property
    def lock(self) -> StrategyLock:
        """For exits and looks, which may go on without it."""
        return StrategyLock(self.desk.runtime, self.desk.clock, self.desk.meter, self.pace.lock)

    def entry_lock(self, command: OrderCommand) -> AbstractContextManager[None]:
        """For entries, which may not."""

        def note_held_up() -> None:
            self.note(command, AuditKind.ENTRY_HELD_UP, "Redis does not answer, so its stop could not be watched")

        return self.lock.required(command.strategy_id, on_redis_down=note_held_up)

    # --- the market ---------------------------------------------------------------------------------

    def instrument(self, plan: Plan) -> Instrument | None:
        """See errand.Market."""
        return self.instruments.find(plan.exchange, plan.symbol)

    def stop_obstacle(self, plan: Plan, now: datetime) -> str | None:
        """See errand.Market."""
        instrument, day = self.instrument(plan), trading_day_of(now)
        hours = None if instrument is None else self.table.hours(day, instrument)
        if hours is None:
            return "the symbol is not in today's instrument list"
        if now >= instant_of(day, hours.last_exit):
            return f"stop orders end at {hours.last_exit}: {hours.last_exit_reason}"
        return None

    def sell_due(self, plan: Plan, trading_day: date) -> datetime | None:
        """See errand.Market."""
        instrument = self.instrument(plan)
        hours = None if instrument is None else self.table.hours(trading_day, instrument)
        if hours is None:
            return None
        return instant_of(trading_day, hours.effective_exit(plan.sell_time, plan.product).at)


def cause_of(command: OrderCommand) -> Cause:
    """What goes on record about the message that led to a decision."""
    return Cause(
        event=command.event,
        asked_by=command.cause,
        made_at=datetime.fromtimestamp(command.timestamp / 1000, UTC),
        due=command.due,
        price=command.price,
        tick_at=command.tick_at,
        request_id=command.request_id,
        client_request_id=command.client_request_id,
    )
