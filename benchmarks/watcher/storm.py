"""All stops hit by one frame: how long it takes to decide, to make the messages, and to hand them to SQS.

The queue is the emulator that the twin runs on, over HTTP with the product's client: ten messages a request, by the
product's threads. It is one Python process on this machine, which shares its cores; SQS takes as many requests at once
as come.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import boto3
from botocore.config import Config

from algotrading.adapters.clock import SystemClock
from benchmarks.watcher.memory_queue import MemoryQueue
from benchmarks.watcher.ours import change_of
from benchmarks.watcher.task import HIGHEST_STOP, frame, packet, tokens
from fargate_listener.counters import Counters
from fargate_listener.hit_queue import LARGEST_BATCH, HitQueue, SqsHitQueue
from fargate_listener.hit_sender import SENDERS, HitSender
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import Watchlist
from twin.aws import AwsAccess, start_emulator
from twin.processes import StateFolder

HITS = 10_000
_PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Storm:
    """Medians, milliseconds from the frame on."""

    hits: int
    rounds: int
    decided_ms: float
    made_ms: float
    """Until the last message was made, as text, and a queue in memory had it."""
    handed_ms: float
    """Until the emulated SQS had acknowledged the last one: what its answers take is in it. Of one round."""

    @property
    def requests_per_second(self) -> float:
        """That the emulator took: its own speed, where it is the slowest part."""
        return 1000 * self.hits / LARGEST_BATCH / self.handed_ms


def measure_storm(*, rounds: int, hits: int = HITS) -> Storm:
    """`hits` stops over 3,000 instruments, and one frame that reaches every one of them."""
    in_memory = [_once(MemoryQueue, hits) for _ in range(rounds)]
    with _emulated_sqs() as aws:
        _, handed_ms = _once(lambda: _open_queue(aws), hits)
    return Storm(
        hits=hits,
        rounds=rounds,
        decided_ms=statistics.median(decided for decided, _ in in_memory),
        made_ms=statistics.median(handed for _, handed in in_memory),
        handed_ms=handed_ms,
    )


def _once(open_queue: Callable[[], HitQueue], hits: int) -> tuple[float, float]:
    """Milliseconds until all is decided, and until the queue has everything."""
    names = tokens()
    crash = frame([packet("ltp", token, 1) for token in names])
    sender = HitSender(open_queue=open_queue, clock=SystemClock(), monotonic=time.monotonic)
    reported: list[float] = []

    def report(found: Sequence[Hit]) -> None:
        reported.append(time.perf_counter())
        sender.put(found)

    guard = StopGuard(table=MarketTable(), report=report, counters=Counters())
    watchlist = Watchlist(guard, time.monotonic)
    for number in range(hits):
        watchlist.apply(change_of(number, names, 1 + number % HIGHEST_STOP))
    sender.start()
    patience = time.monotonic() + _PATIENCE
    while sender.trouble is not None:  # the queue is reached before a storm begins, as in the product
        assert time.monotonic() < patience, sender.trouble
        time.sleep(0.05)
    began = time.perf_counter()
    guard.on_frames([crash], time.monotonic())
    assert sender.flush(_PATIENCE), "the queue takes everything"
    handed = 1000 * (time.perf_counter() - began)
    sender.stop()
    return 1000 * (reported[0] - began), handed


@contextmanager
def _emulated_sqs() -> Iterator[AwsAccess]:
    with TemporaryDirectory() as folder, asyncio.Runner() as runner:
        state = StateFolder(Path(folder))
        state.logs.mkdir(parents=True)
        emulator, aws = runner.run(start_emulator(state, "000000000000", "ap-south-1"))
        try:
            yield aws
        finally:
            runner.run(emulator.stop())


def _open_queue(aws: AwsAccess) -> SqsHitQueue:
    """A queue of its own: in another's five minutes of deduplication nothing would be taken twice."""
    once = Config(max_pool_connections=SENDERS, retries={"total_max_attempts": 1})
    client = boto3.client("sqs", **aws.client_options() | {"config": once})
    made = client.create_queue(QueueName=f"{uuid4().hex}.fifo", Attributes={"FifoQueue": "true"})
    return SqsHitQueue(client, made["QueueUrl"])
