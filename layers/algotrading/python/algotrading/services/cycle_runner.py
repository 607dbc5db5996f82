"""Carries a cycle's decisions out: store, publish, send, look, and feed what happened back to `decide`.

Order matters. The decision is in PostgreSQL before anything leaves (audit and intent precede the
effect); an entry is announced to the watcher before its order is sent, so that no fill is ever
unguarded; everything else is published after, because an exit must not wait for Redis.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from algotrading.contracts.messages import StopChange
from algotrading.domain.cycle import Cycle, CycleState
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
from algotrading.domain.errors import Fenced, NotFound, RedisDown, RiskRefused
from algotrading.domain.events import (
    Answered,
    EntryMissed,
    Event,
    ExitDue,
)
from algotrading.domain.risk import breach_of, new_entry, without_entry
from algotrading.domain.strategy import Strategy
from algotrading.ports import OrderLog
from algotrading.services import order_logs, read_broker, send_orders
from algotrading.services.errand import Desk, Errand
from algotrading.services.live_prices import marks_of

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class CycleRunner:
    """Carries out one errand: decides, stores, and does what was decided, until nothing follows any more."""

    errand: Errand
    _announced: StopChange | None = field(default=None, init=False)
    _published: Cycle | None = field(default=None, init=False)
    _token: int | None = field(default=None, init=False)

    @property
    def desk(self) -> Desk:
        """What the errand is carried out with."""
        return self.errand.desk

    @property
    def cycle(self) -> Cycle:
        """The cycle as it stands now."""
        return self.errand.cycle

    def run(self, event: Event) -> Cycle:
        """Decide `event` and carry out what follows, until settled or out of time.

        Raises:
            Fenced: another worker has taken the cycle; nothing more was done.
        """
        self.errand.cause_at = event.cause_at if isinstance(event, ExitDue) else None
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
            self.errand.decided_at = self.desk.clock.now()
            decision = decide(self.cycle, current, self.desk.policy)
            logs = order_logs.final_logs(self.errand, decision.cycle, current)
            try:
                self._save(decision, current, logs)
            except RiskRefused as refused:
                decision = without_entry(decision, current, self.cycle)
                if decision.cycle != self.cycle:
                    self._save(decision, current, logs)
                missed = EntryMissed(self.desk.clock.now(), f"not bought: {refused.breach.text}", refused.breach)
                events.append(missed)
            self.errand.cycle = decision.cycle
            self._count_blocked(current)
            events.extend(self._carry_out(decision))

    def _keep_logs(self) -> None:
        """Words with the broker that no decision came after: what was asked last, or by a worker that was
        fenced off before it could store what it had heard."""
        if self.errand.logs:
            self.desk.ledger.add_logs(self.cycle.user_id, self.errand.logs)
            self.errand.logs = []

    def _save(self, decision: Decision, event: Event, logs: Sequence[OrderLog]) -> None:
        marks = self.errand.marks
        symbol = decision.cycle.plan.symbol
        if new_entry(decision) is not None and symbol not in marks:
            # A later attempt, by a worker that did not see the first.
            marks = {**marks, **self._last_price(symbol)}
        now = self.desk.clock.now()
        self.desk.ledger.save(decision, event=event, now=now, logs=logs, cause=self.errand.cause, marks=marks)
        self.errand.logs = []

    def _last_price(self, symbol: str) -> Mapping[str, Decimal]:
        try:
            runtime = self.desk.runtime
            return marks_of(runtime.last_prices([symbol]), self.desk.clock.now(), runtime.sight())
        except RedisDown:
            return {}

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
                answer = send_orders.not_sent("REDIS_DOWN", down.message)
                events.append(Answered(now, effect.tag, now, answer, until=self.errand.sends_until))
            elif (event := self._carry_out_one(effect)) is not None:
                events.append(event)
        return events

    def _carry_out_one(self, effect: Effect) -> Event | None:
        match effect:
            case SendOrder():
                return send_orders.send(self.errand, effect)
            case CancelOrder(broker_order_id=order_id):
                send_orders.cancel(self.errand, order_id)
            case TurnStop():
                return send_orders.turn(self.errand, effect)
            case ReadBook():
                return read_broker.look(self.errand)
            case ReadPosition(pause=pause):
                return read_broker.look_at_position(self.errand, pause)
            case RetryExit():
                return read_broker.retry_exit(self.errand, effect)
            case RaiseAlarm(metric=metric, text=text):
                self.desk.meter.count(metric)
                logger.error(text, extra={"alarm": metric, "strategy_id": str(self.cycle.strategy_id)})
            case StopStrategy():
                self._see_stopped()
            case Tell(text=text):
                logger.info(text, extra={"strategy_id": str(self.cycle.strategy_id)})
        return None

    def _see_stopped(self) -> None:
        try:
            self.errand.strategy = self.desk.strategies.get(self.cycle.user_id, self.cycle.strategy_id)
        except NotFound:
            # Deleted by its owner before an order of it surfaced: what else was decided is carried out all the same.
            logger.info("a deleted strategy runs no more", extra={"strategy_id": str(self.cycle.strategy_id)})

    # --- the runtime copy -------------------------------------------------------------------------

    def _publish(self) -> None:
        if self.cycle == self._published:
            return
        runtime = self.desk.runtime
        if self._token is None:
            instrument = self.errand.market.instrument(self.cycle.plan)
            self._token = 0 if instrument is None else instrument.instrument_token
        change = stop_change(self.errand.strategy, self.cycle, self._token)
        if change != self._announced:
            runtime.announce(change)
            runtime.put_strategy(self.errand.strategy)
            self._announced = change
        runtime.put_cycle(self.cycle)
        self._published = self.cycle

    def _publish_or_count(self) -> None:
        try:
            self._publish()
        except RedisDown as down:
            self.desk.meter.count("RedisDown")
            logger.error("the runtime copy is behind until converge repairs it: %s", down.message)


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
        quantity=cycle.plan.quantity,
    )
