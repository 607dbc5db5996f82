"""The misused feed in virtual time: the judge finds out a pair of watchers that sees nothing, or too late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import pytest

from benchmarks.chaos_feed.feed import STEP_SECONDS
from benchmarks.chaos_feed.judge import Judged, Seen, judge
from benchmarks.chaos_feed.market import Crossing, Market
from benchmarks.chaos_feed.scenarios import REST_SECONDS, SCENARIOS, STEADY, Scenario, total_seconds

SAMPLED = [scenario for scenario in SCENARIOS if scenario.is_sampled]
TURN_SECONDS = 2.3
"""One of two watchers is answered so often at the latest (docs/watcher.md)."""
ANSWER_SECONDS = 0.5


@dataclass
class Played:
    """What the market did; nobody has looked yet."""

    crossed: list[Crossing] = field(default_factory=list)
    begun: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    over: float = 0.0


@cache
def play(seed: int) -> Played:
    """All scenarios in turn, as the run has them, without waiting for anything."""
    total, played = total_seconds(SCENARIOS), Played()
    market, steps = Market(seed, seconds=total), 0
    for scenario in SCENARIOS:
        played.begun[scenario.name] = steps * STEP_SECONDS
        for until in (scenario.seconds, scenario.seconds + REST_SECONDS):
            while (now := steps * STEP_SECONDS) < played.begun[scenario.name] + until:
                market.step(min(now / total, 0.999), now, scenario.name)
                steps += 1
            played.ends.setdefault(scenario.name, now)
    played.over = steps * STEP_SECONDS
    market.step(1.0, played.over, STEADY)
    played.crossed = list(market.crossed.values())
    return played


Look = Callable[[Scenario, float, float], float]
"""A pair of watchers: in a scenario that began and ended then, when it saw prices for the first time."""


def blind(_scenario: Scenario, _begun: float, ended: float) -> float:
    """Everything is seen when the feed is well again, and nothing before."""
    return ended


def as_stated(scenario: Scenario, begun: float, _ended: float) -> float:
    """The first answer comes as late as it may."""
    return begun + scenario.bound_ms / 1000 - ANSWER_SECONDS


def too_slow(scenario: Scenario, begun: float, _ended: float) -> float:
    """It comes two seconds after that."""
    return begun + scenario.bound_ms / 1000 + 2


def judged(seed: int, look: Look) -> dict[str, Judged]:
    played = play(seed)
    scenarios = {scenario.name: scenario for scenario in SCENARIOS}
    seen = [
        Seen(crossing.stop, moment, crossing.level, "watcher 1")
        for crossing in played.crossed
        if (moment := _when(crossing, scenarios[crossing.scenario], look, played)) is not None
    ]
    verdicts, false = judge(played.crossed, seen, SCENARIOS, played.ends)
    assert false == []
    return {verdict.scenario: verdict for verdict in verdicts}


def _when(crossing: Crossing, scenario: Scenario, look: Look, played: Played) -> float | None:
    """The first look at which the price stood at the stop: one each turn, from the well feed's first on all."""
    ended = played.ends[scenario.name]
    if not scenario.is_sampled or crossing.at >= ended:
        return crossing.at
    moment = look(scenario, played.begun[scenario.name], ended)
    while moment < ended:
        if any(begun <= moment < over for begun, over in crossing.stretches):
            return moment + ANSWER_SECONDS
        moment += TURN_SECONDS
    return next((max(begun, ended) for begun, over in crossing.stretches if over > ended), None)


@pytest.mark.parametrize("scenario", SAMPLED, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_pair_that_sees_nothing_in_a_scenario_fails_it(seed: int, scenario: Scenario) -> None:
    verdict = judged(seed, blind)[scenario.name]

    # At least those whose bound had passed when the feed was well again: a good part of the scenario's.
    assert len(verdict.missed) > 10
    assert max(verdict.blind_ms) > scenario.bound_ms + 1_000


@pytest.mark.parametrize("scenario", SAMPLED, ids=lambda scenario: scenario.name)
def test_a_pair_that_sees_two_seconds_after_the_bound_fails(scenario: Scenario) -> None:
    assert judged(1, too_slow)[scenario.name].violations > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_pair_that_sees_within_the_stated_seconds_passes(seed: int) -> None:
    verdicts = judged(seed, as_stated)

    assert {name: verdict.violations for name, verdict in verdicts.items() if verdict.violations} == {}
    assert all(verdicts[scenario.name].crossed > 40 for scenario in SAMPLED)
