"""Order updates from sockets: passed on as hints, never in anybody's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.sessions import trading_day_of
from algotrading.services.order_hints import OrderHints
from fargate_listener.counters import Counters
from fargate_listener.feed_account import Account
from fargate_listener.order_news import MOST_WAITING, OrderNews
from tests.fakes.cloud import MemoryMeter
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import make_strategy, make_user
from tests.fakes.ledger import MemoryLedger
from tests.fakes.queue import MemoryQueue
from tests.fakes.runtime import MemoryRuntime
from tests.integration.fargate_listener.desks import end, until


class RealClock:
    """The machine's."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here blocks a thread")

    def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("nothing here blocks a thread")


class World:
    """The news, and what it asks for."""

    def __init__(self) -> None:
        self.clock = RealClock()
        self.database = MemoryDatabase()
        self.queue = MemoryQueue(self.clock)
        self.counters = Counters()
        self.is_away = False
        self.news = OrderNews(open_hints=self.open_hints, clock=self.clock, counters=self.counters)

    def open_hints(self) -> OrderHints:
        if self.is_away:
            raise ConnectionError("the database is away")
        runtime = MemoryRuntime(self.clock)
        return OrderHints(self.clock, MemoryLedger(self.database), runtime, self.queue, MemoryMeter())

    def hold(self, symbol: str = "TCS") -> Cycle:
        """Somebody's position of today."""
        strategy = make_strategy(make_user().user_id, symbol=symbol)
        today = trading_day_of(self.clock.now())
        cycle = replace(MemoryLedger(self.database).take(strategy, today), state=CycleState.LONG)
        self.database.cycles[cycle.strategy_id, today] = cycle
        return cycle


def account_of(cycle: Cycle) -> Account:
    """Where the cycle trades."""
    return Account(cycle.user_id, cycle.account_id)


def frame(**changes: Any) -> dict[str, Any]:
    """The `data` of an order frame, without a checksum: a socket needs none."""
    return {
        "order_id": "220303000308932",
        "status": "COMPLETE",
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "filled_quantity": 10,
        "average_price": 3521.5,
        "tag": None,
        **changes,
    }


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    task = asyncio.create_task(world.news.run())
    yield world
    await end(task)


async def test_an_update_asks_for_a_look_at_its_users_strategy(world: World) -> None:
    mine, _theirs = world.hold(), world.hold()

    world.news.hear(account_of(mine), frame())

    await until(lambda: world.queue.sent)
    ((_, command),) = world.queue.sent
    assert (command.strategy_id, command.event, command.cause) == (mine.strategy_id, OrderEvent.RECONCILE, "socket")


async def test_an_update_asks_for_a_look_at_the_strategies_of_its_own_account(world: World) -> None:
    # given one trader's positions in one symbol, in two accounts
    here = world.hold()
    there = replace(here, strategy_id=uuid4(), account_id=uuid4())
    world.database.cycles[there.strategy_id, there.trading_day] = there

    # an order by hand: only its symbol tells whom it concerns
    world.news.hear(account_of(there), frame())

    await until(lambda: world.queue.sent)
    await asyncio.sleep(0.05)
    assert {command.strategy_id for _, command in world.queue.sent} == {there.strategy_id}


async def test_a_flood_of_one_account_leaves_another_of_the_same_trader_alone(world: World) -> None:
    here = world.hold()
    there = replace(here, strategy_id=uuid4(), account_id=uuid4())
    world.database.cycles[there.strategy_id, there.trading_day] = there
    for number in range(2 * MOST_WAITING):
        world.news.hear(account_of(here), frame(order_id=str(number)))

    world.news.hear(account_of(there), frame())

    assert world.counters.dropped_order_updates == MOST_WAITING
    await until(lambda: there.strategy_id in {command.strategy_id for _, command in world.queue.sent})


async def test_what_two_watchers_hear_of_one_update_has_one_identity(world: World) -> None:
    cycle, queues = world.hold(), [MemoryQueue(world.clock), MemoryQueue(world.clock)]

    def watcher_with(queue: MemoryQueue) -> OrderNews:
        runtime, ledger = MemoryRuntime(world.clock), MemoryLedger(world.database)
        hints = OrderHints(world.clock, ledger, runtime, queue, MemoryMeter())
        return OrderNews(open_hints=lambda: hints, clock=world.clock, counters=world.counters)

    both = [watcher_with(queue) for queue in queues]
    running = [asyncio.create_task(news.run()) for news in both]
    for news in both:
        news.hear(account_of(cycle), frame())
    await until(lambda: all(queue.sent for queue in queues))
    for task in running:
        await end(task)

    # Even where the store that both share does not hold the second back
    (one, other) = (command.deduplication_id for queue in queues for _, command in queue.sent)
    assert one == other


async def test_what_cannot_be_understood_is_counted(world: World) -> None:
    cycle = world.hold()
    nonsense: tuple[object, ...] = (None, "text", [], {}, frame(order_id="x" * 500), frame(filled_quantity=-1))
    for data in nonsense:
        world.news.hear(account_of(cycle), data)
    world.news.hear(account_of(cycle), frame())

    await until(lambda: world.queue.sent)
    assert world.counters.invalid_order_updates == 6


async def test_stores_that_are_away_are_counted_and_come_back(world: World) -> None:
    cycle = world.hold()
    world.is_away = True
    world.news.hear(account_of(cycle), frame())
    await until(lambda: world.counters.failed_order_hints)

    world.is_away = False
    world.news.hear(account_of(cycle), frame())

    await until(lambda: world.queue.sent)


async def test_a_flood_of_one_account_is_dropped_and_does_not_keep_others_waiting(world: World) -> None:
    flooded, other = world.hold(), world.hold()

    for number in range(10 * MOST_WAITING):
        world.news.hear(account_of(flooded), frame(order_id=str(number)))
    begun = time.monotonic()
    world.news.hear(account_of(other), frame())

    await until(lambda: other.strategy_id in {command.strategy_id for _, command in world.queue.sent})
    assert time.monotonic() - begun < 1
    assert world.counters.dropped_order_updates == 9 * MOST_WAITING
    # The first at once, and one after its second that covers the rest
    await until(lambda: sum(command.strategy_id == flooded.strategy_id for _, command in world.queue.sent) == 2)


async def test_an_account_is_heard_again_after_its_flood(world: World) -> None:
    cycle = world.hold()
    for number in range(3 * MOST_WAITING):
        world.news.hear(account_of(cycle), frame(order_id=str(number)))
    await until(lambda: len(world.queue.sent) == 2)
    dropped = world.counters.dropped_order_updates

    world.news.hear(account_of(cycle), frame(order_id="later"))

    await until(lambda: len(world.queue.sent) == 3)
    assert world.counters.dropped_order_updates == dropped


async def test_hearing_never_waits(world: World) -> None:
    nobodys = Account(uuid4(), uuid4())
    begun = time.perf_counter()
    for _ in range(1000):
        world.news.hear(nobodys, frame())

    assert time.perf_counter() - begun < 0.5
