"""The truth of a run: what every instrument costs, and which stops its price has reached when."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from algotrading.contracts.messages import StopChange

INSTRUMENTS: Final = 150
STOPS_EACH: Final = 12
SENTINEL: Final = (9_999 << 8) | 9
"""An index, whose packets carry the exchange's time."""
_DAY: Final = date(2026, 3, 2)
_FALL: Final = 0.10
"""Over the run every price falls by a tenth, and all stops lie on its way: from its first seconds on, so that those of
the first scenario stand as long as the others'."""
WAVER_SECONDS: Final = 0.6
"""For so long a price that falls to a stop may be above it and below it in turn. Fresh noise that is not small against
the fall would leave no price at a stop for long, and hide it from whoever judges how long nobody saw it."""
LASTING_SECONDS: Final = 1.0
"""A price that stood at a stop for this long stays there: the fall has passed the noise."""
_SECONDS: Final = 300.0
_MOVING: Final = 0.2
"""Of the instruments at each step."""
LIMIT: Final = 0.2
"""Circuit limits, above and below the first price."""
_LASTS: Final = float("inf")
_REMEMBERED: Final = 1_000
"""Steps that `prices_at` knows."""


@dataclass(slots=True)
class Crossing:
    """A stop, from its first true price at or below it on."""

    stop: int
    level: int
    scenario: str
    stretches: list[tuple[float, float]]
    """When the price stood there: from, and to (monotonic seconds; infinity while it lasts)."""

    @property
    def at(self) -> float:
        """The first moment."""
        return self.stretches[0][0]

    @property
    def lasting_at(self) -> float:
        """The moment from which the price stayed there (for LASTING_SECONDS at least); infinity when it never did."""
        return next((begun for begun, ended in self.stretches if ended - begun >= LASTING_SECONDS), _LASTS)

    def trade(self, price: int, now: float) -> None:
        """The instrument traded again."""
        begun, ended = self.stretches[-1]
        if price > self.level and ended == _LASTS:
            self.stretches[-1] = begun, now
        elif price <= self.level and ended != _LASTS:
            self.stretches.append((now, _LASTS))


class Market:
    """Falling prices, all from one seed. Wire units: paise."""

    def __init__(self, seed: int, *, seconds: float = _SECONDS) -> None:
        """`seconds`: how long the whole fall takes."""
        self._noise: Final = _FALL * WAVER_SECONDS / seconds / 2
        self._dice = Random(f"market {seed}")
        self.tokens: Final = [(number << 8) | 1 for number in range(1, INSTRUMENTS + 1)]
        self.first: Final = {token: self._dice.randrange(100_000, 300_000) for token in self.tokens}
        self.prices: Final = dict(self.first)
        self.crossed: Final[dict[int, Crossing]] = {}
        self._levels: dict[int, list[tuple[int, int]]] = {}
        self._below: dict[int, list[Crossing]] = {token: [] for token in self.tokens}
        self._past: deque[tuple[float, dict[int, int]]] = deque(maxlen=_REMEMBERED)
        for place, token in enumerate(self.tokens):
            self._levels[token] = sorted(
                (
                    int(self.first[token] * self._dice.uniform(1 - 0.95 * _FALL, 1 - 0.01 * _FALL)),
                    place + INSTRUMENTS * n,
                )
                for n in range(STOPS_EACH)
            )

    @property
    def stops(self) -> int:
        """Of all instruments."""
        return INSTRUMENTS * STOPS_EACH

    def changes(self) -> Iterator[StopChange]:
        """What arms every stop; its number is its strategy's."""
        for token, levels in self._levels.items():
            for level, stop in levels:
                yield StopChange(
                    strategy_id=UUID(int=stop + 1),
                    user_id=UUID(int=1),
                    exchange="NSE",
                    symbol=f"S{token >> 8}",
                    instrument_token=token,
                    watched=True,
                    armed=True,
                    stop_loss=Decimal(level).scaleb(-2),
                    trading_day=_DAY,
                    quantity=1,
                )

    def limits(self, token: int) -> tuple[int, int]:
        """The circuit limits."""
        return int(self.first[token] * (1 - LIMIT)), int(self.first[token] * (1 + LIMIT))

    def step(self, done: float, now: float, scenario: str) -> list[int]:
        """Time goes on: `done` of the run is over. The instruments that traded; their stops are looked at."""
        moved = [token for token in self.tokens if self._dice.random() < _MOVING]
        if done >= 1:
            moved = list(self.tokens)
        for token in moved:
            fall = 1 - _FALL * min(1.0, done)
            noise = 0.0 if done >= 1 else self._dice.uniform(-self._noise, self._noise)
            self._trade(token, int(self.first[token] * (fall + noise)), now, scenario)
        self._past.append((now, {token: self.prices[token] for token in moved}))
        return moved

    def moves_before(self, moment: float, count: int) -> Sequence[dict[int, int]]:
        """What was traded at the last `count` steps up to that monotonic instant, for a feed that is late."""
        at = bisect_left(self._past, moment, key=lambda step: step[0])
        return [self._past[number][1] for number in range(max(0, at - count), at)]

    def _trade(self, token: int, price: int, now: float, scenario: str) -> None:
        self.prices[token] = price
        levels = self._levels[token]
        at = bisect_left(levels, (price, -1))
        for crossing in self._below[token]:
            crossing.trade(price, now)
        for level, stop in levels[at:]:
            crossing = Crossing(stop, level, scenario, [(now, _LASTS)])
            self.crossed[stop] = crossing
            self._below[token].append(crossing)
        del levels[at:]
