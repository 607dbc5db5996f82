"""How long a refused hit rests."""

from __future__ import annotations

import pytest

from fargate_listener.refused_hits import FIRST_REST_SECONDS, LONGEST_REST_SECONDS, RefusedHits
from fargate_listener.stop_guard import Hit
from tests.unit.fargate_listener.examples import armed


@pytest.mark.parametrize(
    ("refusals", "seconds"),
    [(1, FIRST_REST_SECONDS), (2, 2 * FIRST_REST_SECONDS), (7, LONGEST_REST_SECONDS), (50, LONGEST_REST_SECONDS)],
)
def test_each_refusal_doubles_the_rest_up_to_the_longest(refusals: int, seconds: float) -> None:
    resting, hit = RefusedHits(lambda: 0.0), Hit(armed(1, "1500"), 150_000, 0.0)
    for _ in range(refusals):
        resting.refused(hit)

    resting.rest(hit)

    assert resting.seconds_left(longest=60.0) == pytest.approx(seconds)
