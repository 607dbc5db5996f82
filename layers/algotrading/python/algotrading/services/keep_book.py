"""The end of an account's day: its whole book is kept, and every open cycle is held against it a last time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from algotrading.contracts.messages import OrderCommand
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import BrokerAuthFailed
from algotrading.domain.events import BookLost, Event, LastRead
from algotrading.domain.observe import observe
from algotrading.domain.orders import AccountBook
from algotrading.ports import BookSnapshot, Broker, Clock, Ledger, Snapshots

logger = logging.getLogger(__name__)

_PROVES_NOTHING = timedelta(days=1)
"""A window of evidence that no order of the book's own day is past: only what the book shows counts."""

Record = Callable[[OrderCommand, Event], Cycle | None]
"""Decides and stores an event of a command's cycle that sends nothing."""


@dataclass(frozen=True, slots=True)
class BookKeeper:
    """Keeps one account's book. May be asked any number of times: what is stored last stays, and until it is
    stored nothing counts as done."""

    clock: Clock
    ledger: Ledger
    snapshots: Snapshots
    clean_reads: int
    """Readings that must agree before an order counts as never placed."""

    def keep(
        self,
        command: OrderCommand,
        account_id: UUID,
        open_session: Callable[[], Broker],
        record: Record,
    ) -> None:
        """Read, settle and store the book of the account.

        Raises:
            BrokerUnavailable, LockBusy, Fenced: nothing was stored; converge asks again.
        """
        user_id, day = command.user_id, command.trading_day
        if self.snapshots.find(user_id, account_id, day) is not None:
            return
        try:
            broker = open_session()
            book = self._settle(command, account_id, broker, record)
        except BrokerAuthFailed as fault:
            logger.error("the day's book cannot be read: %s", fault.message, extra={"user_id": str(user_id)})
            record(command, BookLost(self.clock.now()))
            return
        self.snapshots.add(BookSnapshot(user_id, account_id, day, book))

    def _settle(self, command: OrderCommand, account_id: UUID, broker: Broker, record: Record) -> AccountBook:
        """The last reading, after the account's cycles of the day have learned from as many as they need."""
        for left in reversed(range(self.clean_reads)):
            book = broker.read_account()
            of_day = self.ledger.of_day(command.user_id, command.trading_day)
            cycles = [cycle for cycle in of_day if cycle.account_id == account_id]
            in_doubt = [
                cycle
                for cycle in cycles
                if not cycle.is_settled or cycle.has_absent_order or _is_contradicted(cycle, book, self.clock.now())
            ]
            after = [self._look(command, cycle, book, record, is_final=left == 0) for cycle in in_doubt]
            if all(cycle is None or cycle.is_settled for cycle in after):
                break
        return book

    def _look(
        self, command: OrderCommand, cycle: Cycle, book: AccountBook, record: Record, *, is_final: bool
    ) -> Cycle | None:
        plan = cycle.plan
        reading = book.of_tags(frozenset(intent.tag for intent in cycle.intents), cycle.others_since)
        held = book.held(plan.exchange, plan.symbol, plan.product)
        event = LastRead(self.clock.now(), reading, held, is_final=is_final)
        return record(command.model_copy(update={"strategy_id": cycle.strategy_id}), event)


def _is_contradicted(cycle: Cycle, book: AccountBook, now: datetime) -> bool:
    """Whether the book shows fills that a settled cycle does not know of: of an order that was seen cancelled before
    its last fill was, or that the broker had refused. Nobody has looked since, and nobody would after this."""
    reading = book.of_tags(frozenset(intent.tag for intent in cycle.intents))
    seen = observe(cycle, LastRead(now, reading), _PROVES_NOTHING, 1)
    return (seen.bought, seen.sold) != (cycle.bought, cycle.sold)
