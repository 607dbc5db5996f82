"""All stops hit by one frame: how long it takes to decide, and to hand the hits over."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from algotrading.adapters.clock import SystemClock
from algotrading.contracts.messages import OrderCommand
from benchmarks.watcher.ours import change_of
from benchmarks.watcher.task import HIGHEST_STOP, frame, packet, tokens
from fargate_listener.counters import Counters
from fargate_listener.hit_sender import HitSender
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import Watchlist

_HITS = 10_000
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Storm:
    """Medians, milliseconds from the frame on."""

    hits: int
    rounds: int
    decided_ms: float
    handed_ms: float
    """Until a queue in memory had the last message: what SQS takes comes on top of it."""


class _Taken:
    """A queue that takes everything at once."""

    def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        """See hit_queue.HitQueue. Made into text, as for SQS."""
        for command in commands:
            command.model_dump_json()
        return ()

    def probe(self) -> None:
        """Always there."""


def measure_storm(*, rounds: int) -> Storm:
    """10,000 stops over 3,000 instruments, and one frame that reaches every one of them."""
    names = tokens()
    crash = frame([packet("ltp", token, 1) for token in names])
    decided, handed = [], []
    for _ in range(rounds):
        queue = _Taken()
        sender = HitSender(open_queue=lambda queue=queue: queue, clock=SystemClock(), monotonic=time.monotonic)  # type: ignore[misc]
        reported: list[float] = []

        def report(hits: Sequence[Hit], sender: HitSender = sender, reported: list[float] = reported) -> None:
            reported.append(time.perf_counter())
            sender.put(hits)

        guard = StopGuard(table=MarketTable(), report=report, counters=Counters())
        watchlist = Watchlist(guard, time.monotonic)
        for number in range(_HITS):
            watchlist.apply(change_of(number, names, 1 + number % HIGHEST_STOP))
        sender.start()
        time.sleep(0.2)
        began = time.perf_counter()
        guard.on_frames([crash], time.monotonic())
        assert sender.flush(_PATIENCE), "the queue takes everything"
        handed.append(1000 * (time.perf_counter() - began))
        decided.append(1000 * (reported[0] - began))
        sender.stop()
    return Storm(_HITS, rounds, statistics.median(decided), statistics.median(handed))
