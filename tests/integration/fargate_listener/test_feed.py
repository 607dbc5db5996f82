"""The feed against the simulated exchange: ticks, drops, silence, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from exchange_simulator.accounts import App
from exchange_simulator.server import ExchangeServer
from fargate_listener.feed_account import FeedCredentials
from tests.integration.fargate_listener.desks import Desk, running, until
from tests.unit.fargate_listener.examples import INFY, armed

TCS = 2953217
FAR_ABOVE_THE_MARKET = "99999"


class Exchange:
    """The simulated exchange, and one account on it."""

    def __init__(self, server: ExchangeServer, app: App) -> None:
        self.server = server
        self.app = app

    @property
    def credentials(self) -> FeedCredentials:
        return FeedCredentials(self.app.api_key, self.app.access_token or "")

    @property
    def subscriptions(self) -> dict[int, str]:
        """Token -> mode, over all sockets."""
        sockets = self.server.simulator.ticker.connections(self.app)
        return {token: str(mode) for socket in sockets for token, mode in socket.modes.items()}

    def strike(self, fault: str) -> None:
        self.server.simulator.faults.arm(fault)
        self.server.simulator.strike_sockets()

    def desk(self) -> Desk:
        return Desk(self.server.ws_url, self.credentials)


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with ExchangeServer() as server:
        yield Exchange(server, server.create_account())


async def test_ticks_of_watched_instruments_arrive_in_the_cheapest_mode(exchange: Exchange) -> None:
    desk = exchange.desk()
    desk.watchlist.apply(armed(1, "0.05"))

    async with running(desk):
        await until(lambda: desk.prices.latest(INFY))

        assert exchange.subscriptions == {INFY: "ltp"}
        assert desk.feed.trouble is None
        assert desk.hits == []


async def test_subscriptions_follow_the_watchlist(exchange: Exchange) -> None:
    desk = exchange.desk()
    desk.watchlist.apply(armed(1, "0.05"))
    async with running(desk):
        await until(lambda: exchange.subscriptions.keys() == {INFY})

        desk.watchlist.apply(armed(2, "0.05", instrument_token=TCS, symbol="TCS"))
        await until(lambda: exchange.subscriptions.keys() == {INFY, TCS})

        desk.watchlist.apply(armed(1, "0.05", armed=False, watched=False))
        await until(lambda: exchange.subscriptions.keys() == {TCS})
        assert desk.prices.latest(INFY) is None


async def test_the_first_tick_at_or_below_the_stop_is_a_hit(exchange: Exchange) -> None:
    desk = exchange.desk()
    desk.watchlist.apply(armed(1, FAR_ABOVE_THE_MARKET))

    async with running(desk):
        await until(lambda: desk.hits)

        assert [hit.stop.strategy_id.int for hit in desk.hits] == [1001]
        assert desk.hits[0].wire_price == desk.prices.latest(INFY)


async def test_a_dropped_connection_is_redialled_and_everything_subscribed_again(exchange: Exchange) -> None:
    desk = exchange.desk()
    desk.watchlist.apply(armed(1, "0.05"))
    async with running(desk):
        await until(lambda: desk.prices.latest(INFY))

        exchange.strike("ws_close_1006")
        # And a stop changes in that moment
        desk.watchlist.apply(armed(2, FAR_ABOVE_THE_MARKET, instrument_token=TCS, symbol="TCS"))

        await until(lambda: desk.hits and desk.prices.latest(INFY))
        assert exchange.subscriptions == {INFY: "ltp", TCS: "ltp"}
        assert desk.dials == 2


async def test_a_mute_connection_is_dropped_and_redialled(exchange: Exchange) -> None:
    desk = exchange.desk()
    desk.watchlist.apply(armed(1, "0.05"))
    async with running(desk):
        await until(lambda: desk.prices.latest(INFY))

        # When the exchange keeps the socket open and says nothing any more, not even a heartbeat
        exchange.strike("ws_mute")

        await until(lambda: desk.counters.mute_sockets == 1)
        await until(lambda: desk.prices.latest(INFY))
        assert len(exchange.server.simulator.ticker.connections(exchange.app)) == 1


async def test_heartbeats_alone_keep_a_connection(exchange: Exchange) -> None:
    # Given nothing to watch, so that only heartbeats come
    desk = exchange.desk()
    async with running(desk):
        await until(lambda: desk.feed.silence is not None)

        await asyncio.sleep(desk.silence_seconds + 1)

        assert desk.dials == 1
        assert desk.counters.mute_sockets == 0


async def test_a_refused_token_is_dialled_again_with_the_fresh_one(exchange: Exchange) -> None:
    # Given the token of yesterday
    desk = exchange.desk()
    desk.credentials = FeedCredentials(exchange.app.api_key, "yesterday")
    desk.watchlist.apply(armed(1, "0.05"))
    async with running(desk):
        await until(lambda: desk.counters.refused_dials == 1)
        assert desk.feed.trouble == "the upgrade was refused: HTTP 403"

        # When somebody logs in
        desk.credentials = exchange.credentials

        await until(lambda: desk.prices.latest(INFY))
        assert desk.feed.trouble is None


async def test_a_refusal_on_reconnecting_is_survived(exchange: Exchange) -> None:
    desk = exchange.desk()
    desk.watchlist.apply(armed(1, "0.05"))
    async with running(desk):
        await until(lambda: desk.prices.latest(INFY))

        exchange.server.simulator.faults.arm("403_on_reconnect")
        exchange.strike("ws_close_1006")

        await until(lambda: desk.counters.refused_dials == 1)
        await until(lambda: desk.prices.latest(INFY))


async def test_without_credentials_the_feed_waits_for_them(exchange: Exchange) -> None:
    desk = exchange.desk()
    desk.credentials = None
    async with running(desk):
        await until(lambda: desk.counters.missing_credentials)
        assert desk.feed.trouble == "nobody has logged in"
        assert desk.feed.silence is None

        desk.credentials = exchange.credentials

        await until(lambda: desk.feed.silence is not None)


async def test_the_broker_not_answering_is_survived() -> None:
    # Given an exchange that is not there yet
    async with ExchangeServer() as server:
        url = server.ws_url
    desk = Desk(url, FeedCredentials("key", "token"))

    async with running(desk):
        await until(lambda: desk.dials >= 3)

    assert desk.feed.trouble is not None


async def test_own_orders_on_the_feed_account_are_counted_and_ignored(exchange: Exchange) -> None:
    desk = exchange.desk()
    async with running(desk):
        await until(lambda: desk.feed.silence is not None)

        exchange.server.simulator.ticker.send_text(exchange.app, "order", {"tag": "x", "status": "COMPLETE"})
        exchange.server.simulator.ticker.send_text(exchange.app, "error", "Too many tokens")
        exchange.server.simulator.ticker.send_text(exchange.app, "message", "Markets are closed")

        await until(lambda: desk.counters.order_updates and desk.counters.feed_errors)
        assert (desk.counters.order_updates, desk.counters.feed_errors) == (1, 1)
