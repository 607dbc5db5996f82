"""How long things took since the last report: counted in fixed buckets, so that noting one costs next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil
from typing import Final

from algotrading.adapters.emf_meter import MOST_VALUES

_STEPS_BITS: Final = 4
_STEPS: Final = 1 << _STEPS_BITS
"""Buckets within each doubling: a duration is known to 6 %."""
_LONGEST_NS: Final = (1 << 36) - 1
"""68 s: anything longer counts as this long."""
_BUCKETS: Final = (36 - _STEPS_BITS + 1) * _STEPS


class Spread:
    """Durations by how long they were. Not for threads."""

    __slots__ = ("_counts", "_longest_ns")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._longest_ns = 0

    def add(self, seconds: float) -> None:
        """Note one duration; below zero counts as zero."""
        ns = min(_LONGEST_NS, max(0, int(seconds * 1e9)))
        self._counts[_bucket_of(ns)] += 1
        self._longest_ns = max(self._longest_ns, ns)

    def take(self) -> list[float]:
        """Milliseconds, shortest first, and begin anew. Up to `MOST_VALUES` durations are all there, each as the upper
        end of its bucket; of more, every hundredth part is told by its longest. The last is the longest, exactly."""
        ends = list(accumulate(self._counts))
        total = ends[-1]
        told = min(total, MOST_VALUES)
        values: list[float] = []
        bucket = 0
        for part in range(1, told + 1):
            rank = ceil(part * total / told)
            while ends[bucket] < rank:
                bucket += 1
            values.append(min(_upper_end_of(bucket), self._longest_ns) / 1e6)
        self._counts = [0] * _BUCKETS
        self._longest_ns = 0
        return values


def sample(values: Sequence[float]) -> list[float]:
    """At most `MOST_VALUES` of them, smallest first, that have the same percentiles: of more, every hundredth part is
    told by its largest. The last is the largest of all."""
    ranked = sorted(values)
    told = min(len(ranked), MOST_VALUES)
    return [ranked[ceil(part * len(ranked) / told) - 1] for part in range(1, told + 1)]


@dataclass(slots=True)
class Durations:
    """Everything since the last report. Written by the event loop only."""

    decisions: Spread = field(default_factory=Spread)
    """From a read of the socket to the end of its evaluation, of every `stop_guard.SAMPLED_READS`th read."""
    tick_lags: Spread = field(default_factory=Spread)
    """From the exchange's stamp, which is in whole seconds, to when the first price of that second was decided on."""
    loop_lags: Spread = field(default_factory=Spread)
    """How much later than it asked for the timekeeper was woken: what else the event loop was busy with."""
    gc_pauses: Spread = field(default_factory=Spread)
    """Garbage collections, each of which stops everything."""
    clock_offsets: Spread = field(default_factory=Spread)
    """Between our clock and another, whichever is ahead."""


def _bucket_of(ns: int) -> int:
    if ns < _STEPS:
        return ns
    shift = ns.bit_length() - _STEPS_BITS - 1
    return (shift << _STEPS_BITS) + (ns >> shift)


def _upper_end_of(bucket: int) -> int:
    if bucket < _STEPS:
        return bucket
    shift = (bucket >> _STEPS_BITS) - 1
    return ((bucket - (shift << _STEPS_BITS) + 1) << shift) - 1
