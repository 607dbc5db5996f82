"""Which stops the judge of a misused feed calls missed, late or hit without reason."""

from __future__ import annotations

import math

import pytest

from benchmarks.chaos_feed.judge import Judged, Seen, judge
from benchmarks.chaos_feed.market import Crossing, Market
from benchmarks.chaos_feed.scenarios import Scenario

SHOWN = Scenario("shown", bound_ms=1_000)
SAMPLED = Scenario("sampled", bound_ms=3_000, is_sampled=True)


def crossing(stop: int, *stretches: tuple[float, float], scenario: Scenario = SHOWN) -> Crossing:
    return Crossing(stop, 1000, scenario.name, list(stretches))


def judged(*crossings: Crossing, seen: list[Seen]) -> tuple[Judged, Judged, list[Seen]]:
    (shown, sampled), false = judge(crossings, seen, [SHOWN, SAMPLED])
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


def test_where_prices_are_sampled_only_the_time_without_a_break_counts() -> None:
    stretches = ((10, 10.5), (12, 14), (16, math.inf))
    _, sampled, _ = judged(crossing(1, *stretches, scenario=SAMPLED), seen=[at(1, 16.4)])
    assert sampled.blind_ms == pytest.approx([2_000])
    assert sampled.late == []

    _, sampled, _ = judged(crossing(1, (10, 13.5), (16, math.inf), scenario=SAMPLED), seen=[at(1, 16.4)])
    assert sampled.late == [1]


def test_the_market_knows_when_each_price_was_at_its_stops() -> None:
    # Given a market that falls by a tenth, and rises a little at times
    market = Market(3)
    moments = range(200)
    for moment in moments:
        market.step(moment / len(moments), float(moment), SHOWN.name)
    assert 0 < len(market.crossed) < market.stops

    market.step(1.0, 200.0, SHOWN.name)

    # Then every stop was reached in the end, first at the moment at which its crossing begins, and lasts
    assert len(market.crossed) == market.stops
    for crossed in market.crossed.values():
        assert crossed.stretches[-1][1] == math.inf
        assert all(begun < ended for begun, ended in crossed.stretches)
    assert any(len(crossed.stretches) > 1 for crossed in market.crossed.values())
