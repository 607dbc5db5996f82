"""When silence is a sign of trouble."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import instant_of
from fargate_listener.market_hours import MarketHours
from tests.fakes.clock import VirtualClock
from tests.unit.fargate_listener.examples import INFY, USDINR

BEFORE_AUCTIONS = date(2026, 3, 2)
WITH_AUCTIONS = date(2026, 8, 10)
OPTION = (77 << 8) | 2


def at(day: date, moment: str) -> MarketHours:
    clock = VirtualClock(instant_of(day, time.fromisoformat(moment)))
    return MarketHours(NSE_SESSIONS, clock)


@pytest.mark.parametrize(
    ("day", "moment", "is_open"),
    [
        (BEFORE_AUCTIONS, "09:14:59", False),
        (BEFORE_AUCTIONS, "09:15:00", True),
        (BEFORE_AUCTIONS, "15:29:29", True),
        (BEFORE_AUCTIONS, "15:29:30", False),
        # Half of the market is in its closing auction: what does not move then is no sign of anything
        (WITH_AUCTIONS, "15:14:30", False),
        (date(2026, 3, 1), "12:00:00", False),  # a Sunday
        (date(2026, 3, 3), "12:00:00", False),  # a holiday
        (date(2031, 3, 3), "12:00:00", False),  # a year without data
    ],
)
def test_an_index_is_computed_while_all_shares_are_in_continuous_trading(day: date, moment: str, is_open: bool) -> None:
    assert at(day, moment).is_open() is is_open


def test_each_exchange_has_its_hours() -> None:
    hours = at(WITH_AUCTIONS, "15:20:00")

    assert [hours.is_open(exchange) for exchange in ("NSE", "NFO", "MCX")] == [False, True, False]


@pytest.mark.parametrize(
    ("moment", "tradable"),
    [
        ("09:14:59", []),
        ("09:15:00", [INFY, OPTION]),
        # Shares without derivatives go on to 15:30, and which those are a token does not say
        ("15:29:29", [INFY, OPTION]),
        ("15:29:30", [OPTION]),
        ("15:39:30", []),
    ],
)
def test_what_may_trade_is_more_than_what_has_to_move(moment: str, tradable: list[int]) -> None:
    assert at(WITH_AUCTIONS, moment).tradable([INFY, OPTION, USDINR]) == tradable


@pytest.mark.parametrize(
    ("moment", "settled"),
    [("09:15:29", []), ("09:15:30", [INFY]), ("15:29:29", [INFY]), ("15:29:30", [])],
)
def test_an_instrument_alone_has_a_moment_for_its_first_trade(moment: str, settled: list[int]) -> None:
    assert at(WITH_AUCTIONS, moment).settled([INFY, USDINR]) == settled


def test_what_has_to_be_ready_at_the_bell_begins_before_it() -> None:
    hours = at(BEFORE_AUCTIONS, "09:06:00")

    assert hours.tradable([INFY], early=timedelta(minutes=10)) == [INFY]
    assert hours.tradable([INFY], early=timedelta(minutes=8)) == []


def test_the_hours_of_the_next_day_are_looked_up_anew() -> None:
    clock = VirtualClock(instant_of(date(2026, 3, 2), time(12)))
    hours = MarketHours(NSE_SESSIONS, clock)
    assert hours.is_open()
    clock.sleep(24 * 3600)

    assert not hours.is_open()


@pytest.mark.parametrize(
    ("day", "moment", "is_closed"),
    [
        (BEFORE_AUCTIONS, "08:10:00", False),
        (BEFORE_AUCTIONS, "12:00:00", False),
        (BEFORE_AUCTIONS, "03:00:00", True),
        (BEFORE_AUCTIONS, "23:59:00", True),
        (date(2026, 3, 1), "12:00:00", True),  # a Sunday
    ],
)
def test_closed_is_every_exchange_and_not_only_for_a_moment(day: date, moment: str, is_closed: bool) -> None:
    assert at(day, moment).is_closed(timedelta(hours=1, minutes=30)) is is_closed
