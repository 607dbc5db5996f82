"""What a trader may risk, and what is used of it right now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from algotrading.domain.limits import RiskLimits
from algotrading.domain.risk import Results, exposures, results_of
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, RiskEvent, Risks, RiskStanding
from algotrading.services.live_prices import LivePrices

_EVENTS = 20


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is held and on order in one symbol, over all strategies."""

    exchange: str
    symbol: str
    quantity: int
    value: Decimal
    is_estimated: bool
    """No price is known: valued at what it cost."""


@dataclass(frozen=True, slots=True)
class RiskReport:
    """A user's limits, and everything that is held against them."""

    standing: RiskStanding
    results: Results
    exposures: Sequence[Exposure]
    events: Sequence[RiskEvent]
    as_of: datetime

    @property
    def open_strategies(self) -> int:
        """Strategies that hold something or are about to."""
        return len({cycle.strategy_id for cycle in self.standing.usage.open_cycles})


@dataclass(frozen=True, slots=True)
class RiskProfiles:
    """Reads and replaces limits."""

    risks: Risks
    prices: LivePrices
    clock: Clock

    def read(self, user_id: UUID) -> RiskReport:
        """Where the user stands now."""
        now = self.clock.now()
        day = trading_day_of(now)
        standing = self.risks.standing(user_id, day, now)
        held = {cycle.plan.symbol for cycle in standing.usage.open_cycles}
        marks = {symbol: known.price for symbol, known in self.prices.last_of(held).items()}
        return RiskReport(
            standing=standing,
            results=results_of(standing.usage, day, marks),
            exposures=_exposures(standing, marks),
            events=self.risks.events(user_id, _EVENTS),
            as_of=now,
        )

    def replace(self, user_id: UUID, limits: RiskLimits, *, may_loosen: bool = True) -> RiskReport:
        """Set every limit anew; what is None does not limit any more.

        Raises:
            FreshCodeNeeded: more could be risked than before, and the caller `may_loosen` nothing.
        """
        self.risks.set_limits(user_id, limits, self.clock.now(), may_loosen=may_loosen)
        return self.read(user_id)


def _exposures(standing: RiskStanding, marks: Mapping[str, Decimal]) -> list[Exposure]:
    found = exposures(standing.usage.open_cycles, marks)
    return [Exposure(*key, quantity, value, key[1] not in marks) for key, (quantity, value) in sorted(found.items())]
