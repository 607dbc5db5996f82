"""Schedules are due in the minutes that EventBridge Scheduler would fire them in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from twin.expressions import ExpressionInvalid, is_due

KOLKATA = "Asia/Kolkata"
FRIDAY_0918_IST = datetime(2026, 11, 20, 3, 48, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        pytest.param("cron(18 9 * * ? *)", True, id="every day at this minute"),
        pytest.param("cron(19 9 * * ? *)", False, id="the next minute"),
        pytest.param("cron(18 9 ? * MON-FRI *)", True, id="working days"),
        pytest.param("cron(18 9 ? * 6 *)", True, id="the sixth day counted from Sunday is Friday"),
        pytest.param("cron(18 9 ? * SAT,SUN *)", False, id="weekends"),
        pytest.param("cron(0/6 9 * * ? *)", True, id="every sixth minute"),
        pytest.param("cron(0/5 9 * * ? *)", False, id="every fifth minute"),
        pytest.param("cron(18 8-10 20 NOV ? 2026)", True, id="one date, by name"),
        pytest.param("cron(18 9 L * ? *)", False, id="the last day of the month"),
        pytest.param("at(2026-11-20T09:18:30)", True, id="once, seconds dropped"),
        pytest.param("at(2026-11-21T09:18:00)", False, id="once, tomorrow"),
    ],
)
def test_an_expression_is_due_in_its_own_time_zone(expression: str, due: bool) -> None:
    assert is_due(expression, KOLKATA, FRIDAY_0918_IST, since=LONG_AGO) is due


def test_a_cron_without_time_zone_is_in_utc() -> None:
    assert is_due("cron(48 3 * * ? *)", "UTC", FRIDAY_0918_IST, since=LONG_AGO)


def test_the_last_day_of_a_month_is_known() -> None:
    last_of_february = datetime(2028, 2, 29, 3, 48, tzinfo=UTC)

    assert is_due("cron(18 9 L * ? *)", KOLKATA, last_of_february, since=LONG_AGO)


@pytest.mark.parametrize(("elapsed", "due"), [(0, False), (1, False), (5, True), (7, False), (10, True)])
def test_a_rate_counts_from_when_the_schedule_came_to_be(elapsed: int, due: bool) -> None:
    since = FRIDAY_0918_IST + timedelta(seconds=20)
    minute = FRIDAY_0918_IST + timedelta(minutes=elapsed)

    assert is_due("rate(5 minutes)", KOLKATA, minute, since=since) is due


@pytest.mark.parametrize(
    "expression",
    ["cron(nonsense)", "cron(18 9 * * * *)", "cron(61 9 * * ? *)", "cron(18 9 ? * FRI#2 *)", "rate(soon)", "now"],
)
def test_an_expression_that_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionInvalid):
        is_due(expression, KOLKATA, FRIDAY_0918_IST, since=LONG_AGO)
