"""The broker's quotes, where the feed shows nothing: what of an answer is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from algotrading.brokers.kite.quotes import Quote
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import instant_of
from fargate_listener.counters import Counters
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.rest_cover import RestCover
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import Watchlist
from tests.unit.fargate_listener.examples import INFY, armed, ltp_frame

MONDAY = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
"""10:00 in India."""
NEXT_TRADING_DAY = timedelta(days=2)
"""The Tuesday is Holi."""


class Market:
    """An armed stop at 1500, a feed that shows nothing of it, and a broker that answers what a test says."""

    def __init__(self) -> None:
        self.moment = MONDAY
        self.hits: list[Hit] = []
        self.table, self.doubtful = MarketTable(), [INFY]
        self.guard = StopGuard(table=self.table, report=self.hits.extend, counters=Counters())
        self.watchlist = Watchlist(self.guard, self.monotonic)
        self.watchlist.apply(armed(1, "1500"))
        self.answer: Callable[[], Sequence[Quote]] = tuple
        feed = SimpleNamespace(last_credentials=FeedCredentials("key", "token"))
        feeds: Any = SimpleNamespace(all=[feed], carrier_of=lambda _: None)
        liveness: Any = SimpleNamespace(doubtful=lambda: self.doubtful, by_quote={})
        self.cover = RestCover(
            read=lambda _credentials, _keys: self.answer(),
            feeds=feeds,
            liveness=liveness,
            table=self.table,
            guard=self.guard,
            watchlist=self.watchlist,
            hours=MarketHours(NSE_SESSIONS, self),
            monotonic=self.monotonic,
            counters=Counters(),
        )

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits by the clock")

    def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("nothing here waits by the clock")

    def monotonic(self) -> float:
        return (self.moment - MONDAY).total_seconds()

    def ask(self, *quotes: Quote, meanwhile: Callable[[], None] = lambda: None) -> None:
        """One request, which is answered so; `meanwhile` happens while the broker answers."""

        def answer() -> Sequence[Quote]:
            meanwhile()
            return quotes

        self.answer = answer
        assert asyncio.run(self.cover.ask())

    def tick(self, wire_price: int) -> None:
        """The feed shows a price after all."""
        self.guard.on_frames([ltp_frame((INFY, wire_price))], self.monotonic())


@pytest.fixture
def market() -> Market:
    return Market()


def quote(
    price: str, *, token: int = INFY, lowest: str | None = None, highest: str | None = None, traded: datetime = MONDAY
) -> Quote:
    least, most = (None if limit is None else Decimal(limit) for limit in (lowest, highest))
    return Quote(token, Decimal(price), least, most, traded)


def test_a_quote_counts_as_a_tick(market: Market) -> None:
    market.ask(quote("1499.95"))

    assert [hit.wire_price for hit in market.hits] == [149_995]
    assert market.cover.covered() == {INFY}


def test_a_tick_that_came_while_the_broker_answered_is_newer_than_its_quote(market: Market) -> None:
    market.ask(quote("1499.95"), meanwhile=lambda: market.tick(150_100))

    assert market.hits == []
    assert market.table.latest(INFY) == 150_100


def test_the_close_of_yesterday_is_no_price_of_today(market: Market) -> None:
    market.ask(quote("1499.95", traded=MONDAY - timedelta(days=3)))

    assert market.hits == []
    assert market.table.latest(INFY) is None
    assert market.cover.covered() == frozenset()


@pytest.mark.parametrize("moment", ["09:15:01", "15:29:00"])
def test_quotes_are_read_from_the_bell_to_the_last_trade_of_any_share(market: Market, moment: str) -> None:
    market.moment = instant_of(date(2026, 8, 10), time.fromisoformat(moment))

    market.ask(quote("1499.95", traded=market.moment))

    assert [hit.wire_price for hit in market.hits] == [149_995]


def test_a_row_of_another_instrument_than_was_asked_for_says_nothing(market: Market) -> None:
    market.ask(quote("1499.95", token=INFY + 256))

    assert market.hits == []


def test_a_price_beyond_the_limits_of_the_same_answer_is_not_believed(market: Market) -> None:
    market.ask(quote("1499.95", lowest="1500.00", highest="1800.00"))

    assert market.hits == []


def test_limits_of_yesterday_are_not_todays(market: Market) -> None:
    # Given limits of Monday, below which a price is not believed
    market.ask(quote("1600", lowest="1500.05", highest="1800.00"))
    market.tick(149_995)
    assert market.hits == []

    # When the market has moved on to the next day, before its limits are known
    market.moment += NEXT_TRADING_DAY
    market.doubtful = []
    market.ask()
    market.tick(149_995)

    assert [hit.wire_price for hit in market.hits] == [149_995]


def test_limits_are_read_again_on_the_next_day(market: Market) -> None:
    market.ask(quote("1600", lowest="1440.00", highest="1760.00"))
    market.doubtful = []
    asked = []
    market.ask(meanwhile=lambda: asked.append("at once"))
    market.moment += NEXT_TRADING_DAY
    market.ask(quote("1600", lowest="1300.00", highest="1760.00"), meanwhile=lambda: asked.append("the next day"))

    market.tick(140_000)
    assert asked[-1] == "the next day"
    assert [hit.wire_price for hit in market.hits] == [140_000]


@pytest.mark.parametrize(("lowest", "highest"), [("1e30", "1e31"), ("1760", "1440"), ("1440", "1440"), ("-1e30", "-1")])
def test_limits_between_which_no_price_fits_are_not_believed(market: Market, lowest: str, highest: str) -> None:
    market.doubtful = []

    market.ask(quote("1600", lowest=lowest, highest=highest))
    market.tick(149_995)

    assert [hit.wire_price for hit in market.hits] == [149_995]
