"""Reconciliation: a cycle held against the broker's book, and the end of its day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from algotrading.contracts.messages import OrderCommand
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.errors import BrokerAuthFailed
from algotrading.domain.events import DayOver, ExitBlocked
from algotrading.ports import Snapshots
from algotrading.services import read_broker
from algotrading.services.cycle_runner import CycleRunner
from algotrading.services.keep_book import BookKeeper
from algotrading.services.paced_broker import PacedBroker
from algotrading.services.read_broker import held_by
from algotrading.services.worker import LOGIN_OVER, Worker

_PATIENCE_OF_HINTS = {
    "sweep": timedelta(seconds=1),  # the only look there is in a quiet minute
    "postback": timedelta(seconds=0.1),
    "socket": timedelta(seconds=0.1),
}
"""How long a look that knows of no trouble waits for its place: an exit of its strategy may come behind it."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Learns from the broker's book what has become of orders, and acts on it."""

    worker: Worker
    snapshots: Snapshots

    def reconcile(self, command: OrderCommand) -> Cycle | None:
        """Bring the cycle up to the book. Raises as `Executor.handle` does."""
        if self.worker.is_over(command):
            return self.end_day(command)
        cycle = self.worker.desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is None or not cycle.intents:
            return None
        try:
            return self._look_into_book(command, self.worker.sessions.open(cycle.user_id, cycle.account_id))
        except BrokerAuthFailed:
            self._note_blocked(command)
            raise

    def end_day(self, command: OrderCommand) -> Cycle | None:
        """A cycle of another day is traded no more: the broker's book of it is gone, so that no order of it could be
        followed up, and what is held by now is not its own to sell. Until it is gone, the keeping of that book ends
        the day."""
        now = self.worker.desk.clock.now()
        if self.worker.table.day_to_keep(now) == command.trading_day:
            return None
        return self.worker.note_event(command, DayOver(now))

    def _look_into_book(self, command: OrderCommand, broker: PacedBroker) -> Cycle | None:
        glance = broker.glancing(_PATIENCE_OF_HINTS[command.cause]) if command.is_hint else broker
        lock = self.worker.lock
        with lock.if_free(command.strategy_id) if command.is_hint else lock.preferred(command.strategy_id):
            taken = self.worker.take(command)
            if taken is None or not taken.cycle.intents:
                return None
            errand = self.worker.errand(taken, broker)
            # The book after the position: what was sold in between shows as sold, not as missing.
            held = None
            if taken.cycle.state is CycleState.LONG or taken.cycle.needs_verifying:
                held = held_by(taken.cycle.plan, glance) if command.is_hint else read_broker.ask_held(errand)
            reading = glance.read_book(errand.tags, taken.cycle.others_since)
            return CycleRunner(errand).run(read_broker.as_event(errand, reading, held))

    def _note_blocked(self, command: OrderCommand) -> None:
        """Nothing can be read without a login, nor sold: an exit that is wanted or under way waits for one, what is
        held has nobody who could sell it, and its owner hears of it."""
        desk = self.worker.desk
        cycle = desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is not None and cycle.is_armed:
            self.worker.note_event(command, ExitBlocked(desk.clock.now(), cycle.wanted or cycle.claim, LOGIN_OVER))

    def keep_book(self, command: OrderCommand) -> None:
        """At the end of the day: learn from the account's whole book what can be learned, and keep it."""
        desk = self.worker.desk
        cycle = desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is None:
            return
        open_session = partial(self.worker.sessions.open, cycle.user_id, cycle.account_id)
        keeper = BookKeeper(desk.clock, desk.ledger, self.snapshots, desk.policy.clean_reads)
        keeper.keep(command, cycle.account_id, open_session, self.worker.note_event)
