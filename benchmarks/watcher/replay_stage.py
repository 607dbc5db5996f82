"""A file's prices, and the tick path beside the plain reference, whatever brings the one to the other.

A file holds ticks (with the columns `timestamp,symbol,last_price`) or minute candles
(`timestamp,symbol,open,high,low,close,volume`), plain or gzipped; times without a zone are India's. A candle becomes
the four prices it names, the nearer extreme first, a quarter of a minute apart. Stops, targets and trailing ones on
either side wait around the market, and each that is reached is set anew, so that something is reached all the time.
"""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.watcher.reference import Reference
from exchange_simulator.clock import IST
from exchange_simulator.engine.candles import Candle
from exchange_simulator.engine.replay import read_replay
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_index import Fall, Rise, StopIndex, Threshold, TrailingFall, TrailingRise

STOPS = 400
"""Waiting on each instrument at any time."""
_NEAREST, _FARTHEST = 0.0001, 0.02
"""How far from the market a threshold is set, as a share of its price; as many between 1 and 2 as between 10 and 20."""


Sent = tuple[int, int]
"""An instrument's token, and its price in paise."""
_Decision = tuple[int, int, frozenset[int]]


class Tick(NamedTuple):
    """One price of a file."""

    at: float
    """Unix seconds."""
    symbol: str
    price: int
    """Paise."""


@dataclass
class Replayed:
    """What came of one file."""

    name: str
    instruments: int = 0
    ticks: int = 0
    reached: int = 0
    seconds: float = 0.0
    """Of the tick path and its index alone."""
    stamped: int = 0
    """Ticks that carried a time stamp of the exchange."""
    differences: list[str] = field(default_factory=list)


class Stage:
    """The tick path and the reference, side by side."""

    def __init__(self, random: Random, found: Replayed) -> None:
        self.random = random
        self._found = found
        self.table = MarketTable()
        self._index = StopIndex(self.table)
        self._reference = Reference()
        self._expected: list[_Decision] = []
        self._heard: list[_Decision] = []
        self._keys = count(1)
        self.table.on_event = self._hear

    def surround(self, token: int, price: int, stops: int) -> None:
        """Set that many thresholds around an instrument's first price."""
        for _ in range(stops):
            self.arm(next(self._keys), token, price)

    def arm(self, key: int, token: int, price: int) -> None:
        """Set some threshold that this price does not reach."""
        distance = max(1, int(price * _NEAREST * (_FARTHEST / _NEAREST) ** self.random.random()))
        kinds: tuple[Threshold, ...] = (
            Fall(price - distance),
            Rise(price + distance),
            TrailingFall(distance, price),
            TrailingRise(distance, price),
        )
        threshold = self.random.choice(kinds)
        self._index.arm(key, token, threshold)
        self._reference.arm(key, token, threshold)

    def expect(self, ticks: Sequence[Sent]) -> None:
        """These are on their way to the tick path: the reference decides about them."""
        decided = [(token, price, frozenset(self._reference.tick(token, price))) for token, price in ticks]
        self._expected = [decision for decision in decided if decision[2]]
        self._found.ticks += len(ticks)

    def take(self, frames: Sequence[bytes]) -> None:
        """One read of the socket."""
        begun = time.perf_counter()
        self.table.on_frames(frames)
        self._found.seconds += time.perf_counter() - begun

    def judge(self) -> None:
        """All that was expected has been taken: both must have decided the same."""
        # Within one read the order among instruments is free, within one instrument it is not.
        mine, right = (sorted(each, key=lambda decision: decision[0]) for each in (self._heard, self._expected))
        if mine != right:
            self._found.differences.append(f"after tick {self._found.ticks}: {mine} instead of {right}")
        expected, self._expected, self._heard = self._expected, [], []
        for token, price, keys in expected:
            self._found.reached += len(keys)
            for key in keys:
                self._index.disarm(key)
                self.arm(key, token, price)

    def _hear(self, slot: int, price: int) -> None:
        token = self.table.token_of(slot)
        keys = frozenset(self._index.advance(token, price))
        if keys:
            self._heard.append((token, price, keys))


def read_ticks(path: Path) -> list[Tick]:
    """In the order of the file. Raises ValueError for one that holds no prices, or what is none."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as source:
        rows = csv.DictReader(source)
        if "last_price" in (rows.fieldnames or ()):
            ticks = [
                Tick(_seconds(row["timestamp"]), row["symbol"], int(Decimal(row["last_price"]) * 100)) for row in rows
            ]
            if not ticks:
                raise ValueError("the file holds no prices")
            return ticks
    candles = read_replay(path).candles
    in_order = sorted((candle.start, symbol, candle) for symbol, series in candles.items() for candle in series)
    return [
        Tick(start + 15 * quarter, symbol, price)
        for start, symbol, candle in in_order
        for quarter, price in enumerate(_prices_of(candle))
    ]


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=IST)).timestamp()


def _prices_of(candle: Candle) -> tuple[int, int, int, int]:
    is_low_nearer = candle.open - candle.low <= candle.high - candle.open
    first, second = (candle.low, candle.high) if is_low_nearer else (candle.high, candle.low)
    return candle.open, first, second, candle.close
