"""Between entries: reached loss limits are told and, where the profile says so, sold upon; switched-off users are
brought flat, again and again until the broker shows it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import RedisDown
from algotrading.domain.limits import Breach, BreachKind
from algotrading.domain.profit import week_of
from algotrading.domain.risk import loss_breaches
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, Lane, Ledger, Meter, OrderQueue, Risks, RiskStanding, Runtime
from algotrading.services.flatten import LOSS_LIMIT, Flattener, leave_command
from algotrading.services.live_prices import marks_of

logger = logging.getLogger(__name__)

_PATIENCE = timedelta(minutes=3)
"""A switch that has not led to proof after this is alarmed, each minute."""


@dataclass(slots=True)
class RiskWatched:
    """What one look found and asked for."""

    kills_asked: int = 0
    losses_found: int = 0
    square_offs_asked: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class RiskWatch:
    """Looks at every user who is switched off or holds something."""

    risks: Risks
    ledger: Ledger
    runtime: Runtime
    queue: OrderQueue
    clock: Clock
    meter: Meter
    can_trade: Callable[[Cycle], bool]
    """Whether an order in the cycle's instrument can be sent now: nothing is asked for outside the session."""

    def run(self) -> RiskWatched:
        """One look. A fault with one user does not keep the others from being looked at."""
        now, found = self.clock.now(), RiskWatched()
        standings = self.risks.watched(trading_day_of(now), now)
        for user_id, standing in standings.items():
            if standing.locks.since is not None:
                with self._isolated(user_id, found):
                    self._bring_flat(user_id, standing, now, found)
        limited = {user_id: one for user_id, one in standings.items() if one.limits.limit_losses}
        marks = self._marks(limited)
        for user_id, standing in limited.items():
            with self._isolated(user_id, found):
                breaches = loss_breaches(standing.limits, standing.usage, trading_day_of(now), marks)
                self._tell(user_id, breaches, now, found)
                if breaches and standing.limits.square_off and standing.locks.since is None:
                    self._square_off(standing, now, found)
        return found

    @contextmanager
    def _isolated(self, user_id: UUID, found: RiskWatched) -> Iterator[None]:
        try:
            yield
        except Exception:
            found.failures += 1
            self.meter.count("ConvergeFailure")
            logger.exception("the risk of a user could not be looked after", extra={"user_id": str(user_id)})

    def _bring_flat(self, user_id: UUID, standing: RiskStanding, now: datetime, found: RiskWatched) -> None:
        flattener = Flattener(self.risks, self.ledger, self.queue)
        cycles = [cycle for cycle in standing.usage.open_cycles if self.can_trade(cycle)]
        flattener.flatten(cycles, now=now, cause="converge", asked=_asked(now))
        flattener.prove(user_id, standing, now=now, cause="converge", asked=_asked(now))
        found.kills_asked += len(cycles)
        since = standing.locks.since
        is_of_today = since is not None and trading_day_of(since) == trading_day_of(now)
        if standing.flat is None and since is not None and is_of_today and now - since > _PATIENCE:
            self.meter.count("KillNotFlat")
            logger.error("the kill switch has not led to proof yet", extra={"user_id": str(user_id)})

    def _tell(self, user_id: UUID, breaches: Sequence[Breach], now: datetime, found: RiskWatched) -> None:
        for breach in breaches:
            if self.risks.record_breach(user_id, breach, period=_period_of(breach, trading_day_of(now)), now=now):
                self.meter.count("LossLimits")
                found.losses_found += 1

    def _square_off(self, standing: RiskStanding, now: datetime, found: RiskWatched) -> None:
        for cycle in standing.usage.open_cycles:
            if cycle.is_armed and self.can_trade(cycle):
                command = leave_command(cycle, OrderEvent.SQUARE_OFF, now=now, cause=LOSS_LIMIT, asked=_asked(now))
                self.queue.send(command, Lane.PRIORITY)
                found.square_offs_asked += 1

    def _marks(self, standings: Mapping[UUID, RiskStanding]) -> Mapping[str, Decimal]:
        """Last prices of all that is held; none while the store is away, and losses then count what is realised."""
        symbols = {c.plan.symbol for one in standings.values() for c in one.usage.open_cycles}
        try:
            return marks_of(self.runtime.last_prices(symbols), self.clock.now(), self.runtime.sight())
        except RedisDown:
            self.meter.count("RedisDown")
            return {}


def _period_of(breach: Breach, today: date) -> date:
    return today if breach.kind is BreachKind.DAILY_LOSS else week_of(today)


def _asked(now: datetime) -> str:
    """Each minute asks anew, since the queue forgets a repeated identity."""
    return f"converge:{int(now.timestamp() // 60)}"
