"""Carries a cycle's decisions out: store, publish, send, look, and feed what happened back to `decide`.

Order matters. The decision is in PostgreSQL before anything leaves (audit and intent precede the
effect); an entry is announced to the watcher before its order is sent, so that no fill is ever
unguarded; everything else is published after, because an exit must not wait for Redis.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import NAMESPACE_OID, uuid5

from algotrading.contracts.messages import StopChange
from algotrading.domain.audit import Cause
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, Intent, IntentState
from algotrading.domain.decide import decide
from algotrading.domain.effects import (
    CancelOrder,
    Decision,
    Effect,
    RaiseAlarm,
    ReadBook,
    ReadPosition,
    RetryExit,
    SendOrder,
    StopStrategy,
    Tell,
    TurnStop,
)
from algotrading.domain.errors import BrokerBusy, BrokerFault, Fenced, RedisDown, RiskRefused
from algotrading.domain.events import (
    Answered,
    BookRead,
    EntryHeldBack,
    EntryMissed,
    EntryWithdrawn,
    Event,
    ExitDue,
    StopTurned,
)
from algotrading.domain.instruments import Instrument
from algotrading.domain.limits import LAST_LOOK, Obstacle
from algotrading.domain.orders import Accepted, Answer, BookReading, Leg, OrderTicket, OrderType, Refused, Unknown
from algotrading.domain.policy import Policy
from algotrading.domain.rates import Request
from algotrading.domain.risk import breach_of, new_entry, without_entry
from algotrading.domain.sight import Sight
from algotrading.domain.stop_terms import stop_terms
from algotrading.domain.strategy import Plan, Strategy
from algotrading.ports import Clock, Ledger, Meter, OrderLog, Runtime, Strategies
from algotrading.services.paced_broker import PacedBroker

logger = logging.getLogger(__name__)

_LOOKS = (0.03, 0.07, 0.15, 0.3, 0.6, 1.0, 1.5, 2.0)
"""Pauses between looks at the book, seconds: most fills show at the first, and the account's limit of
ten requests a second is shared by all its strategies."""
_LOOKS_AFTER_SILENCE = timedelta(seconds=2.5)
"""How long the book is looked at after an answer that did not come: the wait for it may have taken all the time
there was, and the order may stand in the book by now. Converge would look a minute or two later. With the answer's
own nine seconds this ends before the function does (PRIORITY_TIMEOUT in cdk/functions.py)."""
_POSITION_TRIES = (0.0, 0.1, 0.4)
"""Pauses before each reading of the position that an exit is sized by."""
_NEVER_SEEN = Sight(datetime(1970, 1, 1, tzinfo=UTC), timedelta(0))
"""No watcher has ever reported to this store."""
_LATEST_UNCHECKED_WAIT = timedelta(seconds=0.5)
"""An order that waited longer than this since its decision asks the fence, the owner and the locks again."""
_ANSWER_TIME = timedelta(seconds=1)
_CHECK_LEAD = 0.45
"""Seconds before its instant at which a waiting order asks, at the earliest; spread over two thirds of it
by strategy, so that a burst does not meet in the database at the instant itself. Well under `LAST_LOOK`, after
which it asks once more."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a cycle is carried out with; one per process."""

    clock: Clock
    ledger: Ledger
    runtime: Runtime
    strategies: Strategies
    meter: Meter
    policy: Policy


class Market(Protocol):
    """What a runner asks about the instrument of its cycle's plan, when it needs it: for an exit that is after its
    order has left. Never the strategy's plan: its owner may have changed that since."""

    def instrument(self, plan: Plan) -> Instrument | None:
        """Today's instrument."""
        ...

    def stop_obstacle(self, plan: Plan, now: datetime) -> str | None:
        """Why the exchange takes no stop orders in it now, in words for the trader; None: it does."""
        ...


@dataclass(slots=True)
class CycleRunner:
    """Carries out one cycle for one message. `deadline` bounds waiting and looking: what is not
    settled by then is found and continued by converge. `lives_until` bounds the wait for a place among
    the orders that the broker takes of the account; what was waited for it is added to `deadline`."""

    desk: Desk
    broker: PacedBroker
    strategy: Strategy
    market: Market
    cycle: Cycle
    deadline: datetime
    lives_until: datetime
    cause: Cause | None = None
    """The message that led here, for the record."""
    marks: Mapping[str, Decimal] = field(default_factory=dict)
    """Last prices, by symbol, that an entry's limits are held against."""
    _looks: int = field(default=0, init=False)
    _announced: StopChange | None = field(default=None, init=False)
    _published: Cycle | None = field(default=None, init=False)
    _token: int | None = field(default=None, init=False)
    _pending_logs: list[OrderLog] = field(default_factory=list, init=False)
    _cause_at: datetime | None = field(default=None, init=False)
    """When the tick that caused an exit was received."""
    _store_answers: bool = field(default=True, init=False)

    def run(self, event: Event) -> Cycle:
        """Decide `event` and carry out what follows, until settled or out of time.

        Raises:
            Fenced: another worker has taken the cycle; nothing more was done.
        """
        self._cause_at = event.cause_at if isinstance(event, ExitDue) else None
        try:
            self._run(event)
        except Fenced:
            self._keep_logs()
            raise
        self._keep_logs()
        return self.cycle

    def _run(self, event: Event) -> None:
        events = deque([event])
        while events:
            current = events.popleft()
            decision = decide(self.cycle, current, self.desk.policy)
            logs = self._final_logs(decision.cycle, current)
            try:
                self._save(decision, current, logs)
            except RiskRefused as refused:
                decision = without_entry(decision, current, self.cycle)
                if decision.cycle != self.cycle:
                    self._save(decision, current, logs)
                missed = EntryMissed(self.desk.clock.now(), f"not bought: {refused.breach.text}", refused.breach)
                events.append(missed)
            self.cycle = decision.cycle
            self._count_blocked(current)
            events.extend(self._carry_out(decision))

    def _keep_logs(self) -> None:
        """Words with the broker that no decision came after: what was asked last, or by a worker that was
        fenced off before it could store what it had heard."""
        if self._pending_logs:
            self.desk.ledger.add_logs(self.cycle.user_id, self._pending_logs)
            self._pending_logs = []

    def _save(self, decision: Decision, event: Event, logs: Sequence[OrderLog]) -> None:
        marks = self.marks
        symbol = decision.cycle.plan.symbol
        if new_entry(decision) is not None and symbol not in marks:
            # A later attempt, by a worker that did not see the first.
            marks = {**marks, **self._last_price(symbol)}
        now = self.desk.clock.now()
        self.desk.ledger.save(decision, event=event, now=now, logs=logs, cause=self.cause, marks=marks)
        self._pending_logs = []

    def _last_price(self, symbol: str) -> Mapping[str, Decimal]:
        try:
            known = self.desk.runtime.last_price(symbol)
        except RedisDown:
            return {}
        return {} if known is None else {symbol: known.price}

    def _count_blocked(self, event: Event) -> None:
        if breach_of(event) is not None:
            self.desk.meter.count("EntriesBlocked")

    def _carry_out(self, decision: Decision) -> list[Event]:
        if self.cycle.state is CycleState.ENTERING:
            try:
                self._publish()
            except RedisDown as down:
                return self._carry_out_unpublished(decision, down)
        followed = [event for effect in decision.effects if (event := self._carry_out_one(effect)) is not None]
        self._publish_or_count()
        return followed

    def _carry_out_unpublished(self, decision: Decision, down: RedisDown) -> list[Event]:
        """The watcher cannot be told: nothing is bought that it would not guard. The entry is tried
        again until its grace is over; what an earlier order already did goes on being looked after."""
        self.desk.meter.count("RedisDown")
        events: list[Event] = []
        for effect in decision.effects:
            if isinstance(effect, SendOrder):
                self.desk.clock.sleep(effect.pause)
                now = self.desk.clock.now()
                answer = _not_sent("REDIS_DOWN", down.message)
                events.append(Answered(now, effect.tag, now, answer, until=self._sends_until))
            elif (event := self._carry_out_one(effect)) is not None:
                events.append(event)
        return events

    def _carry_out_one(self, effect: Effect) -> Event | None:
        match effect:
            case SendOrder():
                return self._send(effect)
            case CancelOrder(broker_order_id=order_id):
                self._cancel(order_id)
            case TurnStop():
                return self._turn(effect)
            case ReadBook():
                return self._look()
            case ReadPosition(pause=pause):
                return self._look_at_position(pause)
            case RetryExit():
                return self._retry_exit(effect)
            case RaiseAlarm(metric=metric, text=text):
                self.desk.meter.count(metric)
                logger.error(text, extra={"alarm": metric, "strategy_id": str(self.cycle.strategy_id)})
            case StopStrategy():
                self.strategy = self.desk.strategies.get(self.cycle.user_id, self.cycle.strategy_id)
            case Tell(text=text):
                logger.info(text, extra={"strategy_id": str(self.cycle.strategy_id)})
        return None

    # --- orders -----------------------------------------------------------------------------------

    def _send(self, effect: SendOrder) -> Event:
        intent = next(intent for intent in self.cycle.intents if intent.tag == effect.tag)
        order = self.broker.prepare_order(self._ticket(intent))
        clock = self.desk.clock
        clock.sleep(effect.pause)
        lead = _CHECK_LEAD * (1 + 2 * spread_of(self.strategy)) / 3
        clock.sleep_until(effect.at - timedelta(seconds=lead))
        looked_at, obstacle = intent.created_at, None
        if clock.now() - looked_at >= _LATEST_UNCHECKED_WAIT:
            looked_at, obstacle = self._look_around(intent)
        wanted = max(effect.at, clock.now())
        place = self._take_place(intent, wanted) if obstacle is None else wanted
        if not isinstance(place, datetime):
            return place
        if place - wanted > _LATEST_UNCHECKED_WAIT:
            clock.sleep_until(place - timedelta(seconds=lead))
            self.broker.warm()
            looked_at, obstacle = self._look_around(intent)
        if obstacle is None:
            clock.sleep_until(place)
        while obstacle is None and clock.now() - looked_at > LAST_LOOK:
            looked_at, obstacle = self._look_around(intent)
            if intent.leg is not Leg.ENTRY:
                break
        if obstacle is not None:
            return EntryWithdrawn(clock.now(), intent.tag, obstacle)
        sent_at = clock.now()
        answer = order.send()
        heard_at = clock.now()
        self._measure(intent, sent_at, heard_at, place - wanted)
        self._log(intent, answer, sent_at, heard_at)
        if isinstance(answer, Unknown):
            self.deadline = max(self.deadline, heard_at + _LOOKS_AFTER_SILENCE)
        return Answered(heard_at, intent.tag, sent_at, answer, _reason_of(place - wanted), self._sends_until)

    def _take_place(self, intent: Intent, wanted: datetime) -> datetime | Event:
        """When the order may leave by the broker's limits, or what becomes of it instead. Entries leave
        with a place or not at all; an exit goes without one when nobody can say whether there is one."""
        is_entry = intent.leg is Leg.ENTRY
        until = min(self.lives_until, self._grace_ends()) if is_entry else self.lives_until
        request = Request.ENTRY if is_entry else Request.EXIT
        now = self.desk.clock.now()
        try:
            place = self.broker.reserve(request, wanted, max(until, wanted))
        except RedisDown as down:
            self.desk.meter.count("RedisDown")
            if is_entry:
                return Answered(now, intent.tag, now, _not_sent("REDIS_DOWN", down.message), until=self._sends_until)
            self.desk.meter.count("UnbookedRequests")
            return wanted
        if place == wanted:
            return wanted
        self.desk.meter.count("RateLimited")
        if place is not None:
            self.deadline = min(self.deadline + (place - wanted), self.lives_until)
            logger.warning(
                "an order waits for its place until %s", place, extra={"strategy_id": str(self.cycle.strategy_id)}
            )
            return place
        why = "the broker takes only so many orders of one account, and no place was free in time"
        return (
            EntryHeldBack(now, intent.tag, why)
            if is_entry
            else Answered(now, intent.tag, now, _not_sent("RATE_LIMITED", why), until=self._sends_until)
        )

    @property
    def _sends_until(self) -> datetime:
        """Another order may be written down until then: its answer takes time that this worker must still have."""
        return self.lives_until - _ANSWER_TIME

    def _grace_ends(self) -> datetime:
        due = min(intent.due_at for intent in self.cycle.intents if intent.leg is Leg.ENTRY)
        return due + self.desk.policy.entry_grace

    def _look_around(self, intent: Intent) -> tuple[datetime, Obstacle | None]:
        """When this look began, and what has come up against an entry while it waited: its owner stopped the
        strategy, or a kill switch is on. Raises Fenced."""
        began_at = self.desk.clock.now()
        obstacle = self.desk.ledger.check(self.cycle)
        return began_at, obstacle if intent.leg is Leg.ENTRY else None

    def _ticket(self, intent: Intent) -> OrderTicket:
        plan = self.cycle.plan
        ticket = OrderTicket(
            exchange=plan.exchange,
            symbol=plan.symbol,
            side=intent.side,
            quantity=intent.quantity,
            product=plan.product,
            tag=intent.tag,
        )
        if intent.trigger_price is None:
            return ticket
        terms = stop_terms(self.market.instrument(plan), intent.trigger_price)
        return replace(ticket, order_type=terms.order_type, trigger_price=intent.trigger_price, price=terms.price)

    def _measure(self, intent: Intent, sent_at: datetime, heard_at: datetime, waited: timedelta) -> None:
        meter = self.desk.meter
        if intent.due_at != intent.created_at:
            meter.milliseconds("ReleaseError", (sent_at - intent.due_at - waited).total_seconds() * 1000)
        if intent.cause_at is not None:
            meter.milliseconds("TickToOrder", (sent_at - intent.cause_at).total_seconds() * 1000)
        meter.milliseconds("BrokerAnswer", (heard_at - sent_at).total_seconds() * 1000)

    def _cancel(self, broker_order_id: str) -> None:
        intent = next(i for i in self.cycle.intents if i.broker_order_id == broker_order_id)
        sent_at = self.desk.clock.now()
        answer = self.broker.cancel_order(broker_order_id)
        self._log(intent, answer, sent_at, self.desk.clock.now(), prefix="cancel_")

    def _turn(self, effect: TurnStop) -> Event:
        """Let the stop order that rests at the broker sell, at its instant."""
        intent = next(intent for intent in self.cycle.intents if intent.tag == effect.tag)
        decided_at = self.desk.clock.now()
        self.desk.clock.sleep_until(effect.at)
        if self.desk.clock.now() - decided_at > _LATEST_UNCHECKED_WAIT:
            self.desk.ledger.check(self.cycle)
        sent_at = self.desk.clock.now()
        answer = self.broker.modify_order(effect.broker_order_id, order_type=OrderType.MARKET)
        heard_at = self.desk.clock.now()
        if self._cause_at is not None:
            self.desk.meter.milliseconds("TickToOrder", (sent_at - self._cause_at).total_seconds() * 1000)
        self.desk.meter.milliseconds("BrokerAnswer", (heard_at - sent_at).total_seconds() * 1000)
        self._log(intent, answer, sent_at, heard_at, prefix="turn_")
        return StopTurned(heard_at, effect.tag, sent_at, answer)

    def _log(self, intent: Intent, answer: Answer, sent_at: datetime, heard_at: datetime, prefix: str = "") -> None:
        order_id = answer.broker_order_id if isinstance(answer, Accepted) else intent.broker_order_id
        outcome = prefix + type(answer).__name__.lower()
        milliseconds = (heard_at - sent_at).total_seconds() * 1000
        entry = self._entry(intent, outcome, at=sent_at, raw=answer.raw, order_id=order_id, milliseconds=milliseconds)
        self._pending_logs.append(entry)

    def _final_logs(self, after: Cycle, event: Event) -> Sequence[OrderLog]:
        """Answers not stored yet, and the broker's last row of every order that this event ended."""
        logs = list(self._pending_logs)
        if isinstance(event, BookRead):
            was_open = {intent.tag for intent in self.cycle.intents if intent.state.is_open}
            for intent in after.intents:
                if intent.tag in was_open and intent.state is IntentState.DONE:
                    raw = {"rows": _raw_rows(event.reading, intent.tag)}
                    outcome = str(intent.broker_status)
                    logs.append(self._entry(intent, outcome, at=event.now, raw=raw, order_id=intent.broker_order_id))
        return logs

    def _entry(
        self,
        intent: Intent,
        outcome: str,
        *,
        at: datetime,
        raw: dict[str, Any],
        order_id: str | None,
        milliseconds: float = 0.0,
    ) -> OrderLog:
        is_stop = intent.leg is Leg.STOP or self.cycle.claim is ExitReason.STOPLOSS
        kind = "BUY" if intent.leg is Leg.ENTRY else "SL" if is_stop else "SELL"
        return OrderLog(
            order_id=uuid5(NAMESPACE_OID, f"{intent.tag}|{outcome}|{at.isoformat()}"),
            strategy_id=self.cycle.strategy_id,
            order_type=kind,
            timestamp=at,
            raw_response=raw,
            tag=intent.tag,
            broker_order_id=order_id,
            outcome=outcome,
            execution_time_ms=milliseconds,
        )

    # --- looking ----------------------------------------------------------------------------------

    def _look(self) -> Event | None:
        tags = frozenset(intent.tag for intent in self.cycle.intents)
        while True:
            pause = _LOOKS[min(self._looks, len(_LOOKS) - 1)]
            self._looks += 1
            if not self._time_for(pause):
                return None
            self.desk.clock.sleep(pause)
            try:
                reading = self.broker.read_book(tags)
            except BrokerFault as fault:
                self.desk.meter.count("RateLimited" if isinstance(fault, BrokerBusy) else "BookReadFailed")
                logger.warning("the order book could not be read: %s", fault.message)
                continue
            return self.read(reading)

    def _look_at_position(self, pause: float) -> Event | None:
        if not self._time_for(pause):
            return None
        self.desk.clock.sleep(pause)
        held = self.held()
        tags = frozenset(intent.tag for intent in self.cycle.intents)
        try:
            # The book after the position: what was sold in between shows as sold, not as missing.
            reading = self.broker.read_book(tags)
        except BrokerFault as fault:
            self.desk.meter.count("RateLimited" if isinstance(fault, BrokerBusy) else "BookReadFailed")
            logger.warning("the order book could not be read: %s", fault.message)
            return None
        return self.read(reading, held)

    def read(self, reading: BookReading, held: int | None = None) -> BookRead:
        """A reading of the book as an event, with what is known beside it where that matters."""
        now = self.desk.clock.now()
        obstacle = None
        if self.cycle.plan.broker_stop:
            obstacle = self.broker.stop_obstacle or self.market.stop_obstacle(self.cycle.plan, now)
        is_held = self.cycle.open_quantity > 0 or bool(reading.fills)
        sight = None
        if is_held and self._store_answers:
            sight = see(self.desk.runtime, self.cycle)
            # A store that is away would hold every look up by its time-outs.
            self._store_answers = sight is not None
        return BookRead(now, reading, held, sight, obstacle)

    def _retry_exit(self, effect: RetryExit) -> Event | None:
        if not self._time_for(effect.pause):
            return None
        self.desk.clock.sleep(effect.pause)
        self._looks = 0
        held, now = self.held(), self.desk.clock.now()
        timed = self.cause.due if self.cause is not None and effect.reason is ExitReason.SELL_TIME else None
        return ExitDue(now=now, due=max(now, timed or now), reason=effect.reason, held=held)

    def held(self) -> int | None:
        """What the broker says is held of this instrument and product; None when it cannot be asked."""
        for pause in _POSITION_TRIES:
            self.desk.clock.sleep(pause)
            try:
                return held_by(self.cycle.plan, self.broker)
            except BrokerFault as fault:
                self.desk.meter.count("PositionReadFailed")
                logger.warning("positions could not be read: %s", fault.message)
                if isinstance(fault, BrokerBusy):
                    break  # it has waited as long as an exit may
        return None

    def _time_for(self, pause: float) -> bool:
        return self.desk.clock.now() + timedelta(seconds=pause) < self.deadline

    # --- the runtime copy -------------------------------------------------------------------------

    def _publish(self) -> None:
        if self.cycle == self._published:
            return
        runtime = self.desk.runtime
        if self._token is None:
            instrument = self.market.instrument(self.cycle.plan)
            self._token = 0 if instrument is None else instrument.instrument_token
        change = stop_change(self.strategy, self.cycle, self._token)
        if change != self._announced:
            runtime.announce(change)
            runtime.put_strategy(self.strategy)
            self._announced = change
        runtime.put_cycle(self.cycle)
        self._published = self.cycle

    def _publish_or_count(self) -> None:
        try:
            self._publish()
        except RedisDown as down:
            self.desk.meter.count("RedisDown")
            logger.error("the runtime copy is behind until converge repairs it: %s", down.message)


def held_by(plan: Plan, broker: PacedBroker) -> int:
    """The broker's net quantity of the plan's instrument and product. Raises BrokerFault."""
    key = (plan.exchange, plan.symbol, plan.product)
    return sum(p.quantity for p in broker.positions() if (p.exchange, p.symbol, p.product) == key)


def see(runtime: Runtime, cycle: Cycle) -> Sight | None:
    """How the watchers see; None when the store that would say so is away, or began anew since it said so last."""
    try:
        sight = runtime.sight()
    except RedisDown:
        return None
    return _NEVER_SEEN if sight is None and cycle.sampled_blind is None else sight


def spread_of(strategy: Strategy) -> float:
    """A number from 0 to 1 that differs by strategy and never changes."""
    return (strategy.strategy_id.int % 1000) / 1000


def stop_change(strategy: Strategy, cycle: Cycle, instrument_token: int) -> StopChange:
    """What the watcher should know about this strategy now."""
    return StopChange(
        strategy_id=cycle.strategy_id,
        user_id=cycle.user_id,
        exchange=cycle.plan.exchange,
        symbol=cycle.plan.symbol,
        instrument_token=instrument_token,
        watched=strategy.is_running or cycle.is_armed,
        armed=cycle.is_armed,
        stop_loss=cycle.plan.stop_loss,
        trading_day=cycle.trading_day,
    )


def _not_sent(kind: str, why: str) -> Refused:
    return Refused(kind, f"not sent: {why}", retryable=True, raw={}, throttled=True)


def _reason_of(waited: timedelta) -> str | None:
    """Why an order left later than it was to, if its account's other orders were the reason."""
    if not waited:
        return None
    seconds = waited.total_seconds()
    return f"left {seconds:.1f} s later: the broker takes only so many orders a second of one account"


def _raw_rows(reading: BookReading, tag: str) -> list[dict[str, Any]]:
    return [row.raw for row in reading.rows if tag in row.tags]
