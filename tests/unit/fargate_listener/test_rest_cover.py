"""The broker's quotes, where the feed shows nothing: what of an answer is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from random import Random
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
from fargate_listener.quote_pace import QuotePace
from fargate_listener.rest_cover import RestCover
from fargate_listener.stop_guard import REPEAT_SECONDS, Hit, StopGuard
from fargate_listener.watchlist import Watchlist
from tests.unit.fargate_listener.examples import INFY, armed, ltp_frame

TCS = 2953217
MONDAY = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
"""10:00 in India."""
YESTERDAY = MONDAY - timedelta(days=3)
NEXT_TRADING_DAY = timedelta(days=2)
"""The Tuesday is Holi."""


class Market:
    """An armed stop at 1500, a feed that shows nothing of it, and a broker that answers what a test says."""

    def __init__(self) -> None:
        self.moment = MONDAY
        self.counters = Counters()
        self.hits: list[Hit] = []
        self.table, self.doubtful = MarketTable(), [INFY]
        self.guard = StopGuard(table=self.table, report=self.hits.extend, counters=Counters())
        self.watchlist = Watchlist(self.guard, self.monotonic)
        self.watchlist.apply(armed(1, "1500"))
        self.answer: Callable[[], Sequence[Quote]] = tuple
        self.redials: list[str] = []
        self.may_redial = True
        feed = SimpleNamespace(last_credentials=FeedCredentials("key", "token"), redial=self.redials.append)
        feeds: Any = SimpleNamespace(
            all=[feed], carrier_of=lambda _: feed, shown=frozenset({INFY, TCS}), doubtful=frozenset()
        )
        self.feeds = feeds
        self.ticked: datetime | None = None
        """When the last tick came, as far as is known."""
        self.missed: set[int] = set()
        liveness: Any = SimpleNamespace(
            doubtful=lambda: self.doubtful,
            by_quote={},
            may_redial=lambda _feed: self.may_redial,
            is_missing=lambda _token, traded: self.ticked is not None and traded > self.ticked,
            miss=self.missed.update,
        )
        self.asked: list[str] = []
        self.cover = RestCover(
            read=self.read,
            feeds=feeds,
            liveness=liveness,
            table=self.table,
            guard=self.guard,
            watchlist=self.watchlist,
            hours=MarketHours(NSE_SESSIONS, self),
            monotonic=self.monotonic,
            counters=self.counters,
        )

    def read(self, _credentials: FeedCredentials, keys: Sequence[str]) -> Sequence[Quote]:
        self.asked = list(keys)
        return self.answer()

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

        self.answer, self.asked = answer, []
        assert asyncio.run(self.cover.ask()) is not False

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


def test_what_an_answer_does_not_tell_of_is_counted(market: Market) -> None:
    market.ask()
    market.ask(quote("1499.95"))

    assert market.counters.missing_quotes == 1


def test_a_tick_that_came_while_the_broker_answered_is_newer_than_its_quote(market: Market) -> None:
    market.ask(quote("1499.95"), meanwhile=lambda: market.tick(150_100))

    assert market.hits == []
    assert market.table.latest(INFY) == 150_100


def test_the_close_of_yesterday_is_no_price_of_today(market: Market) -> None:
    market.ask(quote("1499.95", traded=YESTERDAY))

    assert market.hits == []
    assert market.table.latest(INFY) is None


@pytest.mark.parametrize("moment", ["09:15:01", "15:29:00"])
def test_quotes_are_read_from_the_bell_to_the_last_trade_of_any_share(market: Market, moment: str) -> None:
    market.moment = instant_of(date(2026, 8, 10), time.fromisoformat(moment))

    market.ask(quote("1499.95", traded=market.moment))

    assert [hit.wire_price for hit in market.hits] == [149_995]


def test_prices_are_compared_until_the_last_trade_of_any_share(market: Market) -> None:
    market.moment = instant_of(date(2026, 8, 10), time(15, 20))

    cross(market)

    assert market.cover.crossing.crossed == {INFY}


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


@pytest.mark.parametrize("price", ["0", "2000.05"])
def test_a_quote_that_is_not_believed_covers_nothing(market: Market, price: str) -> None:
    market.ask(quote(price, lowest="1440.00", highest="2000.00"))

    assert market.cover.covered() == frozenset()


@pytest.mark.parametrize("state", ["away", "in doubt"])
def test_a_tick_of_a_feed_that_is_not_believed_does_not_outdate_a_quote(market: Market, state: str) -> None:
    if state == "away":
        market.feeds.shown = frozenset()
    else:
        market.feeds.doubtful = frozenset({INFY})

    market.ask(quote("1499.95"), meanwhile=lambda: market.tick(170_000))

    assert [hit.wire_price for hit in market.hits] == [149_995]


def test_an_instrument_in_doubt_all_day_keeps_no_other_from_its_limits(market: Market) -> None:
    market.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS"))
    market.doubtful = [TCS]

    market.ask(quote("1600", lowest="1440.00", highest="1760.00"))
    assert market.asked == ["NSE:TCS", "NSE:INFY"]
    market.tick(100)

    assert market.hits == []


def test_what_has_not_traded_today_is_seen_and_rarely_asked_for(market: Market) -> None:
    # Given limits, so that nothing else is to be asked, on a socket that shows the market
    market.ask(quote("1499.95", traded=YESTERDAY, lowest="1400.00", highest="1760.00"))
    asked = 0
    for _ in range(120):
        market.moment += timedelta(seconds=1)
        market.cover._compared_at = market.monotonic()
        market.ask(quote("1499.95", traded=YESTERDAY, lowest="1400.00", highest="1760.00"))
        asked += bool(market.asked)
        assert market.cover.covered() == {INFY}
    assert 2 <= asked <= 4

    # When the socket is lost, then it is asked for again at once, and its first trade is a hit
    market.feeds.shown = frozenset()
    market.moment += timedelta(seconds=6)
    assert market.cover.covered() == frozenset()
    market.ask(quote("1499.95"))
    assert [hit.wire_price for hit in market.hits] == [149_995]


def well(market: Market) -> None:
    """The feed shows 1510, and its last tick came a minute ago."""
    market.doubtful = []
    market.tick(151_000)
    market.ticked = MONDAY - timedelta(seconds=60)


@pytest.mark.parametrize("asked_for", ["its limits", "comparing"])
def test_a_trade_that_the_feed_did_not_show_hits_the_stop_whatever_was_asked_for(
    market: Market, asked_for: str
) -> None:
    # Given an instrument that seems well, 0.7 % above what has been traded since
    well(market)
    if asked_for == "comparing":
        market.ask(quote("1510", lowest="1440.00", highest="1760.00", traded=MONDAY - timedelta(seconds=60)))
        market.moment += timedelta(seconds=5)

    market.ask(quote("1499", traded=MONDAY - timedelta(seconds=30)))

    # Then that is a hit, and nobody claims that the feed shows the instrument
    assert [hit.wire_price for hit in market.hits] == [149_900]
    assert market.missed == {INFY}
    assert market.cover.crossing.crossed == frozenset()


@pytest.mark.parametrize(
    ("price", "traded"),
    [
        ("1499", MONDAY - timedelta(seconds=61)),  # before the last tick
        ("1499", YESTERDAY),
        ("1500.05", MONDAY - timedelta(seconds=30)),  # above the stop
        ("0", MONDAY - timedelta(seconds=30)),
        ("1399", MONDAY - timedelta(seconds=30)),  # below the day's limits
    ],
)
def test_what_the_feed_has_outdated_and_what_reaches_nothing_does_nothing(
    market: Market, price: str, traded: datetime
) -> None:
    well(market)

    market.ask(quote(price, traded=traded, lowest="1400.00", highest="1760.00"))

    assert market.hits == []
    assert market.missed == set()
    assert market.table.latest(INFY) == 151_000


def test_a_trade_of_nobody_knows_when_and_one_that_a_tick_follows_are_no_proof(market: Market) -> None:
    well(market)
    market.ask(Quote(INFY, Decimal(1499), None, None, None))
    market.moment += timedelta(seconds=5)

    market.ask(quote("1499", traded=market.moment), meanwhile=lambda: market.tick(151_005))

    assert market.hits == []
    assert market.missed == set()
    assert market.table.latest(INFY) == 151_005


def cross(market: Market) -> None:
    """The feed says 1700 and the broker's quotes say 1499.95, for longer than one of them can be late."""
    market.doubtful = []
    for _ in range(3):
        market.tick(170_000)
        market.ask(quote("1499.95", lowest="1440.00", highest="1760.00", traded=market.moment))
        market.moment += timedelta(seconds=5)


def test_of_an_instrument_with_two_prices_both_count(market: Market) -> None:
    # When one is told while another instrument is in doubt
    market.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS"))
    cross(market)
    assert market.cover.crossing.crossed == {INFY}
    assert market.redials == ["the feed and the broker's quotes disagree"]
    assert [hit.wire_price for hit in market.hits] == [149_995]
    market.doubtful = [TCS]

    # Then each quote hits the stop, though the feed ticks meanwhile
    market.tick(170_000)
    market.guard.repeat(market.monotonic() + REPEAT_SECONDS)
    market.ask(quote("1499.90"), meanwhile=lambda: market.tick(170_000))
    assert [hit.wire_price for hit in market.hits][-1] == 149_990
    assert INFY in market.cover.covered()

    # And what was read from a quote does not end the doubt, but a tick does
    market.moment += timedelta(seconds=5)
    market.ask(quote("1499.95"))
    assert market.cover.crossing.crossed == {INFY}
    market.moment += timedelta(seconds=5)
    market.tick(150_000)
    market.ask(quote("1499.95"))
    assert market.cover.crossing.crossed == frozenset()


def test_prices_that_contradict_each_other_again_and_again_do_not_have_a_feed_dialled_each_time(market: Market) -> None:
    market.may_redial = False

    cross(market)

    assert market.cover.crossing.crossed == {INFY}
    assert market.redials == []


def test_a_feed_that_is_in_doubt_is_no_other_source(market: Market) -> None:
    # It is read from quotes anyway, and a dial for it would end what is known of its standing still
    market.feeds.doubtful = frozenset({INFY})

    cross(market)

    assert market.cover.crossing.crossed == frozenset()
    assert market.redials == []


def test_however_many_prices_contradict_each_other_all_are_found(market: Market) -> None:
    # Given 150 instruments, all of which the feed shows at another price than the broker
    tokens = [(number << 8) | 1 for number in range(1, 151)]
    for number, token in enumerate(tokens, start=2):
        market.watchlist.apply(armed(number, "1500", instrument_token=token, symbol=f"S{token}"))
    market.feeds.shown = frozenset(tokens)
    market.doubtful = []

    # When 45 s pass: the three samples take 15, and each is compared again after 5
    for second in range(45):
        market.moment += timedelta(seconds=1)
        frame = ltp_frame(*((token, 170_000 + second) for token in tokens))
        market.guard.on_frames([frame], market.monotonic())
        market.ask(*(quote("1600", token=token, lowest="1440.00", highest="1760.00") for token in tokens))

    assert market.cover.crossing.crossed == set(tokens)


def test_a_price_that_the_wire_cannot_carry_is_no_price(market: Market) -> None:
    market.ask(quote("21474836.47"))
    assert market.cover.covered() == {INFY}

    market.ask(quote("50000000"))

    assert market.table.latest(INFY) == 2**31 - 1


def test_requests_go_to_one_account_after_the_other(market: Market) -> None:
    used: list[str] = []
    accounts = [SimpleNamespace(last_credentials=FeedCredentials(key, "token")) for key in ("one", "two")]
    market.feeds.all = accounts

    def read(credentials: FeedCredentials, _keys: Sequence[str]) -> Sequence[Quote]:
        used.append(credentials.api_key)
        return ()

    market.cover._read = read
    for _ in range(3):
        asyncio.run(market.cover.ask())

    assert used == ["one", "two", "one"]


class TwoWatchers:
    """Two whole watchers on one key, in virtual time: the broker answers one request a second, and nothing is in
    doubt. Of each, when it was answered and what it had asked for."""

    def __init__(self, apart: float, seed: int, armed_instruments: int) -> None:
        self.dice = Random(seed)
        self.last = float("-inf")
        self.markets = [Market(), Market()]
        self.answered: list[list[tuple[float, set[str]]]] = [[], []]
        self.turns = [(0.0, 0), (apart, 1)]
        self.quotes = [
            quote("1600", token=(number << 8) | 1, lowest="1440.00", highest="1760.00")
            for number in range(1, armed_instruments + 1)
        ]
        tokens = [each.instrument_token for each in self.quotes]
        for who, market in enumerate(self.markets):
            market.doubtful = []
            market.watchlist.apply(armed(1, "1500", watched=False, armed=False))
            for number, token in enumerate(tokens, start=2):
                market.watchlist.apply(armed(number, "1500", instrument_token=token, symbol=f"S{token}"))
            market.feeds.shown = frozenset(tokens)
            market.cover._pace = QuotePace(chance=self.dice.random)
            market.cover._read = partial(self.read, who)

    def read(self, who: int, _credentials: FeedCredentials, keys: Sequence[str]) -> Sequence[Quote]:
        market = self.markets[who]
        market.moment += timedelta(seconds=self.dice.uniform(0, 0.2))
        arrived = market.monotonic()
        market.moment += timedelta(seconds=self.dice.uniform(0, 0.2))
        if arrived - self.last < 1.0:
            raise OSError("429 Too Many Requests")
        self.last = arrived
        self.answered[who].append((arrived, set(keys)))
        return self.quotes

    def live(self, seconds: float) -> None:
        """Each asks, and again when its pace says so."""
        with asyncio.Runner() as runner:
            while (turn := min(self.turns))[0] < seconds:
                at, who = turn
                market = self.markets[who]
                market.moment = MONDAY + timedelta(seconds=at)
                pause = market.cover._pace.after(runner.run(market.cover.ask()))
                self.turns[who] = max(market.monotonic(), at + pause), who


@pytest.mark.parametrize("apart", [0.0, 0.01, 1.0, 2.2, 4.0])
def test_two_watchers_that_have_nothing_else_to_ask_compare_as_often_as_one(apart: float) -> None:
    two = TwoWatchers(apart, seed=int(apart * 100), armed_instruments=120)

    two.live(900)

    for answered in two.answered:
        moments = [at for at, _ in answered]
        assert longest_gap(moments) < 7.0
        for each in two.quotes:
            key = f"NSE:S{each.instrument_token}"
            assert longest_gap([at for at, keys in answered if key in keys]) < 3 * 7.0


def longest_gap(moments: Sequence[float]) -> float:
    """Between one and the next, and before the first."""
    return max(later - earlier for earlier, later in pairwise([0.0, *moments, 900.0]))


def test_a_sample_that_the_broker_refused_is_asked_for_again(market: Market) -> None:
    well(market)
    market.ask(quote("1510", lowest="1440.00", highest="1760.00", traded=MONDAY - timedelta(seconds=60)))
    market.moment += timedelta(seconds=5)

    def refuse() -> Sequence[Quote]:
        raise OSError

    market.answer = refuse
    assert asyncio.run(market.cover.ask()) is False
    market.moment += timedelta(seconds=1)
    market.ask(quote("1510"))

    assert market.asked == ["NSE:INFY"]
