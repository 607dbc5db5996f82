"""What an estimate is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdk.cost.prices import Price

HOURS = 730
"""In a month."""


@dataclass(frozen=True, slots=True)
class Line:
    """So much of one thing in a month."""

    service: str
    what: str
    amount: float
    """In the price's unit."""
    price: Price
    is_standing: bool
    """Costs the same whoever trades."""

    @property
    def usd(self) -> float:
        """A month."""
        return self.amount * self.price.usd


@dataclass(frozen=True, slots=True)
class Estimate:
    """A month of one environment."""

    lines: Sequence[Line]

    @property
    def usd(self) -> float:
        """All of it."""
        return sum(line.usd for line in self.lines)

    @property
    def standing_usd(self) -> float:
        """What is due when nobody trades."""
        return sum(line.usd for line in self.lines if line.is_standing)

    @property
    def unverified_usd(self) -> float:
        """What rests on prices that are to be verified."""
        return sum(line.usd for line in self.lines if not line.price.verified)

    def by_service(self) -> dict[str, tuple[float, float]]:
        """Standing and moving dollars of every service, the dearest first."""
        services = {line.service for line in self.lines}
        sums = {
            service: (
                sum(line.usd for line in self.lines if line.service == service and line.is_standing),
                sum(line.usd for line in self.lines if line.service == service and not line.is_standing),
            )
            for service in services
        }
        return dict(sorted(sums.items(), key=lambda item: (-sum(item[1]), item[0])))
