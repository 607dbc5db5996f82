"""Which stops were missed, sold for nothing, or seen too late."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos_feed.market import Crossing
from benchmarks.chaos_feed.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Seen:
    """A watcher said that a stop was hit."""

    stop: int
    at: float
    """Monotonic seconds, when it decided."""
    price: int
    eye: str


@dataclass(slots=True)
class Judged:
    """One scenario's stops."""

    scenario: str
    bound_ms: float
    blind_ms: list[float] = field(default_factory=list)
    """For each stop: how long its price had stood there at most before a watcher said so; where every price is shown,
    since the first."""
    missed: list[int] = field(default_factory=list)
    """Crossed, and never seen."""
    late: list[int] = field(default_factory=list)
    """Seen after the bound."""

    @property
    def violations(self) -> int:
        """Of any kind."""
        return len(self.missed) + len(self.late)

    def share(self, part: float) -> float:
        """Nearest rank of the blind times; 0 without any."""
        ordered = sorted(self.blind_ms)
        return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else 0.0


def judge(
    crossed: Collection[Crossing], seen: Sequence[Seen], scenarios: Sequence[Scenario]
) -> tuple[list[Judged], list[Seen]]:
    """Every scenario in its order, and the hits that no true price explains."""
    first: dict[int, Seen] = {}
    for hit in sorted(seen, key=lambda hit: hit.at):
        first.setdefault(hit.stop, hit)
    by_stop = {crossing.stop: crossing for crossing in crossed}
    false = [hit for hit in first.values() if hit.stop not in by_stop or hit.at < by_stop[hit.stop].at]
    judged = {scenario.name: Judged(scenario.name, scenario.bound_ms) for scenario in scenarios}
    sampled = {scenario.name for scenario in scenarios if scenario.is_sampled}
    for crossing in crossed:
        verdict = judged[crossing.scenario]
        if crossing.stop not in first:
            verdict.missed.append(crossing.stop)
            continue
        at = first[crossing.stop].at
        since = _longest(crossing, at) if crossing.scenario in sampled else at - crossing.at
        verdict.blind_ms.append(1000 * max(0.0, since))
        if 1000 * since > verdict.bound_ms:
            verdict.late.append(crossing.stop)
    return list(judged.values()), false


def _longest(crossing: Crossing, until: float) -> float:
    """Seconds for which the price stood at the stop or below without a break, at most, before `until`."""
    return max((min(ended, until) - begun for begun, ended in crossing.stretches if begun < until), default=0.0)
