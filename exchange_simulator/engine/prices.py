"""Where prices go next: a seeded random walk, unless a price is pinned, led somewhere, or replayed."""

import random
from dataclasses import dataclass
from typing import Protocol

from exchange_simulator.clock import NANOS
from exchange_simulator.engine.market import Market

TICK_INTERVAL_NS = 200_000_000
"""Between two steps of a walk: five ticks a second."""
_LEAD_INTERVAL_NS = 20_000_000
_VOLATILITY = 0.00015
"""Standard deviation of the walk per square root of a second."""
_REVERSION_PER_S = 1 / 1800
_NAP_LIMIT_S = 5.0


class PricePath(Protocol):
    """A prescribed course of one instrument's price."""

    def due(self, now_ns: int) -> list[tuple[int, int | None]]:
        """Ticks (price in paise, volume or None) that have come due since the last call, oldest first."""
        ...

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to come."""
        ...


class Lead:
    """A straight line from one price to another over some time."""

    def __init__(self, market: Market, target: int, start_ns: int, duration_ns: int) -> None:
        self._market = market
        self._origin, self._target = market.last, target
        self._start, self._duration = start_ns, max(duration_ns, 1)
        self._next = start_ns
        self.finished = False

    def due(self, now_ns: int) -> list[tuple[int, int | None]]:
        """The point of the line at this moment, at most once per 20 ms; the last one is exactly the target."""
        if now_ns < self._next:
            return []
        self._next = now_ns + _LEAD_INTERVAL_NS
        share = min((now_ns - self._start) / self._duration, 1.0)
        self.finished = share >= 1.0
        price = self._origin + (self._target - self._origin) * share
        return [(self._market.clamp(price), None)]


@dataclass(slots=True)
class _Course:
    fair: float
    last_ns: int
    drift_per_s: float = 0.0
    pinned: bool = False
    path: PricePath | None = None


class PriceEngine:
    """Decides the next price of every instrument that somebody looks at."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._courses: dict[int, _Course] = {}

    def steered_tokens(self) -> set[int]:
        """Tokens whose price follows a path and so moves even when nobody looks."""
        return {token for token, course in self._courses.items() if course.path is not None}

    def follow(self, market: Market, path: PricePath, now_ns: int) -> None:
        """Let the price follow a path until it is finished, then walk on from there."""
        course = self._course(market, now_ns)
        course.path, course.pinned = path, False

    def pin(self, market: Market, price: int, now_ns: int, *, hold: bool) -> None:
        """Put the price somewhere; with `hold` it stays there until moved or released, else it walks on."""
        course = self._course(market, now_ns)
        course.fair, course.pinned, course.path, course.last_ns = price, hold, None, now_ns

    def release(self, market: Market, now_ns: int) -> None:
        """Let a pinned price walk again."""
        self._course(market, now_ns).pinned = False

    def set_drift(self, market: Market, percent_per_minute: float, now_ns: int) -> None:
        """Give the walk a tendency."""
        self._course(market, now_ns).drift_per_s = percent_per_minute / 100 / 60

    def due(self, market: Market, now_ns: int) -> list[tuple[int, int | None]]:
        """Ticks of an instrument that are due now: usually none or one."""
        course = self._course(market, now_ns)
        if course.path is not None:
            return self._along(course, now_ns)
        if now_ns - course.last_ns < TICK_INTERVAL_NS:
            return []
        price = course.fair if course.pinned else self._walk(course, market, now_ns)
        course.last_ns = now_ns
        return [(market.clamp(price), None)]

    def _along(self, course: _Course, now_ns: int) -> list[tuple[int, int | None]]:
        assert course.path is not None
        ticks = course.path.due(now_ns)
        if ticks:
            course.fair, course.last_ns = ticks[-1][0], now_ns
        if course.path.finished:
            course.path = None
        return ticks

    def _walk(self, course: _Course, market: Market, now_ns: int) -> float:
        elapsed = min((now_ns - course.last_ns) / NANOS, _NAP_LIMIT_S)
        shock = self._rng.gauss(0.0, _VOLATILITY * elapsed**0.5)
        pull = (market.day.close - course.fair) / course.fair * _REVERSION_PER_S * elapsed
        if course.drift_per_s:
            pull = course.drift_per_s * elapsed
        course.fair *= 1 + shock + pull
        course.fair = min(max(course.fair, market.lower_circuit), market.upper_circuit)
        return course.fair

    def _course(self, market: Market, now_ns: int) -> _Course:
        token = market.instrument.token
        if token not in self._courses:
            self._courses[token] = _Course(fair=market.last, last_ns=now_ns)
        return self._courses[token]
