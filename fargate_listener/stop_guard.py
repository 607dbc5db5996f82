"""Armed stops against the stream of prices: when a stop is hit, and when to say so again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from algotrading.contracts.messages import StopChange
from fargate_listener.counters import Counters
from fargate_listener.frames import to_wire_stop
from fargate_listener.prices import PriceBook
from fargate_listener.stop_index import StopIndex

HIGHEST_PRICE = 2**31 - 1
"""Wire prices are signed 32-bit at the broker: anything above is a negative number or garbage."""
REPEAT_SECONDS = 5.0
"""A stop that stays armed below its price is reported again this often: whoever failed is asked again."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A price reached an armed stop."""

    stop: StopChange
    wire_price: int
    number: int
    """1 for the first hit of this strategy and day, then 2, 3 ...: makes the message's identity."""
    received: float
    """Monotonic instant at which the tick's frame was received."""


@dataclass(slots=True)
class _Guarded:
    change: StopChange
    wire_stop: int


@dataclass(slots=True)
class _HitCounts:
    """How often each strategy was reported on the newest trading day. Outlives disarming: the queue
    drops a repeated identity for five minutes, and a re-armed stop must get through."""

    day: date = date.min
    numbers: dict[UUID, int] = field(default_factory=dict)

    def next(self, strategy_id: UUID, day: date) -> int:
        if day > self.day:
            self.day, self.numbers = day, {}
        number = self.numbers.get(strategy_id, 0) + 1
        self.numbers[strategy_id] = number
        return number


class StopGuard:
    """Level test on every tick: `price <= stop_loss` of an armed strategy is a hit, handed to `report`.

    A hit stop leaves the index, so a falling market costs one hit per strategy and not one per tick; it
    returns after `REPEAT_SECONDS` for as long as the strategy is armed. Nothing here blocks or raises
    for what the feed sends.
    """

    def __init__(self, *, prices: PriceBook, report: Callable[[Hit], None], counters: Counters) -> None:
        self._index = StopIndex()
        self._prices = prices
        self._report = report
        self._counters = counters
        self._guarded: dict[UUID, _Guarded] = {}
        self._resting: dict[UUID, float] = {}
        """Hit strategies, and when they return to the index. In order of return: the rest is constant."""
        self._hit_counts = _HitCounts()

    @property
    def armed(self) -> int:
        """Strategies guarded now, hit or not."""
        return len(self._guarded)

    @property
    def armed_strategies(self) -> frozenset[UUID]:
        """Those strategies."""
        return frozenset(self._guarded)

    @property
    def armed_tokens(self) -> set[int]:
        """Instruments whose ticks somebody's stop depends on."""
        return {guarded.change.instrument_token for guarded in self._guarded.values()}

    def arm(self, change: StopChange, now: float) -> None:
        """Guard a strategy from now on, also against the price already known. Saying the same again
        changes nothing; another stop, instrument or day starts afresh."""
        token = change.instrument_token
        guarded = _Guarded(change, to_wire_stop(token, change.stop_loss))
        if self._guarded.get(change.strategy_id) == guarded:
            return
        self._guarded[change.strategy_id] = guarded
        self._resting.pop(change.strategy_id, None)
        self._watch(guarded, now)

    def disarm(self, strategy_id: UUID) -> None:
        """Guard a strategy no longer."""
        self._guarded.pop(strategy_id, None)
        self._resting.pop(strategy_id, None)
        self._index.disarm(strategy_id)

    def forget_prices(self, tokens: Sequence[int] | None = None) -> None:
        """Known prices of `tokens` (all by default) may be old: only a new tick says where the market stands."""
        self._prices.forget(tokens)

    def on_ticks(self, tokens: Sequence[int], prices: Sequence[int], received: float) -> None:
        """Evaluate the ticks of one frame, received at this monotonic instant."""
        if min(prices) <= 0 or max(prices) > HIGHEST_PRICE:
            tokens, prices = self._possible(tokens, prices)
        self._counters.ticks += len(tokens)
        self._prices.record(tokens, prices)
        nearest = self._index.nearest
        for token, price in zip(tokens, prices, strict=True):
            if price <= nearest.get(token, 0):
                self._hit(token, price, received)

    def repeat(self, now: float) -> None:
        """Return rested strategies to the index, and report those still below their stop."""
        while self._resting:
            strategy_id, until = next(iter(self._resting.items()))
            if until > now:
                return
            del self._resting[strategy_id]
            self._watch(self._guarded[strategy_id], now)

    def _watch(self, guarded: _Guarded, now: float) -> None:
        token = guarded.change.instrument_token
        self._index.arm(guarded.change.strategy_id, token, guarded.wire_stop)
        price = self._prices.latest(token)
        if price is not None and price <= guarded.wire_stop:
            self._hit(token, price, now)

    def _hit(self, token: int, price: int, received: float) -> None:
        for strategy_id in self._index.take(token, price):
            change = self._guarded[strategy_id].change
            self._resting[strategy_id] = received + REPEAT_SECONDS
            self._counters.hits += 1
            number = self._hit_counts.next(strategy_id, change.trading_day)
            self._report(Hit(change, price, number, received))

    def _possible(self, tokens: Sequence[int], prices: Sequence[int]) -> tuple[list[int], list[int]]:
        possible = [(t, p) for t, p in zip(tokens, prices, strict=True) if 0 < p <= HIGHEST_PRICE]
        self._counters.invalid_ticks += len(tokens) - len(possible)
        return [token for token, _ in possible], [price for _, price in possible]
