"""Two watchers, one of which goes while prices fall through stops: every stop is told at the first tick below it.

Each watcher has a queue of its own here, so that it can be seen who told what; the last test gives them one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from algotrading.contracts.messages import OrderCommand, OrderEvent
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.server import ExchangeServer
from fargate_listener.stop_guard import REPEAT_SECONDS
from tests.integration.fargate_listener.conftest import World
from tests.integration.fargate_listener.desks import PATIENCE
from tests.integration.fargate_listener.test_process import ask_health, exit_code
from twin.processes import Child, start_module
from twin.servers import free_port

STEP = Decimal("0.20")
TICK_SECONDS = 0.1
"""Ten ticks a second, several times as many as the broker sends of one instrument."""
STOPS = 240


@dataclass(frozen=True)
class Watching:
    """A watcher's process and the queue that it alone writes to."""

    world: World
    child: Child
    health_port: int
    queue_url: str

    async def until_sees(self, stops: int) -> None:
        """Wait until it would see, and has all of the stops."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await ask_health(self.world, self.health_port)
                if answer["http"] == 200 and answer["armed_stops"] == stops:
                    return
                await asyncio.sleep(0.05)

    async def told(self) -> list[OrderCommand]:
        """Everything that it has put into its queue. It ends, since it tells again of what stays below its stop."""
        if self.child.process.returncode is None:
            self.child.process.terminate()
            assert await exit_code(self.child.process.wait()) == 0
        return await asyncio.to_thread(drain, self.world, self.queue_url)


async def start(world: World, queue_url: str | None = None) -> Watching:
    """One more watcher."""
    if queue_url is None:
        made = world.sqs.create_queue(QueueName=f"{uuid4().hex}.fifo", Attributes={"FifoQueue": "true"})
        queue_url = made["QueueUrl"]
    port = free_port()
    environment = world.environment | {"PRIORITY_QUEUE_URL": queue_url, "HEALTH_PORT": str(port)}
    child = await start_module(world.state, f"watcher-{port}", "fargate_listener", environment=environment)
    world.watchers.append(child)
    return Watching(world, child, port, queue_url)


def drain(world: World, queue_url: str) -> list[OrderCommand]:
    """Take everything out of a queue."""
    sqs, found = world.sqs, []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        found += [OrderCommand.model_validate_json(message["Body"]) for message in messages]
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)  # type: ignore[arg-type]
    return found


@dataclass
class Fall:
    """The market of INFY: pinned, then falling a step at a time through a stop at every other step."""

    world: World
    stops: dict[UUID, Decimal] = field(default_factory=dict)
    highest: Decimal = field(init=False)
    price: Decimal = field(init=False)
    _falling: asyncio.Task[None] | None = None

    def prepare(self, stops: int) -> None:
        """Positions whose stops lie one below the other."""
        self.highest = self.price = Decimal(self.world.exchange.run(_last_paise) // 100)
        self._show()
        for number in range(stops):
            stop = self.highest - STEP * (2 * number + 1) - Decimal("0.05")
            strategy = self.world.add_running_strategy(str(stop))
            self.world.buy(strategy)
            self.stops[strategy.strategy_id] = stop

    def begin(self) -> None:
        """Fall on until told to end."""
        self._falling = asyncio.create_task(self._fall())

    async def reach(self, share: float) -> None:
        """Wait until that share of the stops has been reached."""
        lowest = min(self.stops.values())
        while self.price > self.highest - (self.highest - lowest) * Decimal(share):
            assert self._falling is not None
            assert not self._falling.done()
            await asyncio.sleep(TICK_SECONDS)

    async def end(self) -> dict[UUID, Decimal]:
        """Fall through all that is left at once. The first price that reached each stop."""
        assert self._falling is not None
        self._falling.cancel()
        with suppress(asyncio.CancelledError):
            await self._falling
        while self.price > min(self.stops.values()):
            await self._step()
        first = {}
        for strategy_id, stop in self.stops.items():
            first[strategy_id] = self.highest - STEP * math.ceil((self.highest - stop) / STEP)
        return first

    async def _fall(self) -> None:
        while self.price > min(self.stops.values()):
            await self._step()

    async def _step(self) -> None:
        self.price -= STEP
        self._show()
        await asyncio.sleep(TICK_SECONDS)

    def _show(self) -> None:
        self.world.exchange.run(_pin(self.price))


def _infy(server: ExchangeServer) -> Instrument:
    infy = server.simulator.venue.instruments.find("INFY")
    assert infy is not None
    return infy


def _last_paise(server: ExchangeServer) -> int:
    return server.simulator.venue.market(_infy(server)).last


def _pin(price: Decimal) -> Callable[[ExchangeServer], object]:
    return lambda server: server.simulator.venue.set_price(_infy(server), int(price * 100), hold=True)


@pytest.fixture
def fall(world: World) -> Iterator[Fall]:
    world.log_in_feed_account()
    fall = Fall(world)
    yield fall
    if fall._falling is not None:
        fall._falling.cancel()


def first_prices(told: list[OrderCommand]) -> dict[UUID, Decimal]:
    """At what price a watcher told of each stop first."""
    assert {command.event for command in told} <= {OrderEvent.STOPLOSS}
    found: dict[UUID, tuple[int, Decimal]] = {}
    for command in told:
        assert command.price is not None
        this = (command.timestamp, command.price)
        found[command.strategy_id] = min(found.get(command.strategy_id, this), this)
    return {strategy_id: price for strategy_id, (_, price) in found.items()}


def late(expected: dict[UUID, Decimal], *told: list[OrderCommand]) -> dict[UUID, Decimal]:
    """Stops of which nobody told at the first tick that reached them."""
    each = [first_prices(commands) for commands in told]
    return {s: price for s, price in expected.items() if not any(prices.get(s) == price for prices in each)}


def assert_same_identity(ours: list[OrderCommand], theirs: list[OrderCommand]) -> None:
    """What both told of one tick has one deduplication id. Unless the tick came to one of them in the last moment of
    five seconds and to the other in the next: then both messages arrive, and the second finds the cycle exiting."""
    by_tick = {(command.strategy_id, command.price): command for command in ours}
    pairs = [(by_tick[key], t) for t in theirs if (key := (t.strategy_id, t.price)) in by_tick]
    assert pairs
    for one, other in pairs:
        assert one.tick_at is not None
        assert other.tick_at is not None
        if one.tick_at.timestamp() // REPEAT_SECONDS == other.tick_at.timestamp() // REPEAT_SECONDS:
            assert one.deduplication_id == other.deduplication_id
        else:
            assert abs(one.tick_at - other.tick_at) < timedelta(seconds=1)


async def settle(*watchers: Watching) -> None:
    """Wait until the watchers owe their queues nothing."""
    for watcher in watchers:
        async with asyncio.timeout(PATIENCE):
            while (await ask_health(watcher.world, watcher.health_port))["undelivered_hits"]:  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.05)


async def test_a_watcher_is_killed_in_a_falling_market_and_no_stop_waits_for_a_tick(world: World, fall: Fall) -> None:
    fall.prepare(STOPS // 4)
    one, other = await start(world), await start(world)
    await one.until_sees(len(fall.stops))
    await other.until_sees(len(fall.stops))
    fall.begin()
    await fall.reach(0.4)

    one.child.process.kill()
    await fall.reach(0.9)
    expected = await fall.end()

    by_one, by_other = await one.told(), await other.told()
    assert late(expected, by_one, by_other) == {}
    assert late(expected, by_other) == {}  # it saw all of it all the time: nothing had to be taken over
    assert 0 < len(first_prices(by_one)) < len(expected)
    assert_same_identity(by_one, by_other)


async def test_a_watcher_is_told_to_leave_in_a_falling_market_and_no_stop_waits_for_a_tick(
    world: World, fall: Fall
) -> None:
    fall.prepare(STOPS // 4)
    one, other = await start(world), await start(world)
    await one.until_sees(len(fall.stops))
    await other.until_sees(len(fall.stops))
    fall.begin()
    await fall.reach(0.4)

    one.child.process.terminate()
    assert await exit_code(one.child.process.wait()) == 0
    await fall.reach(0.9)
    expected = await fall.end()

    by_one, by_other = await one.told(), await other.told()
    assert late(expected, by_one, by_other) == {}
    told_by_one = first_prices(by_one)
    # What it saw until it left it has delivered: of the stops above the last it told of, none is missing.
    reached = {s: price for s, price in expected.items() if price >= min(told_by_one.values())}
    assert reached == told_by_one
    assert_same_identity(by_one, by_other)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_both_watchers_are_replaced_in_a_falling_market_and_no_stop_waits_for_a_tick(
    world: World, fall: Fall
) -> None:
    # As ECS does it: the new one of a zone must see before the old one is told to leave, one zone after the other
    fall.prepare(STOPS)
    old = [await start(world), await start(world)]
    for watcher in old:
        await watcher.until_sees(len(fall.stops))
    fall.begin()
    new = []
    for leaving in old:
        coming = await start(world)
        await coming.until_sees(len(fall.stops))
        leaving.child.process.terminate()
        assert await exit_code(leaving.child.process.wait()) == 0
        new.append(coming)
    before_the_end = fall.price
    assert before_the_end > min(fall.stops.values()), "the market had fallen before everybody was replaced"

    expected = await fall.end()

    told = [await watcher.told() for watcher in (*old, *new)]
    assert late(expected, *told) == {}
    # The new ones alone told of the last.
    assert min(first_prices(told[1]).values()) > min(first_prices(told[3]).values())


async def test_of_what_two_watchers_tell_one_queue_keeps_one(world: World, fall: Fall) -> None:
    fall.prepare(20)
    one, other = await start(world, world.queue_url), await start(world, world.queue_url)
    await one.until_sees(len(fall.stops))
    await other.until_sees(len(fall.stops))
    # All within one turn of the identity, and before anything is told again
    while not 0.3 < time.time() % REPEAT_SECONDS < 1:  # noqa: ASYNC110 - the clock is waited for
        await asyncio.sleep(0.01)
    fall.price = min(fall.stops.values()) - STEP

    fall._show()
    await asyncio.sleep(1)
    await settle(one, other)

    told = [*await one.told(), *await other.told()]
    assert sorted(command.strategy_id for command in told) == sorted(fall.stops)
