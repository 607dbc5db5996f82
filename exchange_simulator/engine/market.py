"""The public state of one instrument: last price, day statistics, circuit limits, and the house's quotes."""

import random
from dataclasses import dataclass

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.matching import Depth, Fill, Level, OrderBook
from exchange_simulator.money import round_to_tick

DEPTH_LEVELS = 5
_LEVEL_NOTIONAL = 100_000_000
"""Default value quoted per house level, in paise (ten lakh rupees)."""


@dataclass(slots=True)
class DayStatistics:
    """What a quote shows about today, in paise and units."""

    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0

    @property
    def average(self) -> int:
        """Volume-weighted average price of the day."""
        return self.turnover // self.volume if self.volume else self.open


class Market:
    """One instrument's order book and tape."""

    def __init__(self, instrument: Instrument, rng: random.Random, now_ns: int) -> None:
        self.instrument = instrument
        self.book = OrderBook()
        self.last = instrument.reference
        self.last_quantity = 0
        self.last_trade_ns = now_ns
        self.tick_ns = now_ns
        self.ticks = 0
        self.depth_quantity: int | None = None
        self.open_interest = 0 if instrument.exchange != "NFO" else 40_000 * instrument.lot
        self._rng = rng
        self.start_day(instrument.reference)
        self._refresh_house()

    def start_day(self, previous_close: int) -> None:
        """Begin a day from the previous close: statistics and circuit limits start over."""
        tick = self.instrument.tick
        band = previous_close * self.instrument.band_percent // 100
        self.day = DayStatistics(self.last, self.last, self.last, previous_close)
        self.lower_circuit = max(tick, round_to_tick(previous_close - band, tick))
        self.upper_circuit = round_to_tick(previous_close + band, tick)

    def clamp(self, price: float) -> int:
        """The tick nearest to a price, inside the circuit limits."""
        on_tick = round_to_tick(price, self.instrument.tick)
        return min(max(on_tick, self.lower_circuit), self.upper_circuit)

    def move(self, price: int, now_ns: int, volume: int | None = None) -> list[Fill]:
        """The rest of the market trades at `price` and quotes around it; returns the users' fills that this causes."""
        quantity = volume if volume is not None else self._rng.randint(1, 20) * self.instrument.lot
        self.tick_ns = now_ns
        self.ticks += 1
        self.record_trade(price, quantity, now_ns)
        return self._refresh_house()

    def requote(self, quantity_per_level: int | None) -> list[Fill]:
        """Fix the quantity of every house level (None: natural sizes again) and quote anew at the same price."""
        self.depth_quantity = quantity_per_level
        return self._refresh_house()

    def record_trade(self, price: int, quantity: int, now_ns: int) -> None:
        """Print a trade on the tape."""
        self.last, self.last_quantity, self.last_trade_ns = price, quantity, now_ns
        self.day.high = max(self.day.high, price)
        self.day.low = min(self.day.low, price)
        self.day.volume += quantity
        self.day.turnover += quantity * price

    def _refresh_house(self) -> list[Fill]:
        if self.instrument.is_index:
            return []
        tick = self.instrument.tick
        depth = Depth()
        for step in range(1, DEPTH_LEVELS + 1):
            bid, ask = self.last - step * tick, self.last + step * tick
            if bid >= self.lower_circuit:
                depth.buy.append(Level(bid, self._level_quantity(step), 1 + step))
            if ask <= self.upper_circuit:
                depth.sell.append(Level(ask, self._level_quantity(step), 1 + step))
        return self.book.refresh_house(depth)

    def _level_quantity(self, step: int) -> int:
        if self.depth_quantity is not None:
            return self.depth_quantity
        lot = self.instrument.lot
        natural = _LEVEL_NOTIONAL / self.last * (0.6 + 0.2 * step) * self._rng.uniform(0.7, 1.3)
        return max(1, round(natural / lot)) * lot
