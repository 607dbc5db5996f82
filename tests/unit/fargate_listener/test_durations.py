"""Durations in buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from algotrading.adapters.emf_meter import MOST_VALUES
from fargate_listener.durations import Spread, sample

SECONDS = st.floats(0, 60)


def test_nothing_noted_is_nothing_told() -> None:
    assert Spread().take() == []


def test_telling_begins_anew() -> None:
    spread = Spread()
    spread.add(0.001)

    assert spread.take() == [1.0]
    assert spread.take() == []


@given(st.lists(SECONDS, min_size=1, max_size=100))
def test_up_to_a_hundred_are_all_there_to_six_percent(durations: list[float]) -> None:
    spread = Spread()
    for seconds in durations:
        spread.add(seconds)

    told = spread.take()

    assert len(told) == len(durations)
    for true, value in zip(sorted(durations), told, strict=True):
        assert 1000 * true - 1e-5 <= value <= 1000 * true * 1.0626 + 1e-5


@given(st.lists(SECONDS, min_size=101, max_size=400))
def test_of_more_every_hundredth_is_told_and_the_longest_exactly(durations: list[float]) -> None:
    spread = Spread()
    for seconds in durations:
        spread.add(seconds)

    told = spread.take()

    assert len(told) == 100
    assert told == sorted(told)
    assert told[-1] == int(max(durations) * 1e9) / 1e6
    median = sorted(durations)[(len(durations) + 1) // 2 - 1]
    assert 1000 * median - 1e-5 <= told[49] <= 1000 * median * 1.0626 + 1e-5


def test_what_cannot_be_is_counted_at_the_ends() -> None:
    spread = Spread()
    spread.add(-1.0)
    spread.add(1e9)

    shortest, longest = spread.take()

    assert shortest == 0.0
    assert 68_000 < longest < 69_000


def test_a_sample_has_the_percentiles_of_the_whole() -> None:
    told = sample([float(ms) for ms in range(10_000, 0, -1)])

    assert len(told) == MOST_VALUES
    assert (told[49], told[-1]) == (5_000, 10_000)


def test_a_sample_of_few_is_all_of_them() -> None:
    assert sample([3.0, 1.0, 2.0]) == [1.0, 2.0, 3.0]
    assert sample([]) == []
