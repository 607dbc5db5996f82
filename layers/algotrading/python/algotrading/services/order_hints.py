"""Turns order updates, whatever way they came, into requests to look at the broker's book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import RedisDown
from algotrading.domain.order_updates import OrderUpdate, concerned
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, Lane, Ledger, Meter, OrderQueue, Runtime
from algotrading.services.alarms import make_command

HINT_INTERVAL = timedelta(seconds=1)
"""At most one hint per strategy in this time, however many updates its account sends."""


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

    def give(self, user_id: UUID, update: OrderUpdate, cause: Literal["postback", "socket"]) -> int:
        """How many strategies are going to be looked at; returns within `HINT_INTERVAL` and a little."""
        now = self.clock.now()
        cycles = concerned(update, self.ledger.of_day(user_id, trading_day_of(now)))
        try:
            booked = [(wait, cycle) for cycle in cycles if (wait := self._book(cycle, now)) is not None]
        except RedisDown:
            self.meter.count("RedisDown")
            return 0
        for wait, cycle in sorted(booked, key=lambda each: each[0]):
            self.clock.sleep_until(now + wait)
            self._send(cycle, update, cause)
        self.meter.count("OrderHints", len(booked))
        return len(booked)

    def _book(self, cycle: Cycle, now: datetime) -> timedelta | None:
        return self.runtime.book_hint(cycle.strategy_id, now, HINT_INTERVAL)

    def _send(self, cycle: Cycle, update: OrderUpdate, cause: str) -> None:
        command = make_command(
            strategy_id=cycle.strategy_id,
            user_id=cycle.user_id,
            event=OrderEvent.RECONCILE,
            trading_day=cycle.trading_day,
            now=self.clock.now(),
            cause=cause,
        )
        identity = f"{cycle.strategy_id}:{cycle.trading_day}:hint:{update.identity}"
        self.queue.send(command.model_copy(update={"deduplication_id": identity}), Lane.PRIORITY)
