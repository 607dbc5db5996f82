"""Which stops the judge of a misused feed calls missed, late or hit without reason."""

from __future__ import annotations

import math

import pytest

from benchmarks.chaos_feed.judge import Judged, Seen, judge
from benchmarks.chaos_feed.market import LASTING_SECONDS, WAVER_SECONDS, Crossing, Market
from benchmarks.chaos_feed.scenarios import Scenario

SHOWN = Scenario("shown", bound_ms=1_000)
SAMPLED = Scenario("sampled", bound_ms=3_000, is_sampled=True)


def crossing(stop: int, *stretches: tuple[float, float], scenario: Scenario = SHOWN) -> Crossing:
    return Crossing(stop, 1000, scenario.name, list(stretches))


def judged(*crossings: Crossing, seen: list[Seen], end: float = 100) -> tuple[Judged, Judged, list[Seen]]:
    (shown, sampled), false = judge(crossings, seen, [SHOWN, SAMPLED], {SHOWN.name: end, SAMPLED.name: end})
    return shown, sampled, false


def at(stop: int, moment: float, eye: str = "watcher 1") -> Seen:
    return Seen(stop, moment, 999, eye)


def test_the_first_of_two_watchers_counts() -> None:
    shown, _, false = judged(crossing(1, (10, math.inf)), seen=[at(1, 10.5, "watcher 2"), at(1, 10.2)])

    assert shown.blind_ms == pytest.approx([200])
    assert shown.violations == 0
    assert false == []


def test_a_stop_that_nobody_saw_is_missed() -> None:
    shown, _, _ = judged(crossing(1, (10, math.inf)), seen=[])

    assert shown.missed == [1]
    assert shown.violations == 1


def test_a_stop_seen_after_its_bound_is_late() -> None:
    shown, _, _ = judged(crossing(1, (10, math.inf)), seen=[at(1, 11.5)])

    assert shown.late == [1]


@pytest.mark.parametrize("seen", [at(1, 9.9), at(2, 10.5)], ids=["before its price came", "whose price never came"])
def test_a_hit_that_no_price_explains_is_false(seen: Seen) -> None:
    _, _, false = judged(crossing(1, (10, math.inf)), seen=[seen])

    assert false == [seen]


def test_where_every_price_is_shown_a_short_dip_counts_from_its_beginning() -> None:
    shown, _, _ = judged(crossing(1, (10, 10.1), (12, math.inf)), seen=[at(1, 12.2)])

    assert shown.late == [1]


def test_where_prices_are_sampled_time_counts_from_the_moment_at_which_the_price_came_to_stay() -> None:
    stretches = ((10, 10.2), (10.5, 10.9), (12, math.inf))
    _, sampled, _ = judged(crossing(1, *stretches, scenario=SAMPLED), seen=[at(1, 14.9)])
    assert sampled.blind_ms == pytest.approx([2_900])
    assert sampled.late == []

    _, sampled, _ = judged(crossing(1, *stretches, scenario=SAMPLED), seen=[at(1, 15.1)])
    assert sampled.late == [1]


def test_where_prices_are_sampled_a_rise_after_the_price_stayed_is_no_excuse() -> None:
    _, sampled, _ = judged(crossing(1, (10, 12), (13.5, math.inf), scenario=SAMPLED), seen=[at(1, 13.6)])

    assert sampled.late == [1]


def test_a_short_dip_that_somebody_saw_was_not_blind() -> None:
    _, sampled, _ = judged(crossing(1, (10, 10.2), (12, math.inf), scenario=SAMPLED), seen=[at(1, 10.1)])

    assert (sampled.blind_ms, sampled.violations) == ([0], 0)


def test_a_stop_that_only_the_well_feed_showed_is_missed_if_its_bound_had_passed() -> None:
    _, sampled, _ = judged(crossing(1, (10, math.inf), scenario=SAMPLED), seen=[at(1, 20.1)], end=20)
    assert (sampled.missed, sampled.late) == ([1], [])

    _, sampled, _ = judged(crossing(1, (18, math.inf), scenario=SAMPLED), seen=[at(1, 20.1)], end=20)
    assert (sampled.missed, sampled.late) == ([], [])


def test_the_market_knows_when_each_price_was_at_its_stops() -> None:
    # Given a market that falls by a tenth, and rises a little at times
    seconds, steps_a_second = 30, 20
    market = Market(3, seconds=seconds)
    for step in range(seconds * steps_a_second):
        market.step(step / (seconds * steps_a_second), step / steps_a_second, SHOWN.name)
    assert 0 < len(market.crossed) <= market.stops

    market.step(1.0, float(seconds), SHOWN.name)

    # Then every stop was reached in the end, first at the moment at which its crossing begins, and lasts. In between
    # the price wavers only while the fall has not passed the noise.
    assert len(market.crossed) == market.stops
    for crossed in market.crossed.values():
        assert crossed.lasting_at == crossed.stretches[-1][0]
        assert all(ended - crossed.at <= WAVER_SECONDS + 1 / steps_a_second for _, ended in crossed.stretches[:-1])
        assert all(ended - begun < LASTING_SECONDS for begun, ended in crossed.stretches[:-1])
        assert crossed.stretches[-1][1] == math.inf
        assert all(begun < ended for begun, ended in crossed.stretches)
    assert any(len(crossed.stretches) > 1 for crossed in market.crossed.values())
