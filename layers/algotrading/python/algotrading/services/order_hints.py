"""Turns order updates, whatever way they came, into requests to look at the broker's book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import RedisDown
from algotrading.domain.order_updates import OrderUpdate, concerned
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, Lane, Ledger, Meter, OrderQueue, Runtime
from algotrading.services.alarms import make_command

HINT_INTERVAL = timedelta(seconds=1)
"""At most one hint per strategy in this time, however many updates its account sends."""

Cause = Literal["postback", "socket"]


@dataclass(frozen=True, slots=True)
class Hint:
    """A request to look at one strategy, and when to make it."""

    at: datetime
    command: OrderCommand


@dataclass(frozen=True, slots=True)
class OrderHints:
    """Asks executors to reconcile the strategies that an update may be news of.

    The first update is passed on at once; what follows within a second waits for that second to end, and
    one hint then covers it all, because the book is read after it. So no news is left out, and a flood
    costs an account's own strategies one look a second each. Without the runtime store, which counts,
    nothing is passed on: the sweep looks within the minute.
    """

    clock: Clock
    ledger: Ledger
    runtime: Runtime
    queue: OrderQueue
    meter: Meter

    def give(self, user_id: UUID, account_id: UUID, update: OrderUpdate, cause: Cause) -> None:
        """Pass an update on, waiting where that is needed: at most `HINT_INTERVAL`."""
        for hint in self.plan(user_id, account_id, update, cause):
            self.clock.sleep_until(hint.at)
            self.send(hint)

    def plan(self, user_id: UUID, account_id: UUID, update: OrderUpdate, cause: Cause) -> Sequence[Hint]:
        """The hints that an update of a broker account is worth, the first first; every one of them must be sent."""
        now = self.clock.now()
        of_day = self.ledger.of_day(user_id, trading_day_of(now))
        cycles = concerned(update, [cycle for cycle in of_day if cycle.account_id == account_id])
        try:
            waits = [(self.runtime.book_hint(c.strategy_id, now, HINT_INTERVAL), c) for c in cycles]
        except RedisDown:
            self.meter.count("RedisDown")
            return ()
        booked = [_hint(cycle, update, cause, now + wait) for wait, cycle in waits if wait is not None]
        if booked:
            self.meter.count("OrderHints", len(booked))
        return sorted(booked, key=lambda hint: hint.at)

    def send(self, hint: Hint) -> None:
        """Ask an executor to look."""
        self.queue.send(hint.command, Lane.PRIORITY)


def _hint(cycle: Cycle, update: OrderUpdate, cause: Cause, at: datetime) -> Hint:
    command = make_command(
        strategy_id=cycle.strategy_id,
        user_id=cycle.user_id,
        event=OrderEvent.RECONCILE,
        trading_day=cycle.trading_day,
        now=at,
        cause=cause,
    )
    identity = f"{cycle.strategy_id}:{cycle.trading_day}:hint:{update.identity}"
    return Hint(at, command.model_copy(update={"deduplication_id": identity}))
