"""The executor: what a worker does with one message of the order queues."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.audit import AuditEntry, AuditKind, Cause
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState
from algotrading.domain.decide import decide
from algotrading.domain.effects import RaiseAlarm
from algotrading.domain.errors import AlgotradingError, BrokerAuthFailed, BrokerFault, NotFound, RedisDown
from algotrading.domain.events import DayOver, EntryDue, EntryMissed, Event, ExitBlocked, ExitDue
from algotrading.domain.instruments import Instrument
from algotrading.domain.limits import Obstacle
from algotrading.domain.orders import Leg
from algotrading.domain.risk import breach_of
from algotrading.domain.sessions import SessionTable, instant_of, trading_day_of
from algotrading.domain.strategy import Plan, Strategy, StrategyStatus
from algotrading.ports import EntryGate, Instruments, NamedAccounts, Risks, Snapshots
from algotrading.services import read_broker
from algotrading.services.account_names import where
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.courier import Courier
from algotrading.services.cycle_runner import CycleRunner
from algotrading.services.errand import Desk, Errand, spread_of
from algotrading.services.flatten import LOSS_LIMIT
from algotrading.services.keep_book import BookKeeper
from algotrading.services.last_call import LastCall
from algotrading.services.live_prices import prices_of_today
from algotrading.services.paced_broker import PacedBroker
from algotrading.services.read_broker import held_by, see
from algotrading.services.send_orders import past_its_sale
from algotrading.services.strategy_lock import StrategyLock
from algotrading.services.verify_flat import FlatVerifier
from algotrading.services.way_out import WayOut

logger = logging.getLogger(__name__)

_EXIT_REASONS = {
    OrderEvent.SELL: ExitReason.SELL_TIME,
    OrderEvent.STOPLOSS: ExitReason.STOPLOSS,
    OrderEvent.STOP: ExitReason.USER,
    OrderEvent.SQUARE_OFF: ExitReason.SQUARE_OFF,
    OrderEvent.KILL: ExitReason.KILL,
}
_TIMED = {OrderEvent.BUY, OrderEvent.SELL}
_STALE_PRICE = timedelta(seconds=10)
_WARM_AHEAD = timedelta(seconds=2)
_WITHDRAWN = timedelta(seconds=0.2)
"""This long after its instant an entry that waited for it has left, or has been withdrawn."""
_LONGEST_WITHDRAWAL = timedelta(seconds=4)
_PATIENCE_OF_HINTS = {
    "sweep": timedelta(seconds=1),  # the only look there is in a quiet minute
    "postback": timedelta(seconds=0.1),
    "socket": timedelta(seconds=0.1),
}
"""How long a look that knows of no trouble waits for its place: an exit of its strategy may come behind it."""
_HAND_OVER = timedelta(seconds=3)
"""So long after its instant an entry waits for another strategy's shares of the same symbol to be sold; less than the
5 s after which converge holds it to be lost."""
_HAND_OVER_PAUSE = timedelta(seconds=0.25)
_TIME_TO_LOOK = timedelta(seconds=30)
"""An entry that is due sooner is not held up by asking where it would come from: longer than any answer takes."""
_PATIENCE_BEFORE_ENTRY = timedelta(seconds=0.1)
_SET_DOWN = 0.25
"""Seconds before its instant at which an entry has to be decided, to be written down in time."""
_LEAST_READING = 0.4
"""Seconds: what is asked when there is no time left, as of a late entry."""


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
class _Taken:
    """A cycle that this worker has taken, and the strategy as it was after the take."""

    strategy: Strategy
    cycle: Cycle
    cause: Cause
    lives_until: datetime


@dataclass(frozen=True, slots=True)
class Executor:
    """Handles order commands. Safe to run twice, late, or after a crash at any point of an earlier
    run: the fence and the ledger's unique key decide what may still happen."""

    desk: Desk
    instruments: Instruments
    sessions: BrokerSessions
    snapshots: Snapshots
    table: SessionTable
    risks: Risks
    courier: Courier
    way_out: WayOut
    last_call: LastCall
    named: NamedAccounts
    pace: Pace = Pace()

    def handle(self, command: OrderCommand) -> Cycle | None:
        """Do what `command` asks; None when there is nothing (left) to do.

        Raises:
            LockBusy, RedisDown, BrokerFault: nothing was sent; the message should come again soon.
            Fenced: another worker has taken over; the message should come again.
        """
        try:
            cycle = self._handle(command)
        except AlgotradingError:
            self.courier.deliver_promptly(command.user_id)
            raise
        self.courier.deliver_promptly(command.user_id)
        return cycle

    def _handle(self, command: OrderCommand) -> Cycle | None:
        match command.event:
            case OrderEvent.BUY:
                return self._buy(command)
            case OrderEvent.RECONCILE:
                return self._reconcile(command)
            case OrderEvent.SNAPSHOT:
                self._keep_book(command)
                return None
            case OrderEvent.KILL:
                return self._kill(command)
            case OrderEvent.SQUARE_OFF if command.cause == LOSS_LIMIT:
                return self._exit(command, ExitReason.RISK)
            case _:
                return self._exit(command, _EXIT_REASONS[command.event])

    # --- entry ------------------------------------------------------------------------------------

    def _buy(self, command: OrderCommand) -> Cycle | None:
        strategy = self._current(command)
        if strategy is None:
            return None
        clock = self.desk.clock
        due = command.due or clock.now()
        broker = self._open(strategy.user_id, strategy.account_id)
        if broker is not None and due - clock.now() > _TIME_TO_LOOK:
            self.way_out.look(broker.egress)
        self.last_call.make(strategy, broker, due)
        self._wait(strategy, broker, due)
        broker = self._renew(strategy.user_id, strategy.account_id, broker)
        is_late = clock.now() > due + self.desk.policy.entry_grace
        with nullcontext() if is_late else self._entry_lock(command):
            taken = self._take(command)
            if taken is None:
                return None
            if is_late:
                return self._record(taken, EntryDue(clock.now(), due, None))
            broker = self._session_of(taken.cycle, strategy.account_id, broker)
            gate = self._gate(taken.cycle, due)
            obstacle = self._obstacle(taken, broker, gate, due)
            if obstacle is not None or broker is None:
                why, breach = (obstacle.why, obstacle.breach) if obstacle else (self._no_login(taken.cycle), None)
                return self._record(taken, EntryMissed(clock.now(), why, breach))
            price, marks = self._price(taken.strategy, broker, due), self._marks(gate)
            sight = see(self.desk.runtime, taken.cycle)
            errand = self._errand(taken, broker.yielding())
            errand.marks = marks if price is None else {**marks, taken.cycle.plan.symbol: price}
            held = None if gate.may_surface_elsewhere else self._held_before(taken.cycle.plan, broker, due)
            return CycleRunner(errand).run(EntryDue(clock.now(), due, price, sight, held))

    def _gate(self, cycle: Cycle, due: datetime) -> EntryGate:
        """What stands before the entry. Another strategy's sale of the same shares, which may be timed to the second
        before, is given a moment to come through."""
        clock, gate = self.desk.clock, self.desk.ledger.gate(cycle)
        while gate.is_held_elsewhere and clock.now() < due + _HAND_OVER:
            clock.sleep_until(max(due, clock.now() + _HAND_OVER_PAUSE))
            gate = self.desk.ledger.gate(cycle)
        return gate

    def _obstacle(self, taken: _Taken, broker: PacedBroker | None, gate: EntryGate, due: datetime) -> Obstacle | None:
        """Why nothing can be bought at all, in words for the trader."""
        breach = gate.locks.breach()
        if breach is not None:
            return Obstacle(f"not bought: {breach.text}", breach)
        if broker is None:
            return Obstacle(self._no_login(taken.cycle))
        way_out = self.way_out.problem(broker.egress)
        if way_out is not None:
            return Obstacle(f"not bought: {way_out}")
        sell_due = self.sell_due(taken.cycle.plan, taken.cycle.trading_day)
        if sell_due is None:
            return Obstacle("the symbol is not in today's instrument list, so its stop could not be watched")
        if max(due, self.desk.clock.now()) >= sell_due:
            # Late within its grace, or the session ends earlier than when the plan was checked.
            return Obstacle(past_its_sale(sell_due))
        if gate.unsettled_day is not None:
            self.desk.meter.count("OldCycleOpen")
            return Obstacle(f"the position of {gate.unsettled_day} is not settled; look at your broker account")
        if gate.is_held_elsewhere:
            symbol = taken.cycle.plan.symbol
            return Obstacle(f"the position of another strategy in {symbol} is not sold yet; not bought")
        return None

    def _marks(self, gate: EntryGate) -> dict[str, Decimal]:
        """Last prices of what the user holds, where a loss limit needs them."""
        if not gate.symbols:
            return {}
        return prices_of_today(self.desk.runtime.last_prices(gate.symbols), self.desk.clock.now())

    def _in_time(self, broker: PacedBroker, due: datetime) -> PacedBroker:
        """For readings that an entry goes without rather than leave late."""
        left = (due - self.desk.clock.now()).total_seconds() - _SET_DOWN
        return broker.hurried(max(left, _LEAST_READING))

    def _price(self, strategy: Strategy, broker: PacedBroker, due: datetime) -> Decimal | None:
        """The latest price anyone knows; None rather than holding the entry up."""
        known = self.desk.runtime.last_price(strategy.plan.symbol)
        if known is not None and self.desk.clock.now() - known.at <= _STALE_PRICE:
            return known.price
        try:
            return self._in_time(broker, due).get_price(strategy.plan.exchange, strategy.plan.symbol)
        except BrokerFault as fault:
            logger.warning("no price for %s: %s", strategy.plan.symbol, fault.message)
            return None

    def _held_before(self, plan: Plan, broker: PacedBroker, due: datetime) -> int | None:
        """What the account holds of the instrument already, if that can be had at once: whatever it holds beyond that
        afterwards comes from the entry, also when nobody knows its fate. Not so while an order of another strategy may
        still surface: then it is not asked for, and the entry's own order has to be found before anything is sold."""
        try:
            return held_by(plan, self._in_time(broker, due).glancing(_PATIENCE_BEFORE_ENTRY))
        except BrokerFault as fault:
            logger.info("what is held before the entry is not known: %s", fault.message)
            return None

    # --- exit -------------------------------------------------------------------------------------

    def _exit(self, command: OrderCommand, reason: ExitReason) -> Cycle | None:
        clock = self.desk.clock
        if command.trading_day < trading_day_of(clock.now()):
            return self._end_day(command)
        broker, account_id = None, None
        if command.due is not None and command.due > clock.now():
            strategy = self._current(command)
            if strategy is None:
                return None
            account_id = self._account_of(strategy, command.trading_day)
            broker = self._open(command.user_id, account_id)
            self._wait(strategy, broker, command.due)
            broker = self._renew(command.user_id, account_id, broker)
        with self._lock.preferred(command.strategy_id):
            taken = self._take(command)
            if taken is None:
                return None
            if reason is ExitReason.STOPLOSS and _is_above_stop(command, taken.cycle):
                self._note(command, AuditKind.MESSAGE_DROPPED, "the stop-loss is below that price by now")
                return taken.cycle
            broker = self._session_of(taken.cycle, account_id, broker)
            if broker is None:
                cycle = self._record(taken, ExitBlocked(clock.now(), reason, self._login_over(taken.cycle)))
                if cycle.is_armed:
                    raise BrokerAuthFailed("an exit waits for a broker login")
                return cycle
            errand = self._errand(taken, broker)
            may_hold = taken.cycle.open_quantity > 0 or taken.cycle.state is CycleState.ENTERING
            held = read_broker.ask_held(errand) if may_hold else None
            is_entering = taken.cycle.state is CycleState.ENTERING
            is_book_away = is_entering and held is not None and not read_broker.has_book(errand)
            now = clock.now()
            return CycleRunner(errand).run(
                ExitDue(now, command.due or now, reason, held, command.tick_at, is_book_away=is_book_away)
            )

    def _kill(self, command: OrderCommand) -> Cycle | None:
        """Leave, and once nothing of the user is open any more, have the broker's books show it."""
        cycle = self.desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is None or not cycle.is_settled or cycle.state is CycleState.IDLE:
            self._let_withdraw(cycle)
            cycle = self._exit(command, ExitReason.KILL)
        if cycle is None or not cycle.is_settled:
            return cycle
        verifier = FlatVerifier(self.risks, self.desk.ledger, self.desk.clock)
        proof = verifier.verify(command.user_id, cycle.account_id, partial(self._open, command.user_id))
        if proof is not None:
            self.desk.meter.milliseconds("KillToFlat", proof.milliseconds)
        return cycle

    def _let_withdraw(self, cycle: Cycle | None) -> None:
        """An entry that still waits for its instant finds the switch at its last look and is then known not to have
        left. Taken away from its worker before that, nobody could say so until the book has."""
        now = self.desk.clock.now()
        waiting = [i.due_at for i in (cycle.open_intents(Leg.ENTRY) if cycle else ()) if i.state is IntentState.PENDING]
        ahead = [due for due in waiting if now < due + _WITHDRAWN <= now + _LONGEST_WITHDRAWAL]
        if ahead:
            self.desk.clock.sleep_until(max(ahead) + _WITHDRAWN)

    # --- repair -----------------------------------------------------------------------------------

    def _reconcile(self, command: OrderCommand) -> Cycle | None:
        if command.trading_day < trading_day_of(self.desk.clock.now()):
            return self._end_day(command)
        cycle = self.desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is None or not cycle.intents:
            return None
        try:
            return self._look_into_book(command, self.sessions.open(cycle.user_id, cycle.account_id))
        except BrokerAuthFailed:
            self._note_blocked(command)
            raise

    def _end_day(self, command: OrderCommand) -> Cycle | None:
        """A cycle of another day is traded no more: the broker's book of it is gone, so that no order of it could be
        followed up, and what is held by now is not its own to sell. Until it is gone, the keeping of that book ends
        the day."""
        now = self.desk.clock.now()
        if self.table.day_to_keep(now) == command.trading_day:
            return None
        return self._note_event(command, DayOver(now))

    def _look_into_book(self, command: OrderCommand, broker: PacedBroker) -> Cycle | None:
        glance = broker.glancing(_PATIENCE_OF_HINTS[command.cause]) if command.is_hint else broker
        with self._lock.if_free(command.strategy_id) if command.is_hint else self._lock.preferred(command.strategy_id):
            taken = self._take(command)
            if taken is None or not taken.cycle.intents:
                return None
            errand = self._errand(taken, broker)
            # The book after the position: what was sold in between shows as sold, not as missing.
            held = None
            if taken.cycle.state is CycleState.LONG or taken.cycle.needs_verifying:
                held = held_by(taken.cycle.plan, glance) if command.is_hint else read_broker.ask_held(errand)
            reading = glance.read_book(errand.tags, taken.cycle.others_since)
            return CycleRunner(errand).run(read_broker.as_event(errand, reading, held))

    def _note_blocked(self, command: OrderCommand) -> None:
        """Nothing can be read without a login, nor sold: an exit that is wanted or under way waits for one, what is
        held has nobody who could sell it, and its owner hears of it."""
        cycle = self.desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is not None and cycle.is_armed:
            why = self._login_over(cycle)
            self._note_event(command, ExitBlocked(self.desk.clock.now(), cycle.wanted or cycle.claim, why))

    def _login_over(self, cycle: Cycle) -> str:
        return f"the broker login{where(self.named, cycle)} is missing or over"

    def _no_login(self, cycle: Cycle) -> str:
        return f"{self._login_over(cycle)}; log in to the broker again"

    def _keep_book(self, command: OrderCommand) -> None:
        """At the end of the day: learn from the account's whole book what can be learned, and keep it."""
        cycle = self.desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is None:
            return
        open_session = partial(self.sessions.open, cycle.user_id, cycle.account_id)
        keeper = BookKeeper(self.desk.clock, self.desk.ledger, self.snapshots, self.desk.policy.clean_reads)
        place = partial(where, self.named, cycle)
        keeper.keep(command, cycle.account_id, open_session, self._note_event, place)

    def _note_event(self, command: OrderCommand, event: Event) -> Cycle | None:
        with self._lock.preferred(command.strategy_id):
            taken = self._take(command)
            return None if taken is None else self._record(taken, event)

    # --- common -----------------------------------------------------------------------------------

    def _current(self, command: OrderCommand) -> Strategy | None:
        """The strategy, if this message still speaks of it. A changed plan with the same due instant
        keeps the message: whoever waits for that instant then trades the new plan."""
        strategy = self._find(command)
        why = self._void(command, strategy)
        if why is not None:
            logger.info("dropped %s: %s", command.event, why, extra={"strategy_id": str(command.strategy_id)})
            if strategy is not None:
                self._note(command, AuditKind.MESSAGE_DROPPED, why)
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

    def _account_of(self, strategy: Strategy, day: date) -> UUID:
        """Where the strategy's cycle of the day trades, as far as can be said before it is taken."""
        cycle = self.desk.ledger.find(strategy.user_id, strategy.strategy_id, day)
        return strategy.account_id if cycle is None else cycle.account_id

    def _session_of(self, cycle: Cycle, account_id: UUID | None, opened: PacedBroker | None) -> PacedBroker | None:
        """The session of the cycle's account: what was `opened` before it was taken, where that was for this account.
        Its strategy may have been moved meanwhile, and what is held stays where it was bought."""
        return opened if account_id == cycle.account_id else self._open(cycle.user_id, cycle.account_id)

    def _open(self, user_id: UUID, account_id: UUID) -> PacedBroker | None:
        return self._renew(user_id, account_id, None)

    def _renew(self, user_id: UUID, account_id: UUID, opened: PacedBroker | None) -> PacedBroker | None:
        """Who logged in during a wait is logged in, and speaks with the new token: the old one may be dead by that."""
        try:
            return self.sessions.renew(user_id, account_id, opened)
        except BrokerAuthFailed as fault:
            logger.error("no broker session: %s", fault.message, extra={"user_id": str(user_id)})
            return None

    def _wait(self, strategy: Strategy, broker: PacedBroker | None, due: datetime) -> None:
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

    def _take(self, command: OrderCommand) -> _Taken | None:
        """Take the cycle for the strategy as it is now. A timed message may have waited while its
        strategy was stopped or changed, so it is looked at again after the take: from then on nobody
        else can be acting on an older view."""
        strategy = self._current(command)
        while strategy is not None:
            cycle = self.desk.ledger.take(strategy, command.trading_day)
            current = self._current(command) if command.event in _TIMED else strategy
            if current is not None and current.version == strategy.version:
                return _Taken(strategy, cycle, cause_of(command), self._lives_until(command))
            strategy = current
        return None

    def _lives_until(self, command: OrderCommand) -> datetime:
        now = self.desk.clock.now()
        if command.due is not None and now < command.due:
            return command.due + timedelta(seconds=self.pace.waiter)
        return now + timedelta(seconds=self.pace.caller)

    def _errand(self, taken: _Taken, broker: PacedBroker) -> Errand:
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

    def _record(self, taken: _Taken, event: Event) -> Cycle:
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

    def _note(self, command: OrderCommand, kind: AuditKind, why: str) -> None:
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
    def _lock(self) -> StrategyLock:
        return StrategyLock(self.desk.runtime, self.desk.clock, self.desk.meter, self.pace.lock)

    def _entry_lock(self, command: OrderCommand) -> AbstractContextManager[None]:
        def note_held_up() -> None:
            self._note(command, AuditKind.ENTRY_HELD_UP, "Redis does not answer, so its stop could not be watched")

        return self._lock.required(command.strategy_id, on_redis_down=note_held_up)

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


def _is_above_stop(command: OrderCommand, cycle: Cycle) -> bool:
    """Whether the price that hit the stop hits it no more: its owner has lowered it since, and was answered so. What
    is hit by the new one is reported by the watcher again. An exit that has begun, or is wanted already, goes on."""
    has_begun = cycle.claim is not None or cycle.wanted is not None
    return not has_begun and command.price is not None and command.price > cycle.plan.stop_loss


def cause_of(command: OrderCommand) -> Cause:
    """What goes on record about the message that led to a decision."""
    return Cause(
        event=command.event,
        asked_by=command.cause,
        made_at=datetime.fromtimestamp(command.timestamp / 1000, UTC),
        due=command.due,
        price=command.price,
        tick_at=command.tick_at,
    )
