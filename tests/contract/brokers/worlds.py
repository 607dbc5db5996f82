"""Two worlds in which a broker session can be tried: one in memory, one over HTTP against the simulated exchange."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPErrorProcessor, build_opener

from algotrading.brokers.kite import KiteBrokers
from algotrading.brokers.kite.line import Limits
from algotrading.domain.accounts import BrokerCredentials, BrokerName
from algotrading.ports import Brokers, Clock
from exchange_simulator.money import paise
from exchange_simulator.server import ExchangeServer
from exchange_simulator.threaded import ThreadedExchange
from tests.fakes.broker import MemoryBrokers
from tests.fakes.clock import VirtualClock
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import MemoryExchange, fills, loses, rejects, throttles

SYMBOL = "INFY"
PRICE = Decimal("1545.00")


class World(Protocol):
    """An exchange that a test can arrange, and the way in."""

    @property
    def brokers(self) -> Brokers:
        """The way in."""

    @property
    def clock(self) -> Clock:
        """The world's time."""

    def open_account(self, *, cash: Decimal = Decimal(1_000_000)) -> BrokerCredentials:
        """A new trader, logged in."""

    def kill_token(self, credentials: BrokerCredentials) -> None:
        """Let the access token die."""

    def log_in(self, credentials: BrokerCredentials) -> str:
        """Follow the login page; the request token it hands out."""

    def set_price(self, price: Decimal) -> None:
        """Move SYMBOL's price and hold it there."""

    def lose_next_answer(self, *, placed: bool) -> None:
        """The next order's sender hears nothing of use."""

    def throttle_next(self) -> None:
        """The next order meets the rate limit."""

    def reject_next(self) -> None:
        """The next order is accepted and then rejected."""

    def fill_next_partly(self, quantity: int) -> None:
        """The next order trades `quantity` and rests."""

    def lag_book(self, seconds: float) -> None:
        """The book shows the state of `seconds` ago."""


class MemoryWorld:
    """Everything in this process, on a virtual clock."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.exchange = MemoryExchange(self.clock, {SYMBOL: PRICE})
        self.exchange.instruments = (make_instrument(SYMBOL), make_instrument("WIPRO", has_derivatives=False))
        self.brokers = MemoryBrokers(self.exchange)

    def open_account(self, *, cash: Decimal = Decimal(1_000_000)) -> BrokerCredentials:
        return self.exchange.open_account(cash=cash)

    def kill_token(self, credentials: BrokerCredentials) -> None:
        self.exchange.log_out(credentials.api_key)

    def log_in(self, credentials: BrokerCredentials) -> str:
        return self.exchange.issue_request_token(credentials.api_key)

    def set_price(self, price: Decimal) -> None:
        self.exchange.set_price(SYMBOL, price)

    def lose_next_answer(self, *, placed: bool) -> None:
        self.exchange.plan(loses(placed=placed))

    def throttle_next(self) -> None:
        self.exchange.plan(throttles())

    def reject_next(self) -> None:
        self.exchange.plan(rejects())

    def fill_next_partly(self, quantity: int) -> None:
        self.exchange.plan(fills((0, quantity)))

    def lag_book(self, seconds: float) -> None:
        self.exchange.book_lag = seconds


@dataclass(frozen=True)
class WallClock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(seconds, 0))

    def sleep_until(self, instant: datetime) -> None:
        self.sleep((instant - self.now()).total_seconds())


class SimulatedWorld:
    """The Kite adapter, over HTTP, against the simulated exchange."""

    def __init__(self, exchange: ThreadedExchange) -> None:
        self.clock = WallClock()
        self._exchange = exchange
        self.brokers = KiteBrokers(
            api_url=exchange.url,
            login_url=f"{exchange.url}/connect/login",
            clock=self.clock,
            limits=Limits(connect_seconds=2, read_seconds=5, order_seconds=5),
        )
        self._user_ids: dict[str, str] = {}
        self.set_price(PRICE)

    def open_account(self, *, cash: Decimal = Decimal(1_000_000)) -> BrokerCredentials:
        def create(server: ExchangeServer) -> tuple[str, BrokerCredentials]:
            accounts = server.simulator.accounts
            app = accounts.create(cash=paise(cash), redirect_url="http://127.0.0.1:9/callback")
            token = accounts.log_in(app)
            return app.user_id, BrokerCredentials(BrokerName.KITE, app.api_key, app.api_secret, token)

        user_id, credentials = self._exchange.run(create)
        self._user_ids[credentials.api_key] = user_id
        return credentials

    def kill_token(self, credentials: BrokerCredentials) -> None:
        def kill(server: ExchangeServer) -> None:
            app = server.simulator.accounts.by_key(credentials.api_key)
            assert app is not None
            server.simulator.accounts.log_out(app)

        self._exchange.run(kill)

    def log_in(self, credentials: BrokerCredentials) -> str:
        page = self.brokers.login_url(credentials.broker, credentials.api_key, state="s")
        with build_opener(_NoRedirect).open(f"{page}&{urlencode({'auto': 1})}", timeout=5) as response:
            location = urlsplit(str(response.headers["Location"]))
        return parse_qs(location.query)["request_token"][0]

    def set_price(self, price: Decimal) -> None:
        def move(server: ExchangeServer) -> None:
            venue = server.simulator.venue
            instrument = venue.instruments.find(f"NSE:{SYMBOL}")
            assert instrument is not None
            venue.set_price(instrument, paise(price), hold=True)

        self._exchange.run(move)

    def lose_next_answer(self, *, placed: bool) -> None:
        name = "accept_then_503" if placed else "reset_before_accept"
        self._arm(name, route="place")

    def throttle_next(self) -> None:
        self._arm("burst_429", route="place")

    def reject_next(self) -> None:
        self._arm("reject", params={"message": "Insufficient funds."})

    def fill_next_partly(self, quantity: int) -> None:
        self._arm("partial_fill", params={"quantity": quantity, "rest_ms": None})

    def lag_book(self, seconds: float) -> None:
        self._arm("book_lag", count=None, params={"ms": seconds * 1000})

    def _arm(self, name: str, **how: Any) -> None:
        self._exchange.run(lambda server: server.simulator.faults.arm(name, **how))


class _NoRedirect(HTTPErrorProcessor):
    """Hands back a redirect instead of following it."""

    def http_response(self, _request: Any, response: Any) -> Any:
        return response


def eventually(world: World, look: Callable[[], Any], seconds: float = 3.0) -> Any:
    """The first truthy thing that `look` sees; None when `seconds` of the world's time bring none."""
    for _ in range(int(seconds / 0.02)):
        if seen := look():
            return seen
        world.clock.sleep(0.02)
    return None
