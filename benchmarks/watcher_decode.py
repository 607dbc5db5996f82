"""Decode and evaluate ticks: the watcher's tick path beside the official ticker's parser, in one run.

    python -m benchmarks.watcher_decode

In process, without a socket: frames per call as the feed sends them. The official parser only makes
dictionaries; the watcher's figure includes keeping the last prices and testing every stop.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from struct import pack
from uuid import UUID

from kiteconnect import KiteTicker

from algotrading.contracts.messages import StopChange
from fargate_listener.counters import Counters
from fargate_listener.frames import decode
from fargate_listener.prices import PriceBook
from fargate_listener.stop_guard import Hit, StopGuard

INSTRUMENTS = 3_000
STOPS = (1_000, 10_000, 100_000)
ROUNDS = 5
ROUND_SECONDS = 0.15
_KINDS = {"ltp": 8, "full": 184}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, ticks per second."""

    kind: str
    packets: int
    official: float
    watcher: tuple[float, ...]


def main() -> None:
    """Measure and print."""
    tokens = [(number << 8) | 1 for number in range(1, INSTRUMENTS + 1)]
    guards = [make_guard(tokens, stops) for stops in STOPS]
    print(f"ticks per second, median of {ROUNDS} rounds, {INSTRUMENTS} instruments\n")
    heads = "".join(f"{f'{stops:,} stops':>16}" for stops in STOPS)
    print(f"{'packets':<14}{'official parser':>16}{heads}{'ratio':>10}")
    for kind, length in _KINDS.items():
        for packets in (1, 5, 30, 3_000):
            row = measure(kind, length, packets, tokens, guards)
            ours = "".join(f"{speed:>16,.0f}" for speed in row.watcher)
            name = f"{row.packets} {row.kind}"
            print(f"{name:<14}{row.official:>16,.0f}{ours}{statistics.median(row.watcher) / row.official:>9.1f}x")


def make_guard(tokens: list[int], stops: int) -> StopGuard:
    """A guard with that many stops, all below the prices of the frames."""

    def refuse(hit: Hit) -> None:
        raise AssertionError(f"the benchmark's prices hit no stop, but {hit}")

    guard = StopGuard(prices=PriceBook(), report=refuse, counters=Counters())
    for number in range(stops):
        guard.arm(
            StopChange(
                strategy_id=UUID(int=number),
                user_id=UUID(int=0),
                exchange="NSE",
                symbol="BENCH",
                instrument_token=tokens[number % len(tokens)],
                watched=True,
                armed=True,
                stop_loss=Decimal(100 + number % 800),
                trading_day=date(2026, 3, 2),
            ),
            0.0,
        )
    return guard


def measure(kind: str, length: int, packets: int, tokens: list[int], guards: list[StopGuard]) -> Row:
    """The same frames through every engine, turn by turn, so that the machine's moods hit all alike."""
    dice = random.Random(7)
    frames = [make_frame(dice, length, packets, tokens) for _ in range(max(2, 600 // packets))]
    official = KiteTicker("key", "token")

    def evaluate(guard: StopGuard) -> Callable[[bytes], None]:
        def run(frame: bytes) -> None:
            ticked, prices, _ = decode(frame)
            guard.on_ticks(ticked, prices, 0.0)

        return run

    engines: list[Callable[[bytes], object]] = [official._parse_binary, *(evaluate(guard) for guard in guards)]
    speeds: list[list[float]] = [[] for _ in engines]
    for _ in range(ROUNDS):
        for engine, measured in zip(engines, speeds, strict=True):
            measured.append(packets * frames_per_second(engine, frames))
    official_speed, *ours = [statistics.median(measured) for measured in speeds]
    return Row(kind, packets, official_speed, tuple(ours))


def make_frame(dice: random.Random, length: int, packets: int, tokens: list[int]) -> bytes:
    """A frame of random instruments at random prices above every stop."""
    parts = (
        pack(">HII", length, token, dice.randrange(100_000, 200_000)) + bytes(length - 8)
        for token in dice.sample(tokens, packets)
    )
    return pack(">H", packets) + b"".join(parts)


def frames_per_second(engine: Callable[[bytes], object], frames: list[bytes]) -> float:
    """How many frames the engine takes in a second."""
    taken = 0
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < ROUND_SECONDS:
        for frame in frames:
            engine(frame)
        taken += len(frames)
    return taken / spent


if __name__ == "__main__":
    main()
