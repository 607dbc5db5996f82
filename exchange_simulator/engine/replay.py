"""Replaying minute candles from a CSV file as ticks, at any speed.

The file has the columns `timestamp,symbol,open,high,low,close,volume`. Its minutes follow each other without the
gaps between sessions; each takes 60 seconds divided by the speed. Inside a minute the price goes from the open
through both extremes to the close, the nearer extreme first, touching all four exactly.
"""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from exchange_simulator.clock import IST, NANOS
from exchange_simulator.engine.candles import Candle
from exchange_simulator.money import paise

_TICKS_PER_SECOND = 5
_FEWEST_TICKS = 8
_MOST_TICKS = 240


@dataclass(frozen=True, slots=True)
class ReplayFile:
    """Candles by symbol, each list in order of time, and every minute that occurs in the file."""

    candles: dict[str, list[Candle]]
    minutes: list[int]


def read_replay(path: Path) -> ReplayFile:
    """Read a plain or gzipped file; raises ValueError naming the line that is wrong."""
    opener = gzip.open if path.suffix == ".gz" else open
    candles: dict[str, list[Candle]] = {}
    with opener(path, "rt", encoding="utf-8", newline="") as source:
        for number, row in enumerate(csv.DictReader(source), start=2):
            try:
                candles.setdefault(row["symbol"].strip().upper(), []).append(_candle(row))
            except (KeyError, ValueError, AttributeError, TypeError) as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from error
    if not candles:
        raise ValueError(f"{path.name} holds no candles")
    for series in candles.values():
        series.sort(key=lambda candle: candle.start)
    minutes = sorted({candle.start for series in candles.values() for candle in series})
    return ReplayFile(candles, minutes)


def price_grid(candles: list[Candle]) -> int:
    """The coarsest of the usual ticks, in paise, on which every price lies."""
    prices = [value for candle in candles for value in (candle.open, candle.high, candle.low, candle.close)]
    return next(tick for tick in (10, 5, 1) if all(price % tick == 0 for price in prices))


class ReplayPath:
    """The ticks of one symbol."""

    def __init__(self, candles: list[Candle], minutes: list[int], start_ns: int, speed: float) -> None:
        self._minute_ns = int(60 * NANOS / speed)
        self._ticks_per_minute = min(max(int(_TICKS_PER_SECOND * 60 / speed), _FEWEST_TICKS), _MOST_TICKS)
        self._start_ns = start_ns
        self._upcoming = self._ticks(candles, {minute: place for place, minute in enumerate(minutes)})
        self._next = next(self._upcoming, None)

    @property
    def finished(self) -> bool:
        """Whether the file is played to its end."""
        return self._next is None

    def due(self, now_ns: int) -> list[tuple[int, int | None]]:
        """Ticks that have come due, oldest first."""
        ticks: list[tuple[int, int | None]] = []
        while self._next is not None and self._next[0] <= now_ns:
            ticks.append(self._next[1:])
            self._next = next(self._upcoming, None)
        return ticks

    def _ticks(self, candles: list[Candle], places: dict[int, int]) -> Iterator[tuple[int, int, int]]:
        for candle in candles:
            begin = self._start_ns + places[candle.start] * self._minute_ns
            path = tick_path(candle, self._ticks_per_minute)
            share = candle.volume // len(path)
            for step, price in enumerate(path):
                yield begin + self._minute_ns * step // len(path), price, share


def tick_path(candle: Candle, ticks: int) -> list[int]:
    """At least `ticks` prices from the open through both extremes to the close."""
    rising = candle.open - candle.low <= candle.high - candle.open
    turns = [candle.open, *((candle.low, candle.high) if rising else (candle.high, candle.low)), candle.close]
    steps = max(-(-ticks // 3), 1)
    path = [candle.open]
    for origin, target in pairwise(turns):
        path.extend(origin + (target - origin) * step // steps for step in range(1, steps))
        path.append(target)
    return path


def _candle(row: dict[str, str]) -> Candle:
    moment = datetime.fromisoformat(row["timestamp"].strip())
    moment = moment if moment.tzinfo else moment.replace(tzinfo=IST)
    prices = [paise(row[name]) for name in ("open", "high", "low", "close")]
    opening, high, low, close = prices
    start = int(moment.timestamp()) // 60 * 60
    candle = Candle(start, opening, high, low, close, int(float(row["volume"] or 0)))
    if not 0 < candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high:
        raise ValueError("prices are not low <= open, close <= high")
    return candle
