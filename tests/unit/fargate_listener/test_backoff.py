"""How long the feed waits before it dials again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fargate_listener.feed import Backoff


def test_the_first_redial_is_at_once_and_later_ones_take_longer_up_to_a_cap() -> None:
    backoff = Backoff(jitter=lambda: 1.0)

    pauses = [backoff.next(refused=False) for _ in range(8)]

    assert pauses == [0.0, 0.2, 0.4, 0.8, 1.6, 1.6, 1.6, 1.6]


def test_a_refused_dial_is_never_repeated_at_once() -> None:
    backoff = Backoff(jitter=lambda: 1.0)

    pauses = [backoff.next(refused=True) for _ in range(5)]

    assert pauses == [2.0, 3.0, 4.5, 5.0, 5.0]


@given(st.floats(0, 1, exclude_max=True), st.lists(st.booleans(), max_size=2000))
def test_the_caps_hold_whatever_happened(jitter: float, refusals: list[bool]) -> None:
    backoff = Backoff(jitter=lambda: jitter)

    pauses = [(backoff.next(refused=refused), refused) for refused in refusals]

    assert all(pause <= 1.6 for pause, refused in pauses if not refused)
    assert all(1.0 <= pause <= 5.0 for pause, refused in pauses if refused)


def test_a_feed_away_for_a_weekend_is_still_dialled() -> None:
    backoff = Backoff(jitter=lambda: 1.0, failures=100_000)

    assert backoff.next(refused=True) == 5.0
    assert backoff.next(refused=False) == 1.6
