"""The executor: what a worker does with one message of the order queues."""

from __future__ import annotations

from dataclasses import dataclass

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.cycle import Cycle, ExitReason
from algotrading.domain.errors import AlgotradingError
from algotrading.domain.sessions import SessionTable
from algotrading.ports import Instruments, Risks, Snapshots
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.courier import Courier
from algotrading.services.entries import Entries
from algotrading.services.errand import Desk
from algotrading.services.exits import Exits
from algotrading.services.flatten import LOSS_LIMIT
from algotrading.services.last_call import LastCall
from algotrading.services.reconciliation import Reconciliation
from algotrading.services.way_out import WayOut
from algotrading.services.worker import Pace, Worker

_EXIT_REASONS = {
    OrderEvent.SELL: ExitReason.SELL_TIME,
    OrderEvent.STOPLOSS: ExitReason.STOPLOSS,
    OrderEvent.STOP: ExitReason.USER,
    OrderEvent.SQUARE_OFF: ExitReason.SQUARE_OFF,
    OrderEvent.KILL: ExitReason.KILL,
}


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
    pace: Pace = Pace()  # noqa: RUF009 - frozen

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
                return self._entries.buy(command)
            case OrderEvent.RECONCILE:
                return self._reconciliation.reconcile(command)
            case OrderEvent.SNAPSHOT:
                self._reconciliation.keep_book(command)
                return None
            case OrderEvent.KILL:
                return self._exits.kill(command)
            case OrderEvent.SQUARE_OFF if command.cause == LOSS_LIMIT:
                return self._exits.leave(command, ExitReason.RISK)
            case _:
                return self._exits.leave(command, _EXIT_REASONS[command.event])

    @property
    def _worker(self) -> Worker:
        return Worker(self.desk, self.instruments, self.sessions, self.table, self.pace)

    @property
    def _entries(self) -> Entries:
        return Entries(self._worker, self.way_out, self.last_call)

    @property
    def _reconciliation(self) -> Reconciliation:
        return Reconciliation(self._worker, self.snapshots)

    @property
    def _exits(self) -> Exits:
        return Exits(self._worker, self._reconciliation, self.risks)
