from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kiteconnect import KiteConnect

from exchange_simulator.simulator import Options
from exchange_simulator.threaded import ThreadedExchange


@pytest.fixture(scope="module")
def exchange() -> Iterator[ThreadedExchange]:
    """A running exchange without request limits."""
    with ThreadedExchange(Options(rate_limits=False)) as running:
        yield running


@pytest.fixture
def new_client(exchange: ThreadedExchange) -> Iterator[Callable[..., KiteConnect]]:
    """Opens an account and gives the official client logged in to it."""
    clients = []

    def create(**options: Any) -> KiteConnect:
        app = exchange.run(lambda server: server.create_account(**options))
        clients.append(KiteConnect(app.api_key, app.access_token, root=exchange.url))
        return clients[-1]

    yield create
    for client in clients:
        client.reqsession.close()


@pytest.fixture
def kite(new_client: Callable[..., KiteConnect]) -> KiteConnect:
    """The official client of an account with a crore of rupees."""
    return new_client(funds=10_000_000)
