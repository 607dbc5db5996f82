"""Real prices through the watcher's tick path, every decision held against the plain reference, tick for tick.

`python -m benchmarks.watcher.replay FILE...` (`make replay-ticks TICKS=FILE`). A file holds ticks (with the columns
`timestamp,symbol,last_price`) or minute candles (`timestamp,symbol,open,high,low,close,volume`), plain or gzipped; a
candle becomes the four prices it names, the nearer extreme first. They are packed as the broker's feed packs them: one
to six instruments a frame, ltp, quote and full, several frames a read. Stops, targets and trailing ones on either side
wait around the market, and each that is reached is set anew, so that something is reached all the time.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from random import Random
from struct import pack

from benchmarks.watcher.reference import Reference
from exchange_simulator.engine.candles import Candle
from exchange_simulator.engine.replay import read_replay
from exchange_simulator.wire.frames import frame
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_index import Fall, Rise, StopIndex, Threshold, TrailingFall, TrailingRise

STOPS = 400
"""Waiting on each instrument at any time."""
_KINDS = (8, 44, 184)
_NEAREST, _FARTHEST = 0.0001, 0.02
"""How far from the market a threshold is set, as a share of its price; as many between 1 and 2 as between 10 and 20."""


@dataclass
class Replayed:
    """What came of one file."""

    name: str
    instruments: int = 0
    ticks: int = 0
    reached: int = 0
    seconds: float = 0.0
    """Of the tick path and its index alone."""
    differences: list[str] = field(default_factory=list)


def replay(path: Path, *, stops: int = STOPS, seed: int = 1) -> Replayed:
    """Send every price of the file through both. Raises ValueError for a file that holds no prices."""
    ticks = list(_read(path))
    tokens = {symbol: (number << 8) | 1 for number, symbol in enumerate(dict(ticks), start=1)}
    found = Replayed(path.name, instruments=len(tokens))
    stage = _Stage(Random(seed), found)
    for symbol, price in dict(reversed(ticks)).items():
        for _ in range(stops):
            stage.arm(stage.new_key(), tokens[symbol], price)
    waiting = iter(ticks)
    while read := list(islice(waiting, stage.random.randint(1, 24))):
        stage.read([(tokens[symbol], price) for symbol, price in read])
    return found


class _Stage:
    """The tick path and the reference, side by side."""

    def __init__(self, random: Random, found: Replayed) -> None:
        self.random = random
        self._found = found
        self._table = MarketTable()
        self._index = StopIndex(self._table)
        self._reference = Reference()
        self._heard: list[tuple[int, int, frozenset[int]]] = []
        self._keys = 0
        self._table.on_event = self._hear

    def new_key(self) -> int:
        self._keys += 1
        return self._keys

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

    def read(self, ticks: list[tuple[int, int]]) -> None:
        """One read of the socket."""
        expected = [(token, price, frozenset(self._reference.tick(token, price))) for token, price in ticks]
        frames = list(self._pack(ticks))
        self._heard.clear()
        begun = time.perf_counter()
        self._table.on_frames(frames)
        self._found.seconds += time.perf_counter() - begun
        self._found.ticks += len(ticks)
        self._compare([each for each in expected if each[2]])

    def _pack(self, ticks: list[tuple[int, int]]) -> Iterator[bytes]:
        begin = 0
        while begin < len(ticks):
            end = begin + self.random.randint(1, 6)
            yield frame(_packet(*tick, self.random.choice(_KINDS)) for tick in ticks[begin:end])
            begin = end

    def _hear(self, slot: int, price: int) -> None:
        token = self._table.token_of(slot)
        keys = frozenset(self._index.advance(token, price))
        if keys:
            self._heard.append((token, price, keys))

    def _compare(self, expected: list[tuple[int, int, frozenset[int]]]) -> None:
        # Within one read the order among instruments is free, within one instrument it is not.
        mine, right = (sorted(each, key=lambda decision: decision[0]) for each in (self._heard, expected))
        if mine != right:
            self._found.differences.append(f"after tick {self._found.ticks}: {mine} instead of {right}")
        for token, price, keys in expected:
            self._found.reached += len(keys)
            for key in keys:
                self._index.disarm(key)
                self.arm(key, token, price)


def _packet(token: int, price: int, length: int) -> bytes:
    """Of that kind, without a time stamp: the prices are years old, and would be taken for stale."""
    return pack(">II", token, price) + bytes(length - 8)


def _read(path: Path) -> Iterator[tuple[str, int]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as source:
        rows = csv.DictReader(source)
        if "last_price" in (rows.fieldnames or ()):
            for row in rows:
                yield row["symbol"], int(Decimal(row["last_price"]) * 100)
            return
    candles = read_replay(path).candles
    in_order = sorted((candle.start, symbol, candle) for symbol, series in candles.items() for candle in series)
    for _, symbol, candle in in_order:
        for price in _prices_of(candle):
            yield symbol, price


def _prices_of(candle: Candle) -> tuple[int, int, int, int]:
    is_low_nearer = candle.open - candle.low <= candle.high - candle.open
    first, second = (candle.low, candle.high) if is_low_nearer else (candle.high, candle.low)
    return candle.open, first, second, candle.close


def main() -> int:
    """The exit code: 0 where every decision agrees, 1 where one does not, 2 for a file that is not there or wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher.replay", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    code = 0
    for path in options.files:
        try:
            found = replay(path, seed=options.seed)
        except (OSError, ValueError) as fault:
            sys.stderr.write(f"{path}: {fault}\n")
            return 2
        sys.stdout.write(
            f"{found.name}: {found.ticks:,} ticks of {found.instruments} instruments, {found.reached:,} thresholds "
            f"reached, {len(found.differences)} reads decided otherwise than the reference; "
            f"{found.seconds:.2f} s in the tick path\n"
        )
        for difference in found.differences[:5]:
            sys.stdout.write(f"  {difference}\n")
        code = 1 if found.differences else code
    return code


if __name__ == "__main__":
    sys.exit(main())
