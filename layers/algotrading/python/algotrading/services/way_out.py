"""Whether an account's orders would leave from the addresses that its broker knows: asked before the first of a day."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from algotrading.domain.egress import EgressRoute
from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Brokers, Clock, Meter

logger = logging.getLogger(__name__)

_NEVER: tuple[date | None, date | None, tuple[str, ...]] = (None, None, ())
_UNBOUND = "no addresses are set aside for your orders: log in to the broker again, or ask the operator for a pair"


@dataclass(frozen=True, slots=True)
class WayOut:
    """What one process has seen of the ways that orders take. Where `is_bound` is False (a simulated broker) every way
    is right."""

    brokers: Brokers
    clock: Clock
    meter: Meter
    is_bound: bool
    _seen: dict[EgressRoute, tuple[date | None, date, tuple[str, ...]]] = field(default_factory=dict)
    """The day that needs no further look, the day of the last one, and what it saw."""

    def look(self, route: EgressRoute | None) -> None:
        """Ask where an order would come from, unless that has been answered today. What cannot be asked is left open:
        the broker itself refuses an order from elsewhere."""
        today = trading_day_of(self.clock.now())
        if not self.is_bound or route is None or self._seen.get(route, _NEVER)[0] == today:
            return
        ways: list[tuple[str, ...]] = [(proxy,) for proxy in route.proxies] or [()]
        seen = tuple(address for way in ways if (address := self._ask(route, way)) is not None)
        problems = [problem for address in seen if (problem := route.problem(address)) is not None]
        is_answered = len(seen) == len(ways) and not problems
        # What is wrong may be mended in a moment, and what was not answered be wrong: both are asked again.
        self._seen[route] = today if is_answered else None, today, seen
        for problem in problems:
            self.meter.count("EgressWrong")
            logger.error("%s: %s", route.name, problem)

    def _ask(self, route: EgressRoute, way: Sequence[str]) -> str | None:
        try:
            return self.brokers.outward_address(way)
        except BrokerUnavailable as fault:
            self.meter.count("EgressUnseen")
            logger.error("%s: %s", route.name, fault.message)
            return None

    def problem(self, route: EgressRoute | None) -> str | None:
        """Why nothing may be bought through `route`, as far as was looked; None: nothing speaks against it."""
        if not self.is_bound:
            return None
        if route is None:
            return _UNBOUND
        _, day, seen = self._seen.get(route, _NEVER)
        if day != trading_day_of(self.clock.now()):
            return None
        return next((problem for address in seen if (problem := route.problem(address)) is not None), None)
