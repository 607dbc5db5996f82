"""Every contract runs in both worlds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from algotrading.domain.accounts import BrokerCredentials
from algotrading.ports import Broker
from exchange_simulator.simulator import Options
from exchange_simulator.threaded import ThreadedExchange
from tests.contract.brokers.worlds import MemoryWorld, SimulatedWorld, World


@pytest.fixture(scope="module")
def simulated_exchange() -> Iterator[ThreadedExchange]:
    with ThreadedExchange(Options(rate_limits=False)) as exchange:
        yield exchange


@pytest.fixture(params=["memory", "simulated exchange"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    exchange: ThreadedExchange = request.getfixturevalue("simulated_exchange")
    yield SimulatedWorld(exchange)
    exchange.run(lambda server: server.simulator.faults.clear())


@pytest.fixture
def credentials(world: World) -> BrokerCredentials:
    return world.open_account()


@pytest.fixture
def broker(world: World, credentials: BrokerCredentials) -> Broker:
    return world.brokers.connect(credentials)
