"""The session table against a calendar package, and against what the circulars say."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal

import exchange_calendars
import pytest

from algotrading.domain.errors import CalendarMissing
from algotrading.domain.instruments import Instrument, Product
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import SessionHours

NEW_YEAR = date(2026, 1, 1)


def share(*, has_derivatives: bool) -> Instrument:
    return Instrument("NSE", "TCS", 1, "TCS", "NSE", "EQ", Decimal("0.05"), 1, has_derivatives)


def hours(day: date, *, has_derivatives: bool) -> SessionHours:
    found = NSE_SESSIONS.hours(day, share(has_derivatives=has_derivatives))
    assert found is not None
    return found


@pytest.mark.filterwarnings("ignore:Series.values:Warning")  # the package's own use of pandas
def test_every_weekday_of_2026_agrees_with_the_calendar_package() -> None:
    package = exchange_calendars.get_calendar("XBOM", start="2026-01-01", end="2026-12-31")
    open_days = {session.date() for session in package.sessions}
    weekdays = [day for day in (NEW_YEAR + timedelta(days=n) for n in range(365)) if day.weekday() < 5]

    assert {day for day in weekdays if NSE_SESSIONS.is_trading_day(day)} == open_days


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2027, 1, 1)])
def test_a_year_without_data_fails_closed(day: date) -> None:
    with pytest.raises(CalendarMissing):
        NSE_SESSIONS.is_trading_day(day)


def test_stocks_with_derivatives_stop_at_the_closing_auction_since_august() -> None:
    before = hours(date(2026, 7, 31), has_derivatives=True).effective_exit(time(15, 30), Product.CNC)
    since = hours(date(2026, 8, 3), has_derivatives=True).effective_exit(time(15, 30), Product.CNC)
    without = hours(date(2026, 8, 3), has_derivatives=False).effective_exit(time(15, 30), Product.CNC)

    assert (before.at, since.at, without.at) == (time(15, 29, 30), time(15, 14, 30), time(15, 29, 30))
    assert since.reason is not None
    assert "closing auction" in since.reason


def test_an_intraday_exit_comes_before_the_brokers_own_square_off() -> None:
    effective = hours(date(2026, 8, 3), has_derivatives=False).effective_exit(time(15, 25), Product.MIS)

    assert effective.at == time(15, 18)


def test_an_exit_well_inside_the_session_is_left_as_asked() -> None:
    effective = hours(date(2026, 8, 3), has_derivatives=True).effective_exit(time(14, 0), Product.MIS)

    assert (effective.at, effective.reason) == (time(14, 0), None)
