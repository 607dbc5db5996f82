"""With which credentials a feed dials while the stores are slow, and what it does with a lost connection."""

from __future__ import annotations

import asyncio
import threading
import time
from queue import Queue

import pytest

from fargate_listener import feed as feed_module
from fargate_listener.counters import Counters
from fargate_listener.feed import Backoff, Feed
from fargate_listener.feed_account import FeedCredentials, FeedCredentialsMissing
from fargate_listener.kite_socket import KiteSocket
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import StopGuard
from tests.unit.fargate_listener.examples import INFY, ltp_frame

NIFTY = 256265
T0, T1 = FeedCredentials("key", "T0"), FeedCredentials("key", "T1")


class Stores:
    """Answers a reading with what they held when it began, as soon as a test lets them."""

    def __init__(self) -> None:
        self.held: FeedCredentials | None = T0
        self.readings = 0
        self.held_up: Queue[threading.Event] = Queue()
        self.is_slow = False

    def read(self) -> FeedCredentials:
        self.readings += 1
        held = self.held
        if self.is_slow:
            go_on = threading.Event()
            self.held_up.put(go_on)
            go_on.wait(10)
        if held is None:
            raise FeedCredentialsMissing("nobody has logged in")
        return held


class Stand:
    """A feed on such stores."""

    def __init__(self) -> None:
        self.stores = Stores()
        self.table = MarketTable()
        guard = StopGuard(table=self.table, report=lambda _hits: None, counters=Counters())
        guard.watch(INFY)
        self.feed = Feed(
            url="ws://127.0.0.1:1",
            credentials=self.stores.read,
            guard=guard,
            counters=Counters(),
            monotonic=time.monotonic,
            sentinel=NIFTY,
        )


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    monkeypatch.setattr(feed_module, "CREDENTIALS_SECONDS", 0.2)
    return Stand()


async def test_what_a_late_reading_found_is_not_used_for_the_next_dial(stand: Stand) -> None:
    await stand.feed._fresh_credentials()
    stand.stores.is_slow = True
    assert await stand.feed._fresh_credentials() == T0  # from memory
    stand.stores.held, stand.stores.is_slow = T1, False
    stand.stores.held_up.get(timeout=10).set()
    await asyncio.sleep(0.05)

    assert await stand.feed._fresh_credentials() == T1


async def test_a_reading_that_hangs_is_not_begun_a_second_time(stand: Stand) -> None:
    await stand.feed._fresh_credentials()
    stand.stores.is_slow = True
    for _ in range(3):
        assert await stand.feed._fresh_credentials() == T0

    assert stand.stores.readings == 2
    stand.stores.held_up.get(timeout=10).set()


async def test_stores_that_are_always_slow_are_believed_late(stand: Stand) -> None:
    await stand.feed._fresh_credentials()
    stand.stores.is_slow, stand.stores.held = True, T1
    assert await stand.feed._fresh_credentials() == T0
    stand.stores.held_up.get(timeout=10).set()
    await asyncio.sleep(0.05)

    assert await stand.feed._fresh_credentials() == T1
    stand.stores.held_up.get(timeout=10).set()


async def test_a_login_that_ended_is_told_however_late(stand: Stand) -> None:
    await stand.feed._fresh_credentials()
    stand.stores.is_slow, stand.stores.held = True, None
    assert await stand.feed._fresh_credentials() == T0
    stand.stores.held_up.get(timeout=10).set()
    await asyncio.sleep(0.05)

    with pytest.raises(FeedCredentialsMissing):
        await stand.feed._fresh_credentials()
    assert stand.feed.is_logged_out
    stand.stores.held_up.get(timeout=10).set()


def connected(stand: Stand) -> KiteSocket:
    stand.feed._socket = socket = stand.feed._make_socket()
    return socket


async def test_a_lost_connection_takes_the_price_of_its_sentinel_along(stand: Stand) -> None:
    connected(stand).subscribed = {INFY}
    stand.table.on_frames([ltp_frame((INFY, 100), (NIFTY, 200))])

    stand.feed._lost("a test")

    assert stand.table.latest(NIFTY) is None
    assert stand.table.latest(INFY) is None


@pytest.mark.parametrize(("frames", "failures"), [(0, 3), (1, 0)])
async def test_only_a_connection_that_brought_something_was_a_good_one(
    stand: Stand, frames: int, failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "STABLE_SECONDS", -1.0)
    socket, backoff = connected(stand), Backoff(failures=3)
    socket.frames = frames
    socket.abort()

    await stand.feed._stay(backoff)

    assert backoff.failures == failures
