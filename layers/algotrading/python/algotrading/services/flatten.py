"""Asking executors to sell what a user holds, and to prove that it is sold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.cycle import Cycle
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Lane, Ledger, OrderQueue, Risks, RiskStanding
from algotrading.services.alarms import make_command

LOSS_LIMIT: Final = "risk"
"""The cause of a square-off that a loss limit wants."""


@dataclass(frozen=True, slots=True)
class Flattener:
    """Sends what the kill switch wants, on the lane that never queues behind entries."""

    risks: Risks
    ledger: Ledger
    queue: OrderQueue

    def flatten(self, cycles: Sequence[Cycle], *, now: datetime, cause: str, asked: str) -> None:
        """Have each of these cycles closed. `asked` tells one asking from the next: within one, the queue drops what
        is repeated."""
        for cycle in cycles:
            self.queue.send(leave_command(cycle, OrderEvent.KILL, now=now, cause=cause, asked=asked), Lane.PRIORITY)

    def prove(self, user_id: UUID, standing: RiskStanding, *, now: datetime, cause: str, asked: str) -> None:
        """Have it proven that nothing is held, once nothing is open: by an executor, who asks the broker. Where no
        order was written on the day of the lock there is nothing to look up: just that is recorded. On a later day the
        broker's book of that day is gone, and nobody can prove it any more."""
        since = standing.locks.since
        if since is None or standing.flat is not None or standing.usage.open_cycles:
            return
        traded = self.ledger.traded_on(user_id, trading_day_of(since))
        if not traded:
            self.risks.record_nothing_placed(user_id, now)
        elif trading_day_of(since) == trading_day_of(now):
            command = leave_command(traded[-1], OrderEvent.KILL, now=now, cause=cause, asked=asked)
            self.queue.send(command, Lane.PRIORITY)


def milliseconds_between(since: datetime, until: datetime) -> int:
    """How long something took."""
    return round((until - since).total_seconds() * 1000)


def leave_command(cycle: Cycle, event: OrderEvent, *, now: datetime, cause: str, asked: str) -> OrderCommand:
    """A message that wants a cycle's position sold."""
    command = make_command(
        strategy_id=cycle.strategy_id,
        user_id=cycle.user_id,
        event=event,
        trading_day=cycle.trading_day,
        now=now,
        cause=cause,
    )
    return command.model_copy(update={"deduplication_id": f"{command.deduplication_id}:{asked}"})
