"""Decode and evaluate ticks: the watcher's tick path beside the official ticker's parser.

In process, without a socket: frames per call as the feed sends them. The official parser only makes
dictionaries; the watcher's figure includes keeping the last prices and testing every stop.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from struct import pack
from uuid import UUID

from kiteconnect import KiteTicker

from algotrading.contracts.messages import StopChange
from benchmarks.figures import Figure, Progress
from fargate_listener.counters import Counters
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import Hit, StopGuard

INSTRUMENTS = 3_000
STOPS = (1_000, 100_000)
PACKETS = (1, 5, 30, 3_000)
ROUND_SECONDS = 0.15
_KINDS = {"ltp": 8, "full": 184}


def measure(progress: Progress, *, rounds: int) -> list[Figure]:
    """Ticks per second, for several numbers of stops and sizes of frames."""
    tokens = [(number << 8) | 1 for number in range(1, INSTRUMENTS + 1)]
    guards = [make_guard(tokens, stops) for stops in STOPS]
    figures = []
    for kind in _KINDS:
        progress(f"{kind} packets")
        for packets in PACKETS:
            figures += measure_frames(kind, packets, tokens=tokens, guards=guards, rounds=rounds)
    return figures


def make_guard(tokens: list[int], stops: int) -> StopGuard:
    """A guard with that many stops, all below the prices of the frames."""

    def refuse(hits: Sequence[Hit]) -> None:
        raise AssertionError(f"the benchmark's prices hit no stop, but {hits[0]}")

    guard = StopGuard(table=MarketTable(), report=refuse, counters=Counters())
    for token in tokens:
        guard.watch(token)
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


def measure_frames(kind: str, packets: int, *, tokens: list[int], guards: list[StopGuard], rounds: int) -> list[Figure]:
    """The same frames through every engine, turn by turn, so that the machine's moods hit all alike."""
    dice = random.Random(7)
    frames = [make_frame(dice, _KINDS[kind], packets, tokens) for _ in range(max(2, 600 // packets))]
    official = KiteTicker("key", "token")

    def evaluate(guard: StopGuard) -> Callable[[bytes], None]:
        def run(frame: bytes) -> None:
            guard.on_frames([frame], 0.0)

        return run

    engines: list[Callable[[bytes], object]] = [official._parse_binary, *(evaluate(guard) for guard in guards)]
    speeds: list[list[float]] = [[] for _ in engines]
    for _ in range(rounds):
        for engine, measured in zip(engines, speeds, strict=True):
            measured.append(packets * frames_per_second(engine, frames))
    official_speed, *ours = [round(statistics.median(measured)) for measured in speeds]
    return [
        Figure(
            benchmark="watcher",
            name=f"{packets} {kind} a frame, {stops:,} stops",
            unit="ticks/s",
            values={"median": speed},
            count=rounds,
            peers={"the official ticker's parser, without stops": {"median": official_speed}},
        )
        for stops, speed in zip(STOPS, ours, strict=True)
    ]


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
