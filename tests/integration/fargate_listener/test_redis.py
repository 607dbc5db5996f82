"""The change stream and the published prices, on a real Valkey."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis.asyncio
import uvloop
from redis import Redis

from algotrading.adapters.redis_keys import CHANGE_FIELD, CHANGES
from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
from algotrading.contracts.messages import StopChange
from algotrading.domain.sight import Sight
from fargate_listener import redis_client
from fargate_listener.changes import ChangeStream
from fargate_listener.counters import Counters
from fargate_listener.market_table import MarketTable
from fargate_listener.price_publisher import PricePublisher
from fargate_listener.price_writer import AT_ONCE, HEAD, NAMES, ROUNDS
from fargate_listener.sight import SightReporter
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import Watchlist
from tests.contract.ports.test_runtime import cycle_of, running_strategy
from tests.integration.fargate_listener.desks import end, until
from tests.unit.fargate_listener.examples import INFY, USDINR, armed, ltp_frame
from twin.servers import ServerAddress, free_port

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


class Moment:
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits by the clock")

    def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("nothing here waits by the clock")


@dataclass
class Follower:
    """A change stream, and what it handed over."""

    stream: ChangeStream
    counters: Counters
    changes: list[StopChange] = field(default_factory=list)
    gap_count: int = 0
    away_count: int = 0

    def start(self) -> None:
        self.task = asyncio.create_task(
            self.stream.run(apply=self.changes.append, on_gap=self.on_gap, on_away=self.on_away)
        )

    def on_gap(self) -> None:
        self.gap_count += 1

    def on_away(self) -> None:
        self.away_count += 1


@pytest.fixture
def valkey(valkey_server: ServerAddress) -> Iterator[Redis]:
    client = make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    client.flushall()
    yield client
    client.close()


@asynccontextmanager
async def following(server: ServerAddress, *, port: int | None = None) -> AsyncIterator[Follower]:
    redis = redis_client.make_redis_client(server.host, port or server.port, tls=False)
    counters = Counters()
    follower = Follower(ChangeStream(redis=redis, counters=counters), counters)
    await follower.stream.remember_end()
    follower.start()
    try:
        yield follower
    finally:
        await end(follower.task)
        await redis.aclose()


async def test_announced_changes_arrive_in_order(valkey: Redis, valkey_server: ServerAddress) -> None:
    runtime = RedisRuntime(valkey)
    runtime.announce(armed(0, "1"))  # before the watcher came: it reads PostgreSQL for that
    async with following(valkey_server) as follower:
        announced = [armed(number, "1500.05") for number in range(1, 30)]

        for change in announced:
            runtime.announce(change)

        await until(lambda: len(follower.changes) == len(announced))
        assert follower.changes == announced


async def test_nothing_announced_during_an_interruption_is_lost(
    valkey: Redis, valkey_server: ServerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fargate_listener.changes")
    runtime = RedisRuntime(valkey)
    async with following(valkey_server) as follower:
        runtime.announce(armed(1, "1500"))
        await until(lambda: follower.changes)

        # When every connection of the watcher breaks, and a change is announced meanwhile
        valkey.client_kill_filter(_type="normal", skipme=True)
        runtime.announce(armed(2, "1500"))

        await until(lambda: len(follower.changes) == 2)
        assert follower.changes == [armed(1, "1500"), armed(2, "1500")]
        assert follower.counters.redis_failures == 1
        # And a full check was asked for, at the beginning and after the interruption
        assert follower.gap_count == 2
        # And whoever believes memory was told that nothing arrived for a while, and the log that it does again
        assert follower.away_count == 1
        assert not follower.stream.is_away
        assert [line.message for line in caplog.records][-1] == "the change stream is back"


async def test_an_entry_that_cannot_be_understood_asks_for_a_full_check(
    valkey: Redis, valkey_server: ServerAddress
) -> None:
    async with following(valkey_server) as follower:
        await until(lambda: follower.gap_count == 1)

        valkey.xadd(CHANGES, {CHANGE_FIELD: '{"version": 2}'})
        valkey.xadd(CHANGES, {"something": "else"})
        valkey.xadd(CHANGES, {CHANGE_FIELD: b"\xff\xfe"})
        valkey.xadd(CHANGES, {b"\xff": b"\xfe"})
        for bad in ('"stop_loss":"1e20"', f'"instrument_token":{2**63}', '"symbol":"\\ud800"', '"symbol":"I\xffY"'):
            name = bad.partition(":")[0]
            fields = armed(1, "1500").model_dump_json()
            begin = fields.index(name)
            entry = fields[:begin] + bad + fields[fields.index(",", begin) :]
            valkey.xadd(CHANGES, {CHANGE_FIELD: entry.encode("latin-1")})
        RedisRuntime(valkey).announce(armed(1, "1500"))

        await until(lambda: follower.changes)
        assert follower.changes == [armed(1, "1500")]
        assert follower.counters.invalid_changes == 8
        assert follower.gap_count == 9


@pytest.mark.parametrize("began_empty", [True, False])
async def test_entries_that_the_stream_let_go_of_before_they_were_read_ask_for_a_full_check(
    valkey: Redis, valkey_server: ServerAddress, began_empty: bool
) -> None:
    runtime = RedisRuntime(valkey)
    if not began_empty:
        runtime.announce(armed(0, "1500"))
    async with following(valkey_server) as follower:
        await until(lambda: follower.gap_count == 1)
        for number in range(1, 30):
            runtime.announce(armed(number, "1500"))
        await until(lambda: len(follower.changes) == 29)
        # What is cut off behind the last one that was read was not missed
        valkey.xtrim(CHANGES, maxlen=5, approximate=False)
        await asyncio.sleep(1.2)
        assert follower.gap_count == 1

        # When the watcher stands still: within this test nobody else runs until it waits
        for number in range(30, 60):
            runtime.announce(armed(number, "1500"))
        valkey.xtrim(CHANGES, maxlen=5, approximate=False)

        await until(lambda: follower.changes[-1] == armed(59, "1500"))
        await until(lambda: follower.gap_count > 1)
        assert len(follower.changes) < 29 + 30


@pytest.mark.parametrize("milliseconds", [-120_000, 120_000])
async def test_a_stream_that_was_replaced_asks_for_a_full_check_and_is_followed(
    valkey: Redis, valkey_server: ServerAddress, milliseconds: int
) -> None:
    runtime = RedisRuntime(valkey)
    for number in range(3):
        runtime.announce(armed(number, "1500"))
    async with following(valkey_server) as follower:
        await until(lambda: follower.gap_count == 1)
        newest = int(valkey.xinfo_stream(CHANGES)["last-generated-id"].split("-")[0])

        valkey.delete(CHANGES)
        entry: Any = {CHANGE_FIELD: armed(7, "1500").model_dump_json()}
        valkey.xadd(CHANGES, entry, id=f"{newest + milliseconds}-0")

        await until(lambda: follower.gap_count == 2)
        valkey.xadd(CHANGES, {CHANGE_FIELD: armed(8, "1500").model_dump_json()}, id=f"{newest + milliseconds}-1")
        await until(lambda: armed(8, "1500") in follower.changes)
        assert follower.gap_count == 2


async def test_an_absent_redis_is_waited_for(valkey_server: ServerAddress) -> None:
    async with following(valkey_server, port=free_port()) as follower:
        await until(lambda: follower.counters.redis_failures >= 2)

        assert not follower.stream.is_followed
        assert follower.stream.is_away
        assert follower.away_count >= 1
        assert follower.changes == []


async def test_a_follower_ends_whenever_it_is_told_to(valkey_server: ServerAddress) -> None:
    # At every step of its work: what is written to Redis must not make it miss the word
    for steps in range(40):
        async with following(valkey_server) as follower:
            for _ in range(steps):
                await asyncio.sleep(0)

            await end(follower.task)

            assert follower.task.cancelled()


@dataclass
class Publishing:
    """A publisher and what it reads from."""

    prices: MarketTable
    watchlist: Watchlist
    publisher: PricePublisher
    counters: Counters
    writers: list[int]
    """Their process ids."""


@asynccontextmanager
async def publishing(host: str, port: int, *watched: StopChange) -> AsyncIterator[Publishing]:
    prices, counters = MarketTable(), Counters()
    hits: list[Hit] = []
    guard = StopGuard(table=prices, report=hits.extend, counters=counters)
    watchlist = Watchlist(guard, lambda: 0.0)
    for change in watched:
        watchlist.apply(change)
    writers: list[int] = []
    publisher = PricePublisher(
        address=(host, port),
        tls=False,
        table=prices,
        watchlist=watchlist,
        clock=Moment(),
        counters=counters,
        on_started=writers.append,
    )
    try:
        yield Publishing(prices, watchlist, publisher, counters, writers)
    finally:
        await publisher.leave()


async def test_the_last_price_of_each_symbol_is_what_the_api_reads(valkey: Redis, valkey_server: ServerAddress) -> None:
    usd = armed(2, "80", instrument_token=USDINR, symbol="USDINR26MARFUT", exchange="CDS")
    async with publishing(valkey_server.host, valkey_server.port, armed(1, "1500"), usd) as desk:
        desk.prices.on_frames([ltp_frame((INFY, 151_000), (INFY, 151_005), (USDINR, 832_525_000), (999, 1))])

        await desk.publisher.publish()

    runtime = RedisRuntime(valkey)
    infy, usdinr = runtime.last_price("INFY"), runtime.last_price("USDINR26MARFUT")
    assert infy is not None
    assert usdinr is not None
    assert (infy.price, infy.at) == (Decimal("1510.05"), NOW)
    assert usdinr.price == Decimal("83.2525")
    assert sorted(valkey.keys("price:*")) == ["price:INFY", "price:USDINR26MARFUT"]


async def test_a_price_is_written_once_however_often_it_ticked(valkey: Redis, valkey_server: ServerAddress) -> None:
    async with publishing(valkey_server.host, valkey_server.port, armed(1, "1500")) as desk:
        for price in range(151_000, 152_000):
            desk.prices.on_frames([ltp_frame((INFY, price))])
        before = valkey.info("commandstats").get("cmdstat_hset", {"calls": 0})["calls"]

        await desk.publisher.publish()
        await desk.publisher.publish()

        after = valkey.info("commandstats")["cmdstat_hset"]["calls"]
        assert after - before == 1


async def test_more_symbols_than_one_call_takes_are_all_written(valkey: Redis, valkey_server: ServerAddress) -> None:
    many = {(number << 8) | 1: f"S&P {number}" for number in range(1, 3 * AT_ONCE)}
    watched = [
        armed(n, "1500", instrument_token=token, symbol=symbol) for n, (token, symbol) in enumerate(many.items())
    ]
    async with publishing(valkey_server.host, valkey_server.port, *watched) as desk:
        desk.prices.on_frames([ltp_frame(*((token, 200_000 + token) for token in many))])

        await desk.publisher.publish()

    prices = RedisRuntime(valkey).last_prices(list(many.values()))
    assert {symbol: price.price for symbol, price in prices.items()} == {
        symbol: Decimal(200_000 + token) / 100 for token, symbol in many.items()
    }


async def test_strategies_are_told_their_symbols_latest_price_once_in_ten_rounds(
    valkey: Redis, valkey_server: ServerAddress
) -> None:
    # Given a strategy in the runtime store whose symbol ticks in every round
    runtime, strategy = RedisRuntime(valkey), running_strategy(symbol="INFY")
    runtime.put_strategy(strategy)
    runtime.put_cycle(cycle_of(strategy))
    seen = []
    async with publishing(valkey_server.host, valkey_server.port, armed(1, "1500")) as desk:
        for price in range(151_000, 151_000 + 2 * ROUNDS):
            desk.prices.on_frames([ltp_frame((INFY, price))])
            await desk.publisher.publish()
            seen.append(runtime.read_cycles([strategy.strategy_id])[0]["last_price"])
        desk.prices.on_frames([ltp_frame((INFY, 152_000))])

    # Then each change of the tenth part was told once, and the end tells the last one
    assert len(set(seen) - {""}) == 2
    assert runtime.read_cycles([strategy.strategy_id])[0]["last_price"] == "1520"


async def test_an_instrument_is_published_from_the_change_that_names_it_on(
    valkey: Redis, valkey_server: ServerAddress
) -> None:
    runtime = RedisRuntime(valkey)
    async with publishing(valkey_server.host, valkey_server.port, armed(1, "1500")) as desk:
        desk.prices.on_frames([ltp_frame((INFY, 151_000))])
        await desk.publisher.publish()

        desk.watchlist.apply(armed(2, "80", instrument_token=USDINR, symbol="USDINR", exchange="CDS"))
        desk.watchlist.apply(armed(1, "1500", watched=False, armed=False))
        desk.prices.on_frames([ltp_frame((INFY, 152_000), (USDINR, 832_525_000))])
        await desk.publisher.publish()

    assert {symbol: price.price for symbol, price in runtime.last_prices(["INFY", "USDINR"]).items()} == {
        "INFY": Decimal(1510),
        "USDINR": Decimal("83.2525"),
    }


async def test_a_writer_that_died_is_replaced_and_knows_every_name(valkey: Redis, valkey_server: ServerAddress) -> None:
    async with publishing(valkey_server.host, valkey_server.port, armed(1, "1500")) as desk:
        desk.prices.on_frames([ltp_frame((INFY, 151_000))])
        assert await desk.publisher.publish()
        os.kill(desk.writers[0], signal.SIGKILL)
        desk.prices.on_frames([ltp_frame((INFY, 152_000))])
        assert not await desk.publisher.publish()

        desk.prices.on_frames([ltp_frame((INFY, 153_000))])
        assert await desk.publisher.publish()

    price = RedisRuntime(valkey).last_price("INFY")
    assert price is not None
    assert price.price == Decimal(1530)
    assert len(desk.writers) == 2
    assert desk.counters.failed_price_writes == 1


async def test_a_writer_that_hangs_is_replaced(
    valkey: Redis, valkey_server: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with publishing(valkey_server.host, valkey_server.port, armed(1, "1500")) as desk:
        desk.prices.on_frames([ltp_frame((INFY, 151_000))])
        assert await desk.publisher.publish()
        os.kill(desk.writers[0], signal.SIGSTOP)
        desk.prices.on_frames([ltp_frame((INFY, 152_000))])

        with monkeypatch.context() as hurry:
            hurry.setattr("fargate_listener.price_publisher.ANSWER_SECONDS", 0.5)
            assert not await desk.publisher.publish()

        desk.prices.on_frames([ltp_frame((INFY, 153_000))])
        assert await desk.publisher.publish()
    assert len(desk.writers) == 2


def test_the_writer_ends_with_the_watcher_however_that_ends(valkey_server: ServerAddress) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "fargate_listener.price_writer", valkey_server.host, str(valkey_server.port), "plain"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdin is not None

    writer.stdin.write(HEAD.pack(NAMES, 100) + b"only a part of it")
    writer.stdin.close()

    assert writer.wait(20) == 0
    assert writer.stdout is not None
    writer.stdout.close()


async def test_an_absent_redis_loses_prices_and_nothing_else() -> None:
    async with publishing("127.0.0.1", free_port(), armed(1, "1500")) as desk:
        desk.prices.on_frames([ltp_frame((INFY, 151_000))])

        await desk.publisher.publish()

        assert desk.counters.failed_price_writes == 1
        assert desk.prices.latest(INFY) == 151_000


@asynccontextmanager
async def sight(
    host: str, port: int, eyes: list[bool], counters: Counters, clock: Moment | None = None
) -> AsyncIterator[SightReporter]:
    redis = redis_client.make_redis_client(host, port, tls=False)
    yield SightReporter(redis=redis, sees=lambda: eyes[0], clock=clock or Moment(), counters=counters)
    await redis.aclose()


async def test_a_watcher_reports_only_while_it_sees(valkey: Redis, valkey_server: ServerAddress) -> None:
    runtime, eyes = RedisRuntime(valkey), [False]
    async with sight(valkey_server.host, valkey_server.port, eyes, Counters()) as reporter:
        await reporter.report()
        assert runtime.sight() is None

        # When it sees for the first time after somebody else saw, ten seconds ago
        runtime.report_sight(NOW - timedelta(seconds=10))
        eyes[0] = True
        await reporter.report()

    assert runtime.sight() == Sight(NOW, timedelta(seconds=10))


@pytest.mark.parametrize(
    ("looks", "blind"),
    [
        pytest.param("s" * 45, 0, id="saw-all-the-time"),
        pytest.param("s" * 10 + "b" * 5 + "s" * 30, 16, id="was-blind-in-the-midst"),
        pytest.param("s" * 10 + "." * 10 + "s" * 25, 21, id="stood-still-in-the-midst"),
    ],
)
async def test_while_redis_was_away_only_what_was_not_seen_counts_as_blind(
    valkey: Redis, valkey_server: ServerAddress, caplog: pytest.LogCaptureFixture, looks: str, blind: int
) -> None:
    caplog.set_level(logging.INFO, "fargate_listener.sight")
    clock, eyes = Moment(), [True]
    async with (
        sight(valkey_server.host, valkey_server.port, eyes, Counters()) as present,
        sight("127.0.0.1", free_port(), eyes, Counters(), clock) as reporter,
    ):
        there, away = present._redis, reporter._redis
        reporter._redis = there
        await reporter.report()

        # When Redis is away for 45 s, and the watcher looks each second: sees, is blind or stands still
        reporter._redis = away
        for look in looks:
            clock.moment += timedelta(seconds=1)
            eyes[0] = look == "s"
            if look != ".":
                await reporter.report()
        reporter._redis = there
        clock.moment += timedelta(seconds=1)
        await reporter.report()

    assert RedisRuntime(valkey).sight() == Sight(clock.moment, timedelta(seconds=blind))
    assert [line.message for line in caplog.records][1:] == ["the watcher can say again that it sees"]


async def test_a_report_that_cannot_be_made_is_counted() -> None:
    counters = Counters()
    async with sight("127.0.0.1", free_port(), [True], counters) as reporter:
        await reporter.report()

    assert counters.failed_sight_reports == 1


def test_a_connection_that_uvloop_has_closed_is_an_absence_and_ends_nothing(
    valkey: Redis, valkey_server: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection lost between redis-py's look at it and its write: uvloop raises what no store raises."""
    send = redis.asyncio.Connection.send_packed_command
    broken = 0

    async def send_after_the_loss(self: redis.asyncio.Connection, command: Any, check_health: bool = True) -> None:
        nonlocal broken
        if self.is_connected:
            broken += 1
            writer: asyncio.StreamWriter = self._writer  # type: ignore[assignment]
            writer.transport.abort()
            await asyncio.sleep(0.05)  # uvloop closes the handle in a later turn
        await send(self, command, check_health)

    async def use_everything() -> tuple[int, int, int]:
        counters = Counters()
        async with (
            publishing(valkey_server.host, valkey_server.port, armed(1, "1500")) as desk,
            sight(valkey_server.host, valkey_server.port, [True], counters) as reporter,
            following(valkey_server) as follower,
        ):
            await until(lambda: follower.stream.is_followed)
            desk.prices.on_frames([ltp_frame((INFY, 151_000))])
            monkeypatch.setattr(redis.asyncio.Connection, "send_packed_command", send_after_the_loss)
            await desk.publisher.publish()
            await reporter.report()
            await until(lambda: follower.counters.redis_failures > 0)
            monkeypatch.undo()
            await until(lambda: follower.stream.is_followed)
            return desk.counters.failed_price_writes, counters.failed_sight_reports, broken

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        prices, sights, times = runner.run(use_everything())

    assert (prices, sights) == (0, 1)
    assert times >= 2
