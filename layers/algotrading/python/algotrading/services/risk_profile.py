"""What a trader may risk, and what is used of it right now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from algotrading.domain.cycle import Cycle
from algotrading.domain.limits import RiskLimits
from algotrading.domain.risk import Booked, Held, Results, booked_of, exposures, held_of, quantity_at_risk, results_of
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, LastPrice, Ledger, RiskEvent, Risks, RiskStanding
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
    held: Held
    """The part of `quantity` that is held; the rest is on order."""
    last: LastPrice | None
    strategy_ids: Sequence[UUID]
    """Whose it is, in a lasting order."""

    @property
    def open(self) -> Decimal | None:
        """Open profit before charges; None where nothing is held or no price is known."""
        return self.held.gain(self.last.price if self.last else None)


@dataclass(frozen=True, slots=True)
class RiskReport:
    """A user's limits, and everything that is held against them."""

    standing: RiskStanding
    results: Results
    deleted: Booked
    """The part of the day's that strategies brought which have been deleted since. None of them holds anything."""
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
    ledger: Ledger

    def read(self, user_id: UUID) -> RiskReport:
        """Where the user stands now."""
        now = self.clock.now()
        day = trading_day_of(now)
        standing = self.risks.standing(user_id, day, now)
        held = {cycle.plan.symbol for cycle in standing.usage.open_cycles}
        last = self.prices.last_of(held)
        marks = {symbol: known.price for symbol, known in last.items()}
        return RiskReport(
            standing=standing,
            results=results_of(standing.usage, day, marks),
            deleted=sum(map(booked_of, self.ledger.of_deleted(user_id, day)), Booked()),
            exposures=_exposures(standing, last),
            events=self.risks.events(user_id, _EVENTS),
            as_of=now,
        )

    def replace(
        self, user_id: UUID, limits: RiskLimits, *, may_loosen: bool = True, seen: str | None = None
    ) -> RiskReport:
        """Set every limit anew; what is None does not limit any more.

        Raises:
            FreshCodeNeeded: more could be risked than before, and the caller `may_loosen` nothing.
            PreconditionFailed: the limits are not those that were `seen` (by their tag) any more.
        """
        self.risks.set_limits(user_id, limits, self.clock.now(), may_loosen=may_loosen, seen=seen)
        return self.read(user_id)


def _exposures(standing: RiskStanding, last: Mapping[str, LastPrice]) -> list[Exposure]:
    cycles, held = standing.usage.open_cycles, held_of(standing.usage.open_cycles)
    found = exposures(cycles, {symbol: known.price for symbol, known in last.items()})
    return [
        Exposure(
            *key,
            quantity,
            value,
            key[1] not in last,
            held.get(key, Held()),
            last.get(key[1]),
            _owners(cycles, key),
        )
        for key, (quantity, value) in sorted(found.items())
    ]


def _owners(cycles: Sequence[Cycle], key: tuple[str, str]) -> Sequence[UUID]:
    of_key = {c.strategy_id for c in cycles if (c.plan.exchange, c.plan.symbol) == key and quantity_at_risk(c) > 0}
    return sorted(of_key)
