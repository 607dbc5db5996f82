"""Exits: whoever wants out, and whatever the broker says is held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from algotrading.contracts.messages import OrderCommand
from algotrading.domain.audit import AuditKind
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState
from algotrading.domain.errors import BrokerAuthFailed
from algotrading.domain.events import ExitBlocked, ExitDue
from algotrading.domain.orders import Leg
from algotrading.ports import Risks
from algotrading.services import read_broker
from algotrading.services.cycle_runner import CycleRunner
from algotrading.services.reconciliation import Reconciliation
from algotrading.services.verify_flat import FlatVerifier
from algotrading.services.worker import LOGIN_OVER, Worker

_WITHDRAWN = timedelta(seconds=0.2)
"""This long after its instant an entry that waited for it has left, or has been withdrawn."""
_LONGEST_WITHDRAWAL = timedelta(seconds=4)


@dataclass(frozen=True, slots=True)
class Exits:
    """Sells, as often as it takes."""

    worker: Worker
    reconciliation: Reconciliation
    risks: Risks

    def leave(self, command: OrderCommand, reason: ExitReason) -> Cycle | None:
        """Leave the cycle of the command's day. Raises as `Executor.handle` does."""
        clock = self.worker.desk.clock
        if self.worker.is_over(command):
            return self.reconciliation.end_day(command)
        broker, account_id = None, None
        if command.due is not None and command.due > clock.now():
            strategy = self.worker.current(command)
            if strategy is None:
                return None
            account_id = self.worker.account_of(strategy, command.trading_day)
            broker = self.worker.open(command.user_id, account_id)
            self.worker.wait(strategy, broker, command.due)
            broker = self.worker.renew(command.user_id, account_id, broker)
        with self.worker.lock.preferred(command.strategy_id):
            taken = self.worker.take(command)
            if taken is None:
                return None
            if reason is ExitReason.STOPLOSS and _is_above_stop(command, taken.cycle):
                self.worker.note(command, AuditKind.MESSAGE_DROPPED, "the stop-loss is below that price by now")
                return taken.cycle
            broker = self.worker.session_of(taken.cycle, account_id, broker)
            if broker is None:
                cycle = self.worker.record(taken, ExitBlocked(clock.now(), reason, LOGIN_OVER))
                if cycle.is_armed:
                    raise BrokerAuthFailed("an exit waits for a broker login")
                return cycle
            errand = self.worker.errand(taken, broker)
            may_hold = taken.cycle.open_quantity > 0 or taken.cycle.state is CycleState.ENTERING
            held = read_broker.ask_held(errand) if may_hold else None
            is_entering = taken.cycle.state is CycleState.ENTERING
            is_book_away = is_entering and held is not None and not read_broker.has_book(errand)
            now = clock.now()
            return CycleRunner(errand).run(
                ExitDue(now, command.due or now, reason, held, command.tick_at, is_book_away=is_book_away)
            )

    def kill(self, command: OrderCommand) -> Cycle | None:
        """Leave, and once nothing of the user is open any more, have the broker's books show it."""
        cycle = self.worker.desk.ledger.find(command.user_id, command.strategy_id, command.trading_day)
        if cycle is None or not cycle.is_settled or cycle.state is CycleState.IDLE:
            self._let_withdraw(cycle)
            cycle = self.leave(command, ExitReason.KILL)
        if cycle is None or not cycle.is_settled:
            return cycle
        verifier = FlatVerifier(self.risks, self.worker.desk.ledger, self.worker.desk.clock)
        proof = verifier.verify(command.user_id, cycle.account_id, partial(self.worker.open, command.user_id))
        if proof is not None:
            self.worker.desk.meter.milliseconds("KillToFlat", proof.milliseconds)
        return cycle

    def _let_withdraw(self, cycle: Cycle | None) -> None:
        """An entry that still waits for its instant finds the switch at its last look and is then known not to have
        left. Taken away from its worker before that, nobody could say so until the book has."""
        now = self.worker.desk.clock.now()
        waiting = [i.due_at for i in (cycle.open_intents(Leg.ENTRY) if cycle else ()) if i.state is IntentState.PENDING]
        ahead = [due for due in waiting if now < due + _WITHDRAWN <= now + _LONGEST_WITHDRAWAL]
        if ahead:
            self.worker.desk.clock.sleep_until(max(ahead) + _WITHDRAWN)


def _is_above_stop(command: OrderCommand, cycle: Cycle) -> bool:
    """Whether the price that hit the stop hits it no more: its owner has lowered it since, and was answered so. What
    is hit by the new one is reported by the watcher again. An exit that has begun, or is wanted already, goes on."""
    has_begun = cycle.claim is not None or cycle.wanted is not None
    return not has_begun and command.price is not None and command.price > cycle.plan.stop_loss
