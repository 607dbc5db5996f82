"""When the day's circuit limits are read, and how often again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from algotrading.brokers.kite.quotes import Quote
from algotrading.domain.nse_calendar import NSE_SESSIONS
from fargate_listener.circuit_limits import LIMITS_SECONDS, NEAR_LIMIT_SECONDS, CircuitLimits
from fargate_listener.counters import Counters
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import StopGuard
from fargate_listener.watchlist import Watchlist
from tests.fakes.clock import VirtualClock
from tests.unit.fargate_listener.examples import INFY, armed, ltp_frame

TCS = 2953217
MONDAY = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
"""10:00 in India."""


class Stand:
    """INFY and TCS with armed stops, more at risk in TCS."""

    def __init__(self) -> None:
        self.clock = VirtualClock(MONDAY)
        self.table = MarketTable()
        guard = StopGuard(table=self.table, report=lambda _hits: None, counters=Counters())
        self.watchlist = Watchlist(guard, self.monotonic)
        self.limits = CircuitLimits(
            table=self.table,
            watchlist=self.watchlist,
            hours=MarketHours(NSE_SESSIONS, self.clock),
            monotonic=self.monotonic,
        )
        self.limits.turn_day()

    def monotonic(self) -> float:
        return (self.clock.now() - MONDAY).total_seconds()

    def watch(self) -> None:
        self.watchlist.apply(armed(1, "1500", quantity=1))
        self.watchlist.apply(armed(2, "1500", quantity=9, instrument_token=TCS, symbol="TCS"))

    def hear(self, token: int) -> None:
        self.limits.hear(Quote(token, Decimal(1600), Decimal(1440), Decimal(1760), MONDAY))


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_limits_that_nobody_has_told_are_known_to_be_unknown_while_the_market_is_open(stand: Stand) -> None:
    stand.watch()
    stand.hear(TCS)

    assert stand.limits.unknown([INFY, TCS, 999]) == [INFY]
    stand.clock.sleep(12 * 3600)
    assert stand.limits.unknown([INFY, TCS]) == []


def test_nothing_is_due_of_nothing(stand: Stand) -> None:
    assert stand.limits.due() == []


def test_limits_that_are_not_known_are_due_the_most_at_risk_first_and_asked_for_again_in_a_while(stand: Stand) -> None:
    stand.watch()
    assert stand.limits.due() == [TCS, INFY]

    stand.limits.asked(TCS)
    stand.hear(INFY)
    assert stand.limits.due() == []

    stand.clock.sleep(NEAR_LIMIT_SECONDS + 1)
    assert stand.limits.due() == [TCS]


@pytest.mark.parametrize(
    ("price", "seconds"),
    [
        (160_000, LIMITS_SECONDS),
        (146_938, NEAR_LIMIT_SECONDS),
        (146_939, LIMITS_SECONDS),
        (172_550, NEAR_LIMIT_SECONDS),
        (172_549, LIMITS_SECONDS),
        (None, LIMITS_SECONDS),
    ],
)
def test_limits_that_are_near_are_read_again_soon(stand: Stand, price: int | None, seconds: float) -> None:
    stand.watch()
    stand.hear(INFY)
    stand.hear(TCS)
    if price is not None:
        stand.table.on_frames([ltp_frame((INFY, price), (TCS, 160_000))])

    stand.clock.sleep(seconds)
    assert INFY not in stand.limits.due()
    stand.clock.sleep(1)
    assert INFY in stand.limits.due()


@pytest.mark.parametrize(("earlier", "due"), [(56, []), (54, [TCS, INFY]), (0, [TCS, INFY])])
def test_limits_are_read_from_ten_minutes_before_the_bell(stand: Stand, earlier: int, due: list[int]) -> None:
    # 09:04, 09:06 and 10:00
    moment = MONDAY - timedelta(minutes=earlier)
    stand.clock = VirtualClock(moment)
    stand.limits = CircuitLimits(
        table=stand.table,
        watchlist=stand.watchlist,
        hours=MarketHours(NSE_SESSIONS, stand.clock),
        monotonic=stand.monotonic,
    )
    stand.watch()

    assert stand.limits.due() == due


def test_limits_are_read_while_only_some_shares_trade(stand: Stand) -> None:
    # 15:20 of a day on which shares with derivatives left at 15:15
    stand.clock.sleep_until(datetime(2026, 8, 10, 9, 50, tzinfo=UTC))
    stand.watch()

    assert stand.limits.due() == [TCS, INFY]
    assert stand.limits.unknown([INFY, TCS]) == [INFY, TCS]


def test_what_was_asked_of_an_instrument_says_nothing_of_the_next_one_in_its_row(stand: Stand) -> None:
    stand.watch()
    stand.hear(INFY)
    stand.limits.asked(TCS)
    slot = stand.table.slot_of(INFY)
    stand.watchlist.apply(armed(1, "1500", quantity=1, watched=False, armed=False))
    wipro = (3787 << 8) | 1
    stand.watchlist.apply(armed(3, "250", instrument_token=wipro, symbol="WIPRO"))
    assert stand.table.slot_of(wipro) == slot

    assert stand.limits.due() == [wipro]
    stand.limits.asked(INFY)  # an answer that comes when nobody watches it any more
    assert stand.limits.due() == [wipro]


def test_an_index_that_is_watched_for_its_time_has_no_limits_to_read(stand: Stand) -> None:
    stand.table.watch(256265)

    assert stand.limits.due() == []


def test_another_day_asks_for_every_limit_at_once(stand: Stand) -> None:
    stand.watch()
    stand.limits._day = (MONDAY - timedelta(days=3)).date()
    for token in (INFY, TCS):
        stand.limits.asked(token)
    assert stand.limits.due() == []

    stand.limits.turn_day()

    assert stand.limits.due() == [TCS, INFY]
