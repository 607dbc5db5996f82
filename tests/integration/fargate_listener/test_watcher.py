"""The watcher's parts together, with the stores in memory and Redis away."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from algotrading.contracts.messages import OrderCommand
from algotrading.domain.cycle import CycleState
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.services.order_hints import OrderHints
from fargate_listener.changes import ChangeStream
from fargate_listener.durations import Durations
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.health import Health, HealthServer, Loaded
from fargate_listener.health_log import HealthLog
from fargate_listener.hit_sender import HitSender
from fargate_listener.operation import operate
from fargate_listener.order_news import OrderNews
from fargate_listener.price_publisher import PricePublisher
from fargate_listener.redis_client import make_redis_client
from fargate_listener.reporter import Reporter
from fargate_listener.sight import SightReporter
from fargate_listener.truth import Snapshot, Truth
from fargate_listener.watcher import Watcher
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryMeter
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import TRADING_DAY, make_instrument, make_strategy, make_user
from tests.fakes.instruments import MemoryInstruments
from tests.fakes.ledger import MemoryLedger
from tests.fakes.queue import MemoryQueue
from tests.fakes.runtime import MemoryRuntime
from tests.fakes.strategies import MemoryStrategies
from tests.integration.fargate_listener.conftest import announced
from tests.integration.fargate_listener.desks import PATIENCE, Desk, end, until
from tests.integration.fargate_listener.scripted_broker import ScriptedBroker, repeat, repeated, scripted_broker
from tests.unit.fargate_listener.examples import INFY, ltp_frame
from twin.servers import free_port

TCS = 2953217
INFY_ROW = make_instrument("INFY", instrument_token=INFY)


class Queue:
    """Takes every hit, unless it is `away` or `refuses` each of them."""

    def __init__(self) -> None:
        self.taken: list[OrderCommand] = []
        self.away = False
        self.refuses = False

    def probe(self) -> None:
        self._fail_when_away()

    def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        self._fail_when_away()
        if self.refuses:
            return commands
        self.taken += commands
        return ()

    def _fail_when_away(self) -> None:
        if self.away:
            raise ConnectionError("the queue is away")


class FailingTruth(Truth):
    """Fails as often as it is told to, and hangs until it is told not to."""

    failures = 0
    readings = 0

    def __init__(self, *, ledger: MemoryLedger, instruments: MemoryInstruments, clock: VirtualClock) -> None:
        super().__init__(ledger=ledger, instruments=instruments, clock=clock)
        self.answers = threading.Event()
        self.answers.set()

    def read(self) -> Snapshot:
        self.readings += 1
        snapshot = self._read()
        self.answers.wait(PATIENCE)
        return snapshot

    def _read(self) -> Snapshot:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is away")
        return super().read()


class World:
    """A watcher with all its parts, and the stores it reads."""

    def __init__(self, broker: ScriptedBroker) -> None:
        self.broker = broker
        self.database = MemoryDatabase()
        self.queue = Queue()
        self.clock = clock = VirtualClock()
        self.asked = MemoryQueue(clock)
        self.meter = MemoryMeter()
        self.stop = asyncio.Event()
        redis_port = free_port()
        redis = make_redis_client("127.0.0.1", redis_port, tls=False)
        self.redis = redis
        sender = HitSender(open_queue=lambda: self.queue, clock=clock, monotonic=time.monotonic, senders=1)
        desk = Desk(broker.url, FeedCredentials("key", "token"), report=sender.put)
        self.desk = desk
        loaded = Loaded()
        durations = Durations()
        changes = ChangeStream(redis=redis, counters=desk.counters)
        self.health = Health(
            feeds=desk.feeds,
            guard=desk.guard,
            sender=sender,
            loaded=loaded,
            changes=changes,
            liveness=desk.liveness,
            cover=desk.cover,
        )
        MemoryInstruments(self.database).replace_all([INFY_ROW])
        self.truth = FailingTruth(
            ledger=MemoryLedger(self.database),
            instruments=MemoryInstruments(self.database),
            clock=clock,
        )
        self.watcher = Watcher(
            truth=self.truth,
            changes=changes,
            watchlist=desk.watchlist,
            guard=desk.guard,
            feed=desk.feeds,
            liveness=desk.liveness,
            cover=desk.cover,
            publisher=PricePublisher(
                address=("127.0.0.1", redis_port),
                tls=False,
                table=desk.prices,
                watchlist=desk.watchlist,
                clock=clock,
                counters=desk.counters,
            ),
            sight=SightReporter(redis=redis, sees=self.health.sees, clock=clock, counters=desk.counters),
            news=OrderNews(open_hints=self.open_hints, clock=clock, counters=desk.counters),
            order_sockets=None,
            operation=operate(
                redis=redis,
                table=desk.prices,
                watchlist=desk.watchlist,
                hours=desk.hours,
                clock=clock,
                monotonic=time.monotonic,
                counters=desk.counters,
                durations=durations,
            ),
            sender=sender,
            reporter=Reporter(
                table=desk.prices,
                counters=desk.counters,
                durations=durations,
                sender=sender,
                feed=desk.feeds,
                guard=desk.guard,
                health=self.health,
                meter=self.meter,
            ),
            health=HealthServer(self.health.document, 0, stops=self.health.stops),
            health_log=HealthLog(reasons=self.health.reasons, notes=self.health.notes),
            loaded=loaded,
            counters=desk.counters,
            monotonic=time.monotonic,
            check_seconds=0.1,
            read_seconds=0.5,
        )

    def open_hints(self) -> OrderHints:
        """What makes requests of order updates."""
        runtime = MemoryRuntime(self.clock)
        return OrderHints(self.clock, MemoryLedger(self.database), runtime, self.asked, self.meter)

    def hold(self, stop_loss: str, symbol: str = "INFY") -> Strategy:
        """A position bought today, known to PostgreSQL only."""
        strategy = make_strategy(
            make_user().user_id, status=StrategyStatus.RUNNING, symbol=symbol, stop_loss=Decimal(stop_loss)
        )
        MemoryStrategies(self.database).add(strategy)
        cycle = MemoryLedger(self.database).take(strategy, TRADING_DAY)
        self.database.cycles[(strategy.strategy_id, TRADING_DAY)] = replace(cycle, state=CycleState.LONG)
        return strategy

    def let_go(self, strategy: Strategy) -> None:
        """The position is sold; nobody tells the watcher."""
        key = (strategy.strategy_id, TRADING_DAY)
        self.database.cycles[key] = replace(self.database.cycles[key], state=CycleState.FLAT)

    @property
    def hit_strategies(self) -> set[object]:
        return {command.strategy_id for command in self.queue.taken}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with scripted_broker() as broker:
        world = World(broker)
        task = asyncio.create_task(world.watcher.run(world.stop))
        yield world
        world.truth.answers.set()
        world.queue.away = world.queue.refuses = False  # or it would stay for what the queue does not have
        world.stop.set()
        async with asyncio.timeout(PATIENCE):
            await task
        await world.redis.aclose()
        gc.unfreeze()
        gc.enable()


async def test_with_redis_away_the_full_check_arms_and_disarms(world: World) -> None:
    strategy = world.hold("1500")
    await until(lambda: world.desk.guard.armed == 1 and world.broker.messages)
    assert world.desk.counters.redis_failures > 0
    assert "Redis is away: changes of stops arrive by comparing with PostgreSQL alone" in world.health.notes()
    assert world.health.reasons() == []

    async with repeated(world.broker, ltp_frame((INFY, 149_900))):
        await until(lambda: world.hit_strategies == {strategy.strategy_id})

    world.let_go(strategy)
    await until(lambda: world.desk.guard.armed == 0)


async def test_a_database_that_is_away_changes_nothing(world: World) -> None:
    strategy = world.hold("1500")
    await until(lambda: world.desk.guard.armed == 1 and world.broker.messages)

    world.truth.failures = 3
    world.let_go(strategy)
    await until(lambda: world.desk.counters.failed_checks)
    assert world.desk.guard.armed == 1

    await until(lambda: world.desk.guard.armed == 0)


async def test_a_database_that_hangs_is_counted_logged_and_noted_and_costs_one_thread(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await until(lambda: world.health.loaded.stops_loaded)
    caplog.set_level(logging.ERROR, "fargate_listener.watcher")
    world.truth.answers.clear()
    readings = world.truth.readings

    await until(lambda: world.desk.counters.failed_checks >= 2, patience=10)
    assert world.truth.readings <= readings + 1
    assert "the stops could not be compared with PostgreSQL: no answer" in caplog.text
    assert "the stops could not be compared with PostgreSQL; going on with those in memory" in world.health.notes()
    assert world.health.reasons() == []

    # When it answers again, what it brings late is taken, and the next reading brings the rest
    world.truth.answers.set()
    strategy = world.hold("1500")
    await until(lambda: world.desk.guard.armed_strategies == {strategy.strategy_id})
    await until(lambda: not any("could not be compared" in note for note in world.health.notes()))


async def test_an_answer_that_comes_late_undoes_no_change_that_came_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a reading that began before a position was bought, and ends long after
    await until(lambda: world.health.loaded.stops_loaded)
    world.truth.answers.clear()
    await until(lambda: world.desk.counters.failed_checks)
    disarmed: list[UUID] = []
    monkeypatch.setattr(world.desk.guard, "disarm", disarmed.append)
    strategy = world.hold("1500")
    world.desk.watchlist.apply(announced(strategy))

    world.truth.answers.set()

    await until(lambda: not world.health.loaded.check_failed)
    assert world.desk.guard.armed_strategies == {strategy.strategy_id}
    assert disarmed == []


async def test_the_close_of_yesterday_hits_nothing_today(world: World) -> None:
    # Given an instrument that is watched, and last ticked yesterday, on a socket that lives over the night
    strategy = world.hold("1500")
    world.let_go(strategy)
    await until(lambda: world.desk.watchlist.watches(INFY) and world.broker.messages)
    heart = asyncio.create_task(repeat(world.broker, b"\0"))
    world.broker.send(ltp_frame((INFY, 140_000)))
    await until(lambda: world.desk.prices.latest(INFY))
    connection = world.desk.feed.connection

    world.clock.sleep(24 * 3600)

    await until(lambda: world.desk.prices.latest(INFY) is None, patience=10)
    assert world.desk.feed.connection is connection
    await end(heart)


async def test_health_follows_feed_stops_and_queue(world: World) -> None:
    await until(lambda: world.health.reasons() == [])

    world.hold("1500")
    world.queue.away = True
    await until(lambda: world.desk.guard.armed == 1 and world.broker.messages)
    async with repeated(world.broker, ltp_frame((INFY, 149_900))):
        await until(lambda: world.health.reasons() == ["hits do not reach the queue: 1 hits are being retried"])
        # Somebody should come; another task would be as far from the queue
        assert world.health.is_alarming()
        assert world.health.faults() == []

    world.queue.away = False
    await until(lambda: world.health.reasons() == [])


async def test_a_hit_that_the_queue_refuses_rings_and_is_no_reason_for_another_task(world: World) -> None:
    world.hold("1500")
    world.queue.refuses = True
    await until(lambda: world.desk.guard.armed == 1 and world.broker.messages)
    async with repeated(world.broker, ltp_frame((INFY, 149_900))):
        await until(lambda: world.health.reasons() == ["the queue refuses 1 hits"])
        assert world.health.is_alarming()
        assert world.health.faults() == []

    world.queue.refuses = False
    await until(lambda: world.health.reasons() == [])


async def test_it_sees_with_stops_and_a_feed_whatever_else_is_away(world: World) -> None:
    await until(world.health.sees)

    # Redis was away all along: the reports fail, are counted, and the stops are guarded nevertheless
    await until(lambda: world.desk.counters.failed_sight_reports)
    world.queue.away = True
    world.hold("1500")
    await until(lambda: world.desk.guard.armed == 1 and world.broker.messages)
    async with repeated(world.broker, ltp_frame((INFY, 149_900))):
        await until(lambda: world.health.sender.undelivered)
    assert world.health.sees()


async def test_it_does_not_see_without_a_feed_or_without_stops(world: World) -> None:
    await until(world.health.sees)
    credentials, world.desk.credentials = world.desk.credentials, None
    for socket in list(world.broker.sockets):
        socket.disconnect(graceful=False)
    await until(lambda: not world.health.sees())

    world.desk.credentials = credentials
    await until(world.health.sees)
    world.watcher.loaded.stops_loaded = False
    assert not world.health.sees()


async def test_a_login_that_nobody_has_made_is_no_fault_of_the_watchers(world: World) -> None:
    # Given a night in which nobody is logged in, and a position that is still held
    await until(lambda: world.health.reasons() == [])
    world.desk.credentials = None
    for socket in list(world.broker.sockets):
        socket.disconnect(graceful=False)
    await until(lambda: world.desk.feeds.is_logged_out)
    assert world.health.reasons() == ["no price feed: nobody has logged in"]
    assert world.health.document()["status"] == "waiting"
    assert not world.health.is_alarming()

    # Then it rings for the position, and for whatever else is wrong, and no new task is wanted but for that
    world.hold("1500")
    await until(lambda: world.desk.guard.armed == 1)
    assert world.health.is_alarming()
    assert world.health.faults() == []
    world.watcher.loaded.stops_loaded = False
    assert world.health.faults() == ["the stops are not loaded yet"]
    assert world.health.document()["status"] == "unhealthy"


async def test_a_socket_that_is_refused_is_a_fault(world: World) -> None:
    await until(lambda: world.health.reasons() == [])
    world.desk.feed._url = "ws://127.0.0.1:9"
    for socket in list(world.broker.sockets):
        socket.disconnect(graceful=False)

    await until(world.health.faults)
    assert world.health.document()["status"] == "unhealthy"
    assert world.health.is_alarming()


async def test_a_held_instrument_without_a_token_rings_and_is_no_reason_for_another_task(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fargate_listener.health_log")
    await until(lambda: world.health.reasons() == [])

    MemoryInstruments(world.database).replace_all([])
    world.hold("1500")

    await until(lambda: world.health.reasons() == ["no instrument token for NSE:INFY"])
    assert world.health.is_alarming()
    assert world.health.faults() == []
    assert world.health.document()["status"] == "waiting"
    await until(lambda: ["no instrument token for NSE:INFY"] in [vars(line).get("reasons") for line in caplog.records])


async def test_a_delisted_instrument_that_nobody_holds_keeps_no_stop_from_being_seen(world: World) -> None:
    await until(lambda: world.health.reasons() == [])

    strategy = world.hold("1500")
    world.let_go(strategy)
    await until(lambda: world.desk.watchlist.watches(INFY))
    MemoryInstruments(world.database).replace_all([])

    unknown = "no instrument token for NSE:INFY, of which nothing is held"
    await until(lambda: [note for note in world.health.notes() if "Redis" not in note] == [unknown])
    assert world.health.reasons() == []
    assert not world.health.is_alarming()


async def test_one_instrument_that_cannot_be_seen_is_no_reason_for_another_task(world: World) -> None:
    world.hold("1500")
    MemoryInstruments(world.database).replace_all([INFY_ROW, make_instrument("TCS", instrument_token=TCS)])
    world.hold("3500", symbol="TCS")
    await until(lambda: world.desk.guard.armed == 2 and world.desk.feeds.shown == {INFY, TCS})
    # The first full check may still be at work.
    await until(lambda: world.health.reasons() == [])

    # Given one that neither ticks nor has a quote
    world.desk.liveness.stale = frozenset({TCS})
    assert world.health.reasons() == ["the prices of 1 instruments with an armed stop are not seen"]
    assert world.health.is_alarming()
    assert not world.health.sees()
    assert world.health.faults() == []

    # Then only where none is seen another task might mend it
    world.desk.liveness.stale = frozenset({INFY, TCS})
    assert world.health.faults() == ["the prices of 2 instruments with an armed stop are not seen"]
    assert world.health.document()["status"] == "unhealthy"


async def test_leaving_waits_for_the_queue_and_watches_meanwhile(world: World) -> None:
    strategy = world.hold("1500")
    await until(lambda: world.desk.guard.armed == 1 and world.broker.messages)
    world.queue.away = True
    world.broker.send(ltp_frame((INFY, 149_900)))
    await until(lambda: world.health.sender.undelivered == 1)

    world.stop.set()
    later = world.hold("1490")
    world.watcher.check_soon()
    await until(lambda: world.desk.guard.armed == 2)
    world.broker.send(ltp_frame((INFY, 148_900)))
    await until(lambda: world.health.sender.undelivered == 2)
    world.queue.away = False

    await until(lambda: not world.broker.sockets)
    assert world.hit_strategies == {strategy.strategy_id, later.strategy_id}


async def test_metrics_tell_what_happened_since_the_last_report(world: World) -> None:
    world.hold("1500")
    await until(lambda: world.desk.guard.armed == 1 and world.broker.messages)
    world.broker.send(ltp_frame((INFY, 0)))
    world.broker.send(ltp_frame((INFY, 149_900)))
    await until(lambda: world.queue.taken and world.health.sender.undelivered == 0)

    world.watcher.reporter.report()
    first = dict(world.meter.counts)
    world.watcher.reporter.report()

    assert (first["Ticks"], first["InvalidTicks"], first["StopLossHits"], first["Blind"]) == (1, 1, 1, 0)
    assert (first["ArmedStops"], first["UndeliveredHits"]) == (1, 0)
    # Loading collected once, and the timekeeper was woken
    assert world.meter.durations["GcPause"]
    assert world.meter.durations["LoopLag"]
    assert len(world.meter.durations["Staleness"]) == 2
    assert world.meter.counts["StopLossHits"] == 1
    assert len(world.meter.durations["TickToQueue"]) == 1
