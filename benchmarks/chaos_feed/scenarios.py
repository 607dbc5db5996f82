"""What is done to the feed, for how long, and how soon a crossed stop must be seen all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

STEADY: Final = "steady"
KILLED: Final = "a watcher killed every 10 s"

_SHOWN: Final = 1_000.0
"""The feed shows the price at once; the rest is a busy machine."""
_QUOTED: Final = 4_000.0
"""A lost connection: at once the broker's quotes stand in, of which two watchers share one request a second."""
_COVERED: Final = 7_000.0
"""The same after three seconds of doubt (fargate_listener.liveness.DOUBTFUL_SECONDS)."""
_CONTRADICTED: Final = 25_000.0
"""Every price is wrong and nothing else is: each watcher compares samples of 50 instruments every 4.8 s, two in seven
seconds at worst (docs/watcher.md), so that the 150 have theirs within 15 to 21 s from one of the two. Each is compared
again after 5 s, with the next turn, and covered from then on."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`seconds` long. `bound_ms`: for so long a price may stand at or below a stop before a watcher says so."""

    name: str
    bound_ms: float
    seconds: float = 12.0
    is_sampled: bool = False
    """The feed does not show every price, so what was at a stop only between two quotes nobody can see: time counts
    from the moment from which the price stayed there. Otherwise it counts from the first price at or below the stop,
    however short it stood there. A sampled scenario is longer than its bound: who sees nothing in it is found out."""


SCENARIOS: Final = (
    Scenario(STEADY, _SHOWN, 5),
    Scenario("mute", _COVERED, is_sampled=True),
    Scenario("frozen", _COVERED, 20, is_sampled=True),
    Scenario("half-open", _COVERED, is_sampled=True),
    Scenario("refused with 403", _QUOTED, is_sampled=True),
    Scenario("late by 15 s", _COVERED, 20, is_sampled=True),
    Scenario("prices of another market", _CONTRADICTED, 45, is_sampled=True),
    Scenario("garbage", _QUOTED, is_sampled=True),
    Scenario("oversized frames", _QUOTED, is_sampled=True),
    Scenario("torn frames", _SHOWN),
    Scenario("zero prices", _SHOWN),
    Scenario("absurd prices", _SHOWN),
    Scenario("stale and future stamps in full packets", _SHOWN),
    Scenario("three reconnects a second", _QUOTED, is_sampled=True),
    Scenario(KILLED, _SHOWN, 40),
)
REST_SECONDS: Final = 5.0
"""Steady after each, so that the next begins with a feed that works; stops crossed meanwhile are the scenario's."""


def total_seconds(scenarios: Sequence[Scenario]) -> float:
    """How long the market falls."""
    return sum(scenario.seconds + REST_SECONDS for scenario in scenarios)
