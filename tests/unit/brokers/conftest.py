"""A Kite session against a server that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from algotrading.brokers.kite import KiteBrokers
from algotrading.brokers.kite.broker import KiteBroker
from tests.unit.brokers.kite_session import FixedClock, connect, kite_at
from tests.unit.brokers.misbehaving_server import MisbehavingServer


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 20, 4, 0, tzinfo=UTC))


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with MisbehavingServer() as server:
        yield server


@pytest.fixture
def brokers(server: MisbehavingServer, clock: FixedClock) -> KiteBrokers:
    return kite_at(server.url, clock=clock)


@pytest.fixture
def broker(brokers: KiteBrokers) -> KiteBroker:
    return connect(brokers)
