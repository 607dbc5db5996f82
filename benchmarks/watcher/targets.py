"""What the watcher is to reach, and how its runs stand beside the official ticker's of the same task.

Nothing is asserted: `met` and `missed` are what the figures of one run say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.watcher.found import Found
from benchmarks.watcher.runs import OURS
from benchmarks.watcher.storm import Storm
from benchmarks.watcher.task import Task

Row = tuple[str, Task, Found]
"""Who, what, and what came of it."""
OFFICIAL = "official"
MOST_COST = 1.2
"""A tick at 100,000 stops, times one at 1,000."""
_DECIDED_MS, _HANDED_MS = 20.0, 2_000.0


@dataclass(frozen=True, slots=True)
class Target:
    """`words` say what is wanted; `value` is the figure, None where the official ticker was not measured."""

    words: str
    is_met: Callable[[float], bool]
    value: Callable[[Found, float | None], float | None]

    def verdict(self, found: Found, times: float | None) -> str:
        """With `met`, `missed` or `not measured`."""
        value = self.value(found, times)
        return f"{self.words}: {'not measured' if value is None else met(is_met=self.is_met(value))}"


def _rate(least: int) -> Target:
    return Target(f"{least:,} ticks/s", lambda value: value >= least, lambda found, _: found.rate)


def _times(least: float, words: str = "{} times") -> Target:
    return Target(words.format(f"{least:g}"), lambda value: value >= least, lambda _, times: times)


def _age(name: str, below: int) -> Target:
    return Target(f"{name} < {below:,} us", lambda value: value < below, lambda found, _: found.ages.get(name))


_FLOODS = {
    ("ltp", 1, "no"): (_rate(1_200_000),),
    ("ltp", 5, "no"): (_rate(5_000_000), _times(40)),
    ("full", 5, "no"): (_rate(2_000_000), _times(50)),
    ("ltp", 5, "full"): (_rate(5_000_000), _times(40)),
    ("ltp", 5, "frame"): (_rate(600_000),),
}
"""At 100,000 stops, by kind, packets a frame and TLS."""
_PACED = {50_000: (_times(5, "p99 {} times lower"), _age("p99", 100), _age("p99.99", 5_000))}
"""Ticks a second. `times` is how many times lower the p99 is."""


def targets_of(engine: str, task: Task) -> tuple[Target, ...]:
    """Those of the run, if it has any."""
    if engine != OURS or task.stops != Task().stops:
        return ()
    return _PACED.get(task.pace, ()) if task.pace else _FLOODS.get((task.kind, task.packets, task.tls), ())


def times_official(row: Row, rows: Sequence[Row]) -> float | None:
    """How many times the ticks a second of the official ticker in the same flood, or how many times lower than its p99
    at the same pace. None for another's row, and where the official ticker has no run of that task."""
    engine, task, found = row
    peers = [each for who, what, each in rows if who == OFFICIAL and what == task]
    if engine != OURS or not peers:
        return None
    if task.pace:
        mine, theirs = found.ages.get("p99"), peers[0].ages.get("p99")
        return theirs / mine if mine and theirs else None
    return found.rate / peers[0].rate if peers[0].rate else None


def verdicts(row: Row, rows: Sequence[Row]) -> list[str]:
    """Each target of the row with what became of it."""
    engine, task, found = row
    times = times_official(row, rows)
    return [target.verdict(found, times) for target in targets_of(engine, task)]


def cost_ratio(rows: Sequence[Row]) -> float | None:
    """Processor time of a tick at 100,000 stops, times that at 1,000; 5 ltp a frame."""
    cost = {
        task.stops: found.cpu_nanoseconds
        for engine, task, found in rows
        if engine == OURS and not task.pace and (task.kind, task.packets, task.tls) == ("ltp", 5, "no")
    }
    many, few = cost.get(Task().stops), cost.get(1_000)
    return many / few if many and few else None


def storm_verdicts(storm: Storm) -> tuple[str, str]:
    """Of deciding, and of handing every hit to a queue in memory. To the emulated SQS they go as fast as it takes them,
    which is no speed of the product."""
    decided, handed = storm.decided_ms <= _DECIDED_MS, storm.made_ms <= _HANDED_MS
    return f"target {_DECIDED_MS:g} ms: {met(is_met=decided)}", f"target {_HANDED_MS:,g} ms: {met(is_met=handed)}"


def met(*, is_met: bool) -> str:
    """In a word."""
    return "met" if is_met else "missed"
