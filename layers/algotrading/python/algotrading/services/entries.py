"""Entries: a buy at its instant, and everything that stands before it."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from algotrading.contracts.messages import OrderCommand
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import BrokerFault
from algotrading.domain.events import EntryDue, EntryMissed
from algotrading.domain.limits import Obstacle
from algotrading.domain.strategy import Plan, Strategy
from algotrading.ports import EntryGate
from algotrading.services.cycle_runner import CycleRunner
from algotrading.services.last_call import LastCall
from algotrading.services.live_prices import prices_of_today
from algotrading.services.paced_broker import PacedBroker
from algotrading.services.read_broker import held_by, see
from algotrading.services.send_orders import past_its_sale
from algotrading.services.way_out import WayOut
from algotrading.services.worker import LOGIN_OVER, Taken, Worker

logger = logging.getLogger(__name__)

_NO_LOGIN = f"{LOGIN_OVER}; log in to the broker again"
_REFUSED = "the broker does not take the login any more; log in to the broker again"
_STALE_PRICE = timedelta(seconds=10)
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
class Entries:
    """Buys, once and at its time, or says why not."""

    worker: Worker
    way_out: WayOut
    last_call: LastCall

    def buy(self, command: OrderCommand) -> Cycle | None:
        """Enter today's cycle. Raises as `Executor.handle` does."""
        strategy = self.worker.current(command)
        if strategy is None:
            return None
        clock = self.worker.desk.clock
        due = command.due or clock.now()
        broker = self.worker.open(strategy.user_id, strategy.account_id)
        if broker is not None and due - clock.now() > _TIME_TO_LOOK:
            self.way_out.look(broker.egress)
        self.last_call.make(strategy, broker, due)
        self.worker.wait(strategy, broker, due)
        broker = self.worker.renew(strategy.user_id, strategy.account_id, broker)
        is_late = clock.now() > due + self.worker.desk.policy.entry_grace
        with nullcontext() if is_late else self.worker.entry_lock(command):
            taken = self.worker.take(command)
            if taken is None:
                return None
            if is_late:
                return self.worker.record(taken, EntryDue(clock.now(), due, None))
            broker = self.worker.session_of(taken.cycle, strategy.account_id, broker)
            gate = self._gate(taken.cycle, due)
            obstacle = self._obstacle(taken, broker, gate, due)
            if obstacle is not None or broker is None:
                why, breach = (obstacle.why, obstacle.breach) if obstacle else (_NO_LOGIN, None)
                return self.worker.record(taken, EntryMissed(clock.now(), why, breach))
            price, marks = self._price(taken.strategy, broker, due), self._marks(gate)
            sight = see(self.worker.desk.runtime, taken.cycle)
            errand = self.worker.errand(taken, broker.yielding())
            errand.marks = marks if price is None else {**marks, taken.cycle.plan.symbol: price}
            held = None if gate.may_surface_elsewhere else self._held_before(taken.cycle.plan, broker, due)
            if broker.is_refused and not self._is_taken(broker, due):
                return self.worker.record(taken, EntryMissed(clock.now(), _REFUSED))
            return CycleRunner(errand).run(EntryDue(clock.now(), due, price, sight, held))

    def _gate(self, cycle: Cycle, due: datetime) -> EntryGate:
        """What stands before the entry. Another strategy's sale of the same shares, which may be timed to the second
        before, is given a moment to come through."""
        clock, gate = self.worker.desk.clock, self.worker.desk.ledger.gate(cycle)
        while gate.is_held_elsewhere and clock.now() < due + _HAND_OVER:
            clock.sleep_until(max(due, clock.now() + _HAND_OVER_PAUSE))
            gate = self.worker.desk.ledger.gate(cycle)
        return gate

    def _obstacle(self, taken: Taken, broker: PacedBroker | None, gate: EntryGate, due: datetime) -> Obstacle | None:
        """Why nothing can be bought at all, in words for the trader."""
        breach = gate.locks.breach()
        if breach is not None:
            return Obstacle(f"not bought: {breach.text}", breach)
        if broker is None:
            return Obstacle(_NO_LOGIN)
        way_out = self.way_out.problem(broker.egress)
        if way_out is not None:
            return Obstacle(f"not bought: {way_out}")
        sell_due = self.worker.sell_due(taken.cycle.plan, taken.cycle.trading_day)
        if sell_due is None:
            return Obstacle("the symbol is not in today's instrument list, so its stop could not be watched")
        if max(due, self.worker.desk.clock.now()) >= sell_due:
            # Late within its grace, or the session ends earlier than when the plan was checked.
            return Obstacle(past_its_sale(sell_due))
        if gate.unsettled_day is not None:
            self.worker.desk.meter.count("OldCycleOpen")
            return Obstacle(f"the position of {gate.unsettled_day} is not settled; look at your broker account")
        if gate.is_held_elsewhere:
            symbol = taken.cycle.plan.symbol
            return Obstacle(f"the position of another strategy in {symbol} is not sold yet; not bought")
        return None

    def _marks(self, gate: EntryGate) -> dict[str, Decimal]:
        """Last prices of what the user holds, where a loss limit needs them."""
        if not gate.symbols:
            return {}
        return prices_of_today(self.worker.desk.runtime.last_prices(gate.symbols), self.worker.desk.clock.now())

    def _in_time(self, broker: PacedBroker, due: datetime) -> PacedBroker:
        """For readings that an entry goes without rather than leave late."""
        left = (due - self.worker.desk.clock.now()).total_seconds() - _SET_DOWN
        return broker.hurried(max(left, _LEAST_READING))

    def _price(self, strategy: Strategy, broker: PacedBroker, due: datetime) -> Decimal | None:
        """The latest price anyone knows; None rather than holding the entry up."""
        known = self.worker.desk.runtime.last_price(strategy.plan.symbol)
        if known is not None and self.worker.desk.clock.now() - known.at <= _STALE_PRICE:
            return known.price
        try:
            return self._in_time(broker, due).get_price(strategy.plan.exchange, strategy.plan.symbol)
        except BrokerFault as fault:
            self.worker.desk.meter.count("EntriesUnpriced")
            logger.warning("no price for %s: %s", strategy.plan.symbol, fault.message)
            return None

    def _is_taken(self, broker: PacedBroker, due: datetime) -> bool:
        """Whether the broker takes a login after all that it has refused. Asked once more before nothing is bought for
        that: a refusal may have been none, and where nothing is held nobody else would ask."""
        try:
            self._in_time(broker, due).glancing(_PATIENCE_BEFORE_ENTRY).validate_credentials()
        except BrokerFault as fault:
            logger.warning("the login is not taken: %s", fault.message)
        return not broker.is_refused

    def _held_before(self, plan: Plan, broker: PacedBroker, due: datetime) -> int | None:
        """What the account holds of the instrument already, if that can be had at once: whatever it holds beyond that
        afterwards comes from the entry, also when nobody knows its fate. Not so while an order of another strategy may
        still surface: then it is not asked for, and the entry's own order has to be found before anything is sold."""
        try:
            return held_by(plan, self._in_time(broker, due).glancing(_PATIENCE_BEFORE_ENTRY))
        except BrokerFault as fault:
            logger.info("what is held before the entry is not known: %s", fault.message)
            return None
