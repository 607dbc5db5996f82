"""Two watchers and one request a second: neither starves, however they begin."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_listener.quote_pace import IDLE_SECONDS, PACE_SECONDS, PLAY_SECONDS, TURNS, QuotePace
from fargate_listener.quote_plan import MOST_AT_ONCE, RESERVED, Needs, QuotePlan

BROKER_SECONDS = 1.0
LONGEST_TURN = TURNS * PACE_SECONDS + PLAY_SECONDS
SLOWEST_SECONDS = 0.3
"""Between asking and the broker's deciding, and again until the answer is there."""


def live(
    starts: Sequence[float], seed: int, seconds: float, asked: Callable[[int], None] = lambda _: None
) -> list[list[float]]:
    """When each of the watchers, which begin at `starts` and want all they can get, was answered."""
    dice = Random(seed)
    paces = [QuotePace(chance=dice.random) for _ in starts]
    turns = [(start, who) for who, start in enumerate(starts)]
    heapq.heapify(turns)
    waiting: list[tuple[float, int, float]] = []
    answered: list[list[float]] = [[] for _ in starts]
    last = -math.inf
    while turns or waiting:
        if waiting and (not turns or waiting[0][0] <= turns[0][0]):
            arrived, who, begun = heapq.heappop(waiting)
            is_answered = arrived - last >= BROKER_SECONDS
            back = arrived + dice.uniform(0, SLOWEST_SECONDS)
            if is_answered:
                last = arrived
                answered[who].append(back)
                asked(who)
            at = max(back, begun + paces[who].after(is_answered))
            if at < seconds:
                heapq.heappush(turns, (at, who))
        else:
            begun, who = heapq.heappop(turns)
            heapq.heappush(waiting, (begun + dice.uniform(0, SLOWEST_SECONDS), who, begun))
    return answered


def longest(moments: Sequence[float], begin: float) -> float:
    """Between one and the next."""
    return max(later - earlier for earlier, later in zip([begin, *moments], moments, strict=False))


@given(apart=st.floats(0, 5), seed=st.integers(0, 2**32))
def test_two_watchers_share_a_key_however_they_begin(apart: float, seed: int) -> None:
    one, two = live((0.0, apart), seed, 120)

    assert longest(one, 0.0) <= 4.0 + 2 * SLOWEST_SECONDS
    assert longest(two, apart) <= 4.0 + 2 * SLOWEST_SECONDS
    assert longest(sorted((*one, *two)), 0.0) <= LONGEST_TURN + 2 * SLOWEST_SECONDS
    assert min(len(one), len(two)) >= 0.35 * (len(one) + len(two))


@given(seed=st.integers(0, 2**32))
def test_three_of_a_deployment_are_served_still(seed: int) -> None:
    answered = live((0.0, 0.0, 0.0), seed, 120)

    assert min(map(len, answered)) >= 10


def test_one_alone_leaves_the_turn_of_the_other_free() -> None:
    assert TURNS * PACE_SECONDS <= QuotePace().after(True) <= LONGEST_TURN


def test_where_nothing_was_asked_a_new_doubt_waits_for_a_moment_only() -> None:
    assert QuotePace().after(None) == IDLE_SECONDS


@pytest.mark.parametrize(
    ("chance", "steps"), [(0.0, [0.125, 0.25, 0.25, 0.25, 0.5, 0.5]), (1.0, [0.25, 0.5, 0.5, 0.5, 1.0, 1.0])]
)
def test_refusals_are_tried_again_in_growing_steps_until_an_answer(chance: float, steps: list[float]) -> None:
    pace = QuotePace(chance=lambda: chance)
    assert [pace.after(False) for _ in steps] == steps

    pace.after(True)

    assert pace.after(False) == steps[0]


@given(
    doubtful=st.integers(1, 3_000), limits=st.integers(0, 3_000), apart=st.floats(0, 2.2), seed=st.integers(0, 2**32)
)
def test_every_armed_instrument_in_doubt_is_quoted_in_time_by_two_watchers_on_one_key(
    doubtful: int, limits: int, apart: float, seed: int
) -> None:
    # Given two watchers that find up to 3,000 instruments in doubt at 0, of which each may just have asked something
    needs = Needs(range(doubtful), limits=range(10_000, 10_000 + limits))
    plans = [QuotePlan(), QuotePlan()]
    named: list[list[tuple[int, ...]]] = [[], []]
    moments = live((0.0, apart), seed, 60, asked=lambda who: named[who].append(plans[who].next(needs).covered))

    # Then those most at risk are quoted within 3 s, and all by each of the two on its own within 4.6 s for each request
    batches = math.ceil(doubtful / (MOST_AT_ONCE - min(limits, RESERVED)))
    assert min(at for each in moments for at in each) <= LONGEST_TURN + 2 * SLOWEST_SECONDS
    for who in (0, 1):
        assert set(range(doubtful)) <= {token for batch in named[who][:batches] for token in batch}
        assert moments[who][batches - 1] <= apart + 4.6 * batches
