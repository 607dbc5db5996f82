"""Sockets that bring traders' order updates, at the simulated exchange."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from exchange_simulator.accounts import App
from exchange_simulator.server import ExchangeServer
from exchange_simulator.threaded import ThreadedExchange
from fargate_listener.counters import Counters
from fargate_listener.feed_account import Account, FeedCredentials, FeedCredentialsMissing
from fargate_listener.order_sockets import OrderSockets
from tests.integration.fargate_listener.desks import end, until
from tests.integration.hand_orders import buy_by_hand


class Traders:
    """Accounts at the exchange, and who of them has something at stake."""

    def __init__(self, exchange: ThreadedExchange) -> None:
        self.exchange = exchange
        self.apps: dict[Account, App] = {}
        self.wanted: set[Account] = set()
        self.heard: list[tuple[Account, Any]] = []
        self.dials: list[Account] = []
        self.counters = Counters()

    def add(self, user_id: UUID | None = None) -> Account:
        """An account of a trader with something at stake."""
        account = Account(user_id or uuid4(), uuid4())
        self.apps[account] = self.exchange.run(lambda server: server.create_account())
        self.wanted.add(account)
        return account

    async def wants(self) -> set[Account]:
        """Those that are worth a socket."""
        return self.wanted

    def credentials(self, account: Account) -> FeedCredentials:
        self.dials.append(account)
        app = self.apps[account]
        if app.access_token is None:
            raise FeedCredentialsMissing("the trader has no broker login")
        return FeedCredentials(app.api_key, app.access_token, account)

    async def buy_by_hand(self, account: Account) -> None:
        """An order as the broker's own app places it."""
        app = self.apps[account]
        await asyncio.to_thread(buy_by_hand, self.exchange.url, app.api_key, app.access_token)

    def drop_sockets(self, account: Account) -> None:
        """The connection breaks."""
        app = self.apps[account]

        def drop(server: ExchangeServer) -> None:
            for connection in server.simulator.ticker.connections(app):
                connection.abort()

        self.exchange.run(drop)

    def sockets_of(self, account: Account) -> int:
        app = self.apps[account]
        return self.exchange.run(lambda server: len(server.simulator.ticker.connections(app)))


@asynccontextmanager
async def keeping(traders: Traders, **options: Any) -> AsyncIterator[OrderSockets]:
    sockets = OrderSockets(
        url=traders.exchange.ws_url,
        credentials=traders.credentials,
        wanted=traders.wants,
        hear=lambda account, data: traders.heard.append((account, data)),
        counters=traders.counters,
        monotonic=time.monotonic,
        look_seconds=0.02,
        **options,
    )
    task = asyncio.create_task(sockets.run())
    try:
        yield sockets
    finally:
        await end(task)


async def test_an_order_by_hand_is_heard_of_its_own_trader(exchange: ThreadedExchange) -> None:
    traders = Traders(exchange)
    first, second = traders.add(), traders.add()
    async with keeping(traders) as sockets:
        await until(lambda: sockets.connected == {first, second})

        await traders.buy_by_hand(second)

        await until(lambda: traders.heard)
        assert {account for account, _ in traders.heard} == {second}
        assert traders.heard[-1][1]["tag"] == "byhand"
        assert traders.counters.order_updates == len(traders.heard)


async def test_two_accounts_of_one_trader_are_heard_each_by_itself(exchange: ThreadedExchange) -> None:
    traders = Traders(exchange)
    first = traders.add()
    second = traders.add(first.user_id)
    async with keeping(traders) as sockets:
        await until(lambda: sockets.connected == {first, second})

        await traders.buy_by_hand(second)
        await until(lambda: traders.heard)
        await traders.buy_by_hand(first)
        await until(lambda: {account for account, _ in traders.heard} == {first, second})

        assert traders.heard[0][0] == second

        # When one of them has no login any more, the other is heard still.
        traders.wanted.discard(first)
        await until(lambda: sockets.connected == {second})
        assert (traders.sockets_of(first), traders.sockets_of(second)) == (0, 1)


async def test_a_socket_lives_as_long_as_something_is_at_stake(exchange: ThreadedExchange) -> None:
    traders = Traders(exchange)
    trader = traders.add()
    async with keeping(traders) as sockets:
        await until(lambda: traders.sockets_of(trader) == 1)

        traders.wanted.clear()
        await until(lambda: traders.sockets_of(trader) == 0)
        assert sockets.connected == frozenset()

        traders.wanted.add(trader)
        await until(lambda: traders.sockets_of(trader) == 1)


async def test_a_dropped_socket_is_dialled_again_with_a_fresh_token(exchange: ThreadedExchange) -> None:
    traders = Traders(exchange)
    trader = traders.add()
    async with keeping(traders) as sockets:
        await until(lambda: sockets.connected)
        app = traders.apps[trader]

        # When the trader logs in anew, which ends the old token, and the connection breaks
        exchange.run(lambda server: server.simulator.accounts.log_out(app))
        exchange.run(lambda server: server.simulator.accounts.log_in(app))
        traders.drop_sockets(trader)

        await until(lambda: len(traders.dials) >= 2 and sockets.connected)
        await traders.buy_by_hand(trader)
        await until(lambda: traders.heard)


async def test_a_trader_without_a_login_is_not_dialled_over_and_over(exchange: ThreadedExchange) -> None:
    traders = Traders(exchange)
    away, present = traders.add(), traders.add()
    away_app = traders.apps[away]
    exchange.run(lambda server: server.simulator.accounts.log_out(away_app))
    async with keeping(traders) as sockets:
        await until(lambda: sockets.connected == {present} and traders.counters.failed_order_sockets)
        await asyncio.sleep(0.5)

        assert traders.dials.count(away) == 1


async def test_no_more_sockets_than_there_is_room_for(exchange: ThreadedExchange) -> None:
    traders = Traders(exchange)
    everybody = {traders.add() for _ in range(3)}
    async with keeping(traders, most=2) as sockets:
        await until(lambda: len(sockets.connected) == 2)
        assert traders.counters.order_sockets_refused_room > 0

        # When one of them has nothing at stake any more, the third has its turn
        traders.wanted.discard(min(sockets.connected))

        await until(lambda: sockets.connected == traders.wanted)
        assert traders.wanted < everybody


async def test_every_socket_is_closed_in_the_end(exchange: ThreadedExchange) -> None:
    traders = Traders(exchange)
    trader = traders.add()
    async with keeping(traders) as sockets:
        await until(lambda: sockets.connected)

    await until(lambda: traders.sockets_of(trader) == 0)
