"""Early alarms: whenever the scheduler rings within its minute, there is time left, and not too much."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrading.domain.alarms import alarm_instant, alarm_time, due_after, may_have_rung
from algotrading.domain.sessions import IST, instant_of, trading_day_of

TIMES = st.times().map(lambda at: at.replace(microsecond=0))
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))
SECONDS_INTO_THE_MINUTE = st.floats(0, 59.999)


@given(DAYS, TIMES, SECONDS_INTO_THE_MINUTE)
def test_an_alarm_leaves_one_to_three_minutes(day: date, at: time, late: float) -> None:
    due = instant_of(day, at)

    rings = alarm_instant(due) + timedelta(seconds=late)

    assert timedelta(seconds=60) < due - rings < timedelta(seconds=180)


@given(DAYS, TIMES)
def test_an_alarm_is_the_latest_minute_that_is_over_a_minute_before(day: date, at: time) -> None:
    due = instant_of(day, at)
    alarm = alarm_instant(due)

    assert (alarm.second, alarm.microsecond) == (0, 0)
    assert alarm + timedelta(seconds=60) <= due - timedelta(seconds=60)
    assert alarm + timedelta(seconds=120) > due - timedelta(seconds=60)


@given(DAYS, TIMES)
def test_whoever_is_woken_finds_the_due_instant_back(day: date, at: time) -> None:
    due = instant_of(day, at)

    assert due_after(alarm_instant(due), at) == due


@given(DAYS, TIMES)
def test_the_daily_alarm_rings_at_the_same_instant(day: date, at: time) -> None:
    alarm = alarm_instant(instant_of(day, at))

    assert alarm.astimezone(IST).time() == alarm_time(at)


@pytest.mark.parametrize(
    ("due", "rings"),
    [
        (time(9, 30), time(9, 28)),
        (time(9, 30, 1), time(9, 28)),
        (time(9, 30, 59), time(9, 28)),
        (time(9, 31), time(9, 29)),
        (time(0, 2), time(0, 0)),
        (time(0, 1, 59), time(23, 59)),
        (time(0, 0), time(23, 58)),
    ],
)
def test_examples(due: time, rings: time) -> None:
    assert alarm_time(due) == rings


def test_a_due_time_just_after_midnight_belongs_to_the_day_it_is_on() -> None:
    # Given an exchange that trades around the clock, and a buy at half a minute past midnight
    due = instant_of(date(2026, 11, 21), time(0, 0, 30))

    # When its alarm rings on the evening before
    rings = alarm_instant(due)

    # Then the trading day is that of the order
    assert trading_day_of(rings) == date(2026, 11, 20)
    assert trading_day_of(due_after(rings, time(0, 0, 30))) == date(2026, 11, 21)


@given(DAYS, TIMES, st.integers(-300, 300))
def test_only_between_alarm_and_due_instant_may_it_have_rung(day: date, at: time, offset: int) -> None:
    due = instant_of(day, at)
    now = due + timedelta(seconds=offset)

    assert may_have_rung(due, now) == (alarm_instant(due) <= now < due)


def test_alarms_are_instants_in_utc() -> None:
    assert alarm_instant(datetime(2026, 11, 20, 9, 30, tzinfo=IST)) == datetime(2026, 11, 20, 3, 58, tzinfo=UTC)
