"""Several feeds, and the broker's quotes where they show nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from algotrading.brokers.kite.quotes import Quote
from algotrading.domain.errors import BrokerAuthFailed, BrokerUnavailable
from fargate_listener.counters import Counters
from fargate_listener.feed import Feed
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.feeds import Feeds
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import StopGuard
from fargate_listener.tick_kernel import HIGHEST_PRICE, Column
from fargate_listener.watchlist import Watchlist
from tests.integration.fargate_listener.desks import Desk, end, running, until
from tests.integration.fargate_listener.scripted_broker import ScriptedBroker, repeat, scripted_broker
from tests.unit.fargate_listener.examples import INFY, armed, ltp_frame

CREDENTIALS = FeedCredentials("key", "token")
TCS = 2953217
NIFTY = 256265


class Quotes:
    """What the broker answers to requests for quotes: rupees by key; None: it is away."""

    def __init__(self, **prices: str) -> None:
        self.prices: dict[str, str] | None = {f"NSE:{symbol}": price for symbol, price in prices.items()}
        self.tokens = {"NSE:INFY": INFY, "NSE:TCS": TCS}
        self.limits: tuple[str, str] | None = None
        self.last_trade: datetime | None = None
        self.accepted = CREDENTIALS
        self.asked: list[list[str]] = []
        self.held = threading.Event()
        self.held.set()

    def __call__(self, credentials: FeedCredentials, keys: Sequence[str]) -> list[Quote]:
        self.asked.append(list(keys))
        if credentials != self.accepted:
            raise BrokerAuthFailed("the session is over")
        assert self.held.wait(60)
        if self.prices is None:
            raise BrokerUnavailable("away")
        lowest, highest = map(Decimal, self.limits) if self.limits else (None, None)
        return [
            Quote(self.tokens[key], Decimal(self.prices[key]), lowest, highest, self.last_trade)
            for key in keys
            if key in self.prices
        ]


def open_desk(broker: ScriptedBroker, quotes: Quotes) -> Desk:
    desk = Desk(broker.url, CREDENTIALS, is_open=True, quotes=quotes)
    desk.watchlist.apply(armed(1, "1500", quantity=1))
    return desk


async def move(broker: ScriptedBroker, token: int, price: int) -> None:
    """An instrument ticks, each time a little higher."""
    while True:
        price += 1
        broker.send(ltp_frame((token, price)))
        await asyncio.sleep(0.2)


async def cut_off(desk: Desk, broker: ScriptedBroker) -> None:
    """The socket is lost, and there are no credentials for another one."""
    await until(lambda: broker.messages and desk.feeds.is_live)
    desk.credentials = None
    for socket in list(broker.sockets):
        socket.disconnect(graceful=False)
    await until(lambda: not desk.feeds.is_live)


async def test_while_the_socket_is_away_a_stop_is_hit_by_a_quote() -> None:
    quotes = Quotes(INFY="1600")
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        async with running(desk):
            await until(lambda: broker.messages)
            broker.send(ltp_frame((INFY, 160_000)))
            await until(lambda: desk.prices.latest(INFY) == 160_000)
            assert desk.hits == []

            quotes.prices = {"NSE:INFY": "1499.90"}
            await cut_off(desk, broker)

            await until(lambda: desk.hits)
            assert desk.hits[0].wire_price == 149_990
            assert desk.cover.covered() == {INFY}


async def test_when_the_feed_is_back_no_quotes_are_read_any_more() -> None:
    quotes = Quotes(INFY="1600")
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        async with running(desk):
            await cut_off(desk, broker)
            await until(lambda: desk.counters.quotes >= 2)

            desk.credentials = CREDENTIALS
            await until(lambda: desk.feeds.is_live and not desk.cover.covered())
            used = desk.counters.quotes
            await until(lambda: len(quotes.asked) > used + 2 or not desk.liveness.unshown())

            assert desk.counters.quotes == used


async def test_a_quote_that_was_asked_for_before_a_tick_does_not_undo_it() -> None:
    quotes = Quotes(INFY="1400")
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        async with running(desk):
            quotes.held.clear()
            await cut_off(desk, broker)
            asked = len(quotes.asked)
            desk.credentials = CREDENTIALS
            await until(lambda: desk.feeds.is_live)
            await until(lambda: broker.sockets)
            broker.send(ltp_frame((INFY, 160_000)))
            await until(lambda: desk.prices.latest(INFY) == 160_000)

            quotes.held.set()
            await until(lambda: len(quotes.asked) > asked or desk.counters.quotes)

            assert desk.prices.latest(INFY) == 160_000
            assert desk.hits == []


async def test_a_close_of_yesterday_and_a_row_of_another_instrument_are_no_prices() -> None:
    quotes = Quotes(INFY="1400", TCS="1400")
    quotes.last_trade = datetime(2026, 1, 1, tzinfo=UTC)
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        async with running(desk):
            await cut_off(desk, broker)
            asked = len(quotes.asked)
            await until(lambda: len(quotes.asked) > asked + 2)
            assert desk.hits == []

            quotes.last_trade = None
            quotes.tokens["NSE:INFY"] = 999
            asked = len(quotes.asked)
            await until(lambda: len(quotes.asked) > asked + 2)
            assert desk.hits == []

            quotes.tokens["NSE:INFY"] = INFY
            await until(lambda: desk.hits)


async def test_quotes_that_fail_are_counted_and_asked_for_again() -> None:
    quotes = Quotes(INFY="1400")
    quotes.prices = None
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        async with running(desk):
            await cut_off(desk, broker)
            await until(lambda: desk.counters.failed_quotes)
            assert desk.cover.covered() == frozenset()

            quotes.prices = {"NSE:INFY": "1400"}

            await until(lambda: desk.hits)


async def test_a_login_that_was_renewed_while_the_socket_lives_is_taken_for_quotes() -> None:
    quotes = Quotes(INFY="1400")
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        async with running(desk):
            await until(lambda: broker.messages and desk.feeds.is_live)
            quotes.accepted = desk.credentials = FeedCredentials("key", "the token of today")
            heart = asyncio.create_task(repeat(broker, b"\0"))

            # Then they are read with it, as soon as the socket's silence is doubtful
            await until(lambda: desk.hits)
            assert len(broker.paths) == 1
            await end(heart)


async def test_circuit_limits_are_read_once_and_an_absurd_price_is_then_none() -> None:
    quotes = Quotes(INFY="1600", TCS="3500")
    quotes.limits = ("1400", "2000.05")
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        async with running(desk):
            await until(lambda: broker.messages and quotes.asked)
            slot = desk.prices.slot_of(INFY)
            await until(lambda: desk.prices.rows[slot, Column.HIGHEST] == 200_005)
            assert desk.prices.rows[slot, Column.LOWEST] == 140_000

            broker.send(ltp_frame((INFY, 1_600)))
            broker.send(ltp_frame((INFY, 160_000)))
            await until(lambda: desk.prices.latest(INFY) == 160_000)
            assert desk.hits == []
            assert desk.prices.rows[slot, Column.HIGHEST] != HIGHEST_PRICE

            # And an instrument that is watched from now on gets its own
            desk.watchlist.apply(armed(2, "1500", instrument_token=TCS, symbol="TCS"))
            await until(lambda: ["NSE:TCS"] in quotes.asked)


async def test_an_instrument_that_no_tick_comes_of_is_read_from_quotes() -> None:
    # Given a socket that lives, and shows one of two instruments only
    quotes = Quotes(INFY="1400", TCS="3600")
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        desk.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS"))
        async with running(desk):
            await until(lambda: broker.messages)
            ticks = asyncio.create_task(move(broker, TCS, 360_000))

            await until(lambda: desk.hits)
            assert desk.liveness.stale == {INFY}
            assert [hit.stop.instrument_token for hit in desk.hits] == [INFY]
            assert desk.dials == 1
            await end(ticks)


async def test_a_feed_that_contradicts_the_quotes_is_dialled_again() -> None:
    quotes = Quotes(INFY="1600")
    async with scripted_broker() as broker:
        desk = open_desk(broker, quotes)
        async with running(desk):
            await until(lambda: broker.messages)
            ticks = asyncio.create_task(move(broker, INFY, 170_000))

            await until(lambda: desk.counters.crossed_prices == 1 and desk.dials == 2)

            assert desk.hits == []
            await end(ticks)


async def test_a_frozen_feed_is_dialled_again_and_read_from_quotes_meanwhile() -> None:
    quotes = Quotes(INFY="1400")
    async with scripted_broker() as broker:
        desk = Desk(broker.url, CREDENTIALS, is_open=True, quotes=quotes, sentinel=NIFTY)
        desk.watchlist.apply(armed(1, "1500", quantity=1))
        async with running(desk):
            await until(lambda: broker.messages)
            assert {"a": "mode", "v": ["full", [NIFTY]]} in broker.messages
            heart = asyncio.create_task(repeat(broker, b"\0"))
            await until(lambda: desk.counters.frozen_sockets == 1 and desk.dials == 2)
            assert desk.feed.fault == "frozen"
            await until(lambda: desk.hits)
            await end(heart)


class Several:
    """Feeds of several accounts, each with a broker's server of its own, and one watchlist."""

    def __init__(self, brokers: Sequence[ScriptedBroker], room: int) -> None:
        self.brokers = brokers
        self.counters, self.table = Counters(), MarketTable()
        self.hits: list[object] = []
        guard = StopGuard(table=self.table, report=self.hits.extend, counters=self.counters)
        self.watchlist = Watchlist(guard, time.monotonic)
        self.feeds = Feeds(
            feeds=[
                Feed(
                    url=broker.url,
                    credentials=lambda: CREDENTIALS,
                    guard=guard,
                    counters=self.counters,
                    monotonic=time.monotonic,
                    name=f"feed {number}",
                    silence_seconds=60,
                )
                for number, broker in enumerate(brokers)
            ],
            watchlist=self.watchlist,
            counters=self.counters,
            monotonic=time.monotonic,
            room=room,
            away_seconds=0.2,
            calm_seconds=0.2,
        )

    def add(self, number: int, *, quantity: int = 1) -> None:
        token = (number << 8) | 1
        self.watchlist.apply(armed(number, "1500", instrument_token=token, symbol=f"S{number}", quantity=quantity))

    @property
    def hands(self) -> list[int]:
        return [len(feed.subscribed) for feed in self.feeds.all]


async def test_instruments_are_dealt_taken_over_and_given_back(caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as stack:
        brokers = [await stack.enter_async_context(scripted_broker()) for _ in range(2)]
        several = Several(brokers, room=10)
        for number in range(6):
            several.add(number)
        task = asyncio.create_task(several.feeds.run())
        await until(lambda: several.hands == [3, 3])
        shares = [feed.subscribed for feed in several.feeds.all]
        lost, kept = several.feeds.all
        for broker in brokers:
            broker.send(ltp_frame(*((token, 160_000) for token in sorted(shares[0] | shares[1]))))
        await until(lambda: all(several.table.latest(token) for token in shares[0] | shares[1]))

        # When one is lost, only its prices are in doubt, and the other one takes its instruments over
        lost._url = "ws://127.0.0.1:9"
        for socket in list(brokers[0].sockets):
            socket.disconnect(graceful=False)
        await until(lambda: lost.silence is None)
        assert all(several.table.latest(token) for token in shares[1])
        assert not any(several.table.latest(token) for token in shares[0])
        await until(lambda: kept.subscribed == shares[0] | shares[1])

        # And it gives them back
        lost._url = brokers[0].url
        await until(lambda: [feed.subscribed for feed in several.feeds.all] == shares)
        told = [(line.message, vars(line).get("feeds")) for line in caplog.records if line.name.endswith(".feeds")]
        assert told == [
            ("feeds are away, and others carry their instruments", ["feed 0"]),
            ("every feed carries its own instruments again", None),
        ]

        # And what is closed on purpose is no trouble
        caplog.clear()
        await end(task)
        await several.feeds.close()
        assert [feed.trouble for feed in several.feeds.all] == ["closed", "closed"]
        assert caplog.records == []


async def test_of_a_single_feed_that_is_away_nobody_is_said_to_carry_the_instruments(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted_broker() as broker:
        several = Several([broker], room=10)
        several.add(1)
        task = asyncio.create_task(several.feeds.run())
        await until(lambda: several.hands == [1])

        several.feeds.all[0]._url = "ws://127.0.0.1:9"
        for socket in list(broker.sockets):
            socket.disconnect(graceful=False)

        def told() -> list[str]:
            return [line.message for line in caplog.records if line.name.endswith(".feeds")]

        await until(told)
        await end(task)
    assert told() == ["every feed is away: no other carries their instruments"]


async def test_what_has_no_room_is_what_has_least_at_risk_and_is_told() -> None:
    async with scripted_broker() as broker:
        several = Several([broker], room=2)
        for number, quantity in ((1, 5), (2, 1), (3, 9)):
            several.add(number, quantity=quantity)
        task = asyncio.create_task(several.feeds.run())

        await until(lambda: several.feeds.left_out == {(2 << 8) | 1})
        assert several.counters.instruments_without_room == 1
        await until(lambda: several.feeds.subscribed == {(1 << 8) | 1, (3 << 8) | 1})

        # When more is at risk there, it is carried instead of another one
        several.add(2, quantity=7)
        await until(lambda: several.feeds.subscribed == {(2 << 8) | 1, (3 << 8) | 1})
        await end(task)
        await several.feeds.close()
