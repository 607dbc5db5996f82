"""Which stops were missed, sold for nothing, or seen too late."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
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
    crossed: int = 0
    """How many there were."""
    blind_ms: list[float] = field(default_factory=list)
    """For each stop that was seen: how long before that its price came to stay there; where every price is shown, how
    long before that it first came there."""
    missed: list[int] = field(default_factory=list)
    """Crossed and never seen, or not before the feed was well again, though the bound had passed."""
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
    crossed: Collection[Crossing],
    seen: Sequence[Seen],
    scenarios: Sequence[Scenario],
    ends: Mapping[str, float],
) -> tuple[list[Judged], list[Seen]]:
    """Every scenario in its order, and the hits that no true price explains. `ends`: when each scenario was over
    (monotonic seconds) and the feed well again, which by itself shows whatever nobody saw until then."""
    first: dict[int, Seen] = {}
    for hit in sorted(seen, key=lambda hit: hit.at):
        first.setdefault(hit.stop, hit)
    by_stop = {crossing.stop: crossing for crossing in crossed}
    false = [hit for hit in first.values() if hit.stop not in by_stop or hit.at < by_stop[hit.stop].at]
    judged = {scenario.name: Judged(scenario.name, scenario.bound_ms) for scenario in scenarios}
    sampled = {scenario.name for scenario in scenarios if scenario.is_sampled}
    for crossing in crossed:
        verdict = judged[crossing.scenario]
        verdict.crossed += 1
        at = first[crossing.stop].at if crossing.stop in first else math.inf
        since = crossing.lasting_at if crossing.scenario in sampled else crossing.at
        last = since + verdict.bound_ms / 1000
        if at < math.inf:
            verdict.blind_ms.append(1000 * max(0.0, at - since))
        if at == math.inf or last < ends[crossing.scenario] <= at:
            verdict.missed.append(crossing.stop)
        elif at > last:
            verdict.late.append(crossing.stop)
    return list(judged.values()), false
