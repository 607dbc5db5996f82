"""Minute candles on their way into a real Valkey, and the clock that is asked there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from redis import Redis

from algotrading.adapters.clock import SystemClock
from algotrading.adapters.redis_keys import CANDLES, candles_written_key, day_candles_key, read_candle
from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
from algotrading.contracts.messages import StopChange
from algotrading.domain.candles import Candle, MinuteCandle
from algotrading.domain.sessions import IST
from fargate_listener import redis_client
from fargate_listener.candles import BATCH, KEPT_MINUTES, CandleWriter
from fargate_listener.clock_check import ClockCheck
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import StopGuard
from fargate_listener.watchlist import Watchlist
from tests.integration.fargate_listener.desks import end, until
from tests.unit.fargate_listener.examples import INFY, USDINR, armed, ltp_frame
from twin.servers import ServerAddress, free_port

BEGUN = datetime(2026, 3, 2, 9, 15, tzinfo=IST)
MINUTE = int(BEGUN.timestamp()) // 60
INFY_STOP = armed(1, "1000")
USDINR_STOP = armed(2, "10", exchange="CDS", symbol="USDINR26MARFUT", instrument_token=USDINR)


@pytest.fixture
def valkey(valkey_server: ServerAddress) -> Iterator[Redis]:
    client = make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    client.flushall()
    yield client
    client.close()


@dataclass
class Watching:
    """One watcher's table and its writer."""

    table: MarketTable
    watchlist: Watchlist
    counters: Counters
    writer: CandleWriter

    def see(self, minute: int, *ticks: tuple[int, int]) -> None:
        """Ticks of a minute, counted from the first."""
        self.table.tell_time(now=60 * (MINUTE + minute), oldest_stamp=0, ahead=5)
        self.table.on_frames([ltp_frame(*ticks)])

    async def turn(self, minute: int) -> None:
        """A minute begins, and what ended before it is written."""
        self.writer.turn(MINUTE + minute)
        self.writer.take()
        await self.writer.write()


@asynccontextmanager
async def watching(host: str, port: int, *changes: StopChange) -> AsyncIterator[Watching]:
    redis = redis_client.make_redis_client(host, port, tls=False)
    table, counters = MarketTable(), Counters()
    watchlist = Watchlist(StopGuard(table=table, report=lambda _: None, counters=counters), lambda: 0.0)
    for change in changes or (INFY_STOP,):
        watchlist.apply(change)
    yield Watching(
        table, watchlist, counters, CandleWriter(redis=redis, table=table, watchlist=watchlist, counters=counters)
    )
    await redis.aclose()


def candles(valkey: Redis) -> list[MinuteCandle]:
    """What stands in the stream."""
    entries: Any = valkey.xrange(CANDLES)
    return [read_candle(fields) for _, fields in entries]


def read_after(valkey: Redis, last_id: str) -> list[tuple[str, dict[str, str]]]:
    """What XREAD gives a consumer."""
    answer: Any = valkey.xread({CANDLES: last_id})
    return [
        (entry_id, fields) for entry_id, fields in (answer[0][1] if isinstance(answer, list) else answer[CANDLES][0])
    ]


def _has(valkey: Redis, entries: int) -> bool:
    return valkey.xlen(CANDLES) == entries


async def test_a_minute_of_every_instrument_is_handed_over_exactly(valkey: Redis, valkey_server: ServerAddress) -> None:
    async with watching(valkey_server.host, valkey_server.port, INFY_STOP, USDINR_STOP) as desk:
        desk.see(0, (INFY, 151_000), (INFY, 151_105), (USDINR, 832_525_001), (INFY, 150_995), (INFY, 151_000))
        desk.see(1, (INFY, 152_000))

        await desk.turn(1)

    rupees = Decimal("83.2525001")
    assert sorted(candles(valkey), key=lambda candle: candle.exchange) == [
        MinuteCandle("CDS", "USDINR26MARFUT", USDINR, BEGUN, rupees, rupees, rupees, rupees, 1),
        MinuteCandle(
            "NSE",
            "INFY",
            INFY,
            BEGUN,
            open=Decimal("1510"),
            high=Decimal("1511.05"),
            low=Decimal("1509.95"),
            close=Decimal("1510"),
            ticks=4,
        ),
    ]


async def test_what_two_watchers_saw_stands_there_once(valkey: Redis, valkey_server: ServerAddress) -> None:
    address = valkey_server.host, valkey_server.port
    async with watching(*address) as one, watching(*address) as other:
        for desk in (one, other):
            desk.see(0, (INFY, 151_000), (INFY, 151_005))

        await asyncio.gather(one.turn(1), other.turn(1))
        await one.turn(1)

    assert [candle.ticks for candle in candles(valkey)] == [2]


async def test_what_a_watcher_saw_of_half_a_minute_is_followed_by_the_whole(
    valkey: Redis, valkey_server: ServerAddress
) -> None:
    address = valkey_server.host, valkey_server.port
    async with watching(*address) as old, watching(*address) as new:
        old.see(0, (INFY, 151_000), (INFY, 151_005))
        new.see(0, (INFY, 151_005))

        await new.turn(1)
        await old.turn(1)
        await new.turn(1)

    assert [(candle.open, candle.ticks) for candle in candles(valkey)] == [
        (Decimal("1510.05"), 1),
        (Decimal("1510"), 2),
    ]


async def test_more_candles_than_one_call_takes_all_arrive(valkey: Redis, valkey_server: ServerAddress) -> None:
    tokens = [(number << 8) | 1 for number in range(1, 2 * BATCH + 2)]
    changes = [armed(token, "1", symbol=f"S{token}", instrument_token=token) for token in tokens]
    async with watching(valkey_server.host, valkey_server.port, *changes) as desk:
        desk.see(0, *((token, 100) for token in tokens))

        await desk.turn(1)

    assert {candle.token for candle in candles(valkey)} == set(tokens)


async def test_an_instrument_that_was_left_within_the_minute_keeps_its_name(
    valkey: Redis, valkey_server: ServerAddress
) -> None:
    async with watching(valkey_server.host, valkey_server.port) as desk:
        desk.see(0, (INFY, 151_000))
        desk.watchlist.apply(armed(1, "1000", watched=False, armed=False))

        await desk.turn(1)

        assert [candle.symbol for candle in candles(valkey)] == ["INFY"]
        assert desk.watchlist.name_of(INFY) is None


async def test_redis_comes_back_and_gets_the_minutes_that_are_kept(
    valkey: Redis, valkey_server: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(valkey_server.host, valkey_server.port) as desk:
        # Given a Redis that does not do as it is told for a while
        valkey.set(CANDLES, "in the way")
        for minute in range(KEPT_MINUTES + 2):
            desk.see(minute, (INFY, 100 + minute))
            await desk.turn(minute + 1)
        assert desk.writer.pending == KEPT_MINUTES
        assert desk.counters.lost_candles == 2
        assert desk.counters.failed_candle_writes == KEPT_MINUTES + 2

        # When it does again, the next try brings everything
        valkey.delete(CANDLES)
        monkeypatch.setattr("fargate_listener.candles.RETRY_SECONDS", 0.01)
        task = asyncio.create_task(desk.writer.run())
        await until(lambda: desk.writer.pending == 0)
        await end(task)

    first = BEGUN + timedelta(minutes=2)
    assert [candle.minute for candle in candles(valkey)] == [first + timedelta(minutes=m) for m in range(KEPT_MINUTES)]


async def test_a_writer_follows_the_minutes_that_it_is_told_of(valkey: Redis, valkey_server: ServerAddress) -> None:
    async with watching(valkey_server.host, valkey_server.port) as desk:
        task = asyncio.create_task(desk.writer.run())
        for minute in range(3):
            desk.see(minute, (INFY, 100))
            desk.writer.turn(MINUTE + minute + 1)
            written = minute + 1
            await until(partial(_has, valkey, written))
        await end(task)


async def test_leaving_hands_over_what_is_pending_and_waits_for_nobody(
    valkey: Redis, valkey_server: ServerAddress
) -> None:
    async with (
        watching(valkey_server.host, valkey_server.port) as there,
        watching("127.0.0.1", free_port()) as away,
    ):
        for desk in (there, away):
            desk.see(0, (INFY, 100))
            desk.writer.turn(MINUTE + 1)
            desk.writer.take()
            await desk.writer.leave()

        assert (there.writer.pending, away.writer.pending) == (0, 1)
        assert away.counters.failed_candle_writes == 1


async def test_what_is_remembered_of_written_candles_is_forgotten(valkey: Redis, valkey_server: ServerAddress) -> None:
    async with watching(valkey_server.host, valkey_server.port) as desk:
        desk.see(0, (INFY, 100))
        await desk.turn(1)

    lifetime: Any = valkey.ttl(candles_written_key(MINUTE))
    assert 60 * KEPT_MINUTES < lifetime <= 3600


async def test_a_candle_stands_among_its_instruments_of_the_day_too(
    valkey: Redis, valkey_server: ServerAddress
) -> None:
    today = int(time.time()) // 60 - MINUTE
    begun = BEGUN + timedelta(minutes=today)
    async with watching(valkey_server.host, valkey_server.port, INFY_STOP, USDINR_STOP) as desk:
        desk.see(today, (INFY, 151_000), (INFY, 151_105), (USDINR, 832_525_001), (INFY, 150_995))
        await desk.turn(today + 1)

    rupees = Decimal("83.2525001")
    read = partial(RedisRuntime(valkey).day_candles, day=begun.date())
    assert read("NSE", "INFY") == [
        Candle(begun, Decimal(1510), Decimal("1511.05"), Decimal("1509.95"), Decimal("1509.95"), 3)
    ]
    assert read("CDS", "USDINR26MARFUT") == [Candle(begun, rupees, rupees, rupees, rupees, 1)]


async def test_what_a_day_does_not_take_is_counted_and_holds_nothing_up(
    valkey: Redis, valkey_server: ServerAddress
) -> None:
    valkey.set(day_candles_key(BEGUN.date(), "NSE", "INFY"), "in the way")
    async with watching(valkey_server.host, valkey_server.port) as desk:
        desk.see(0, (INFY, 151_000))
        await desk.turn(1)

        assert (desk.writer.pending, desk.counters.failed_candle_writes) == (0, 1)
    assert len(candles(valkey)) == 1


async def test_a_data_service_goes_on_where_it_was(valkey: Redis, valkey_server: ServerAddress) -> None:
    """As docs/candles.md describes it."""
    async with watching(valkey_server.host, valkey_server.port) as desk:
        desk.see(0, (INFY, 100))
        await desk.turn(1)
        [last_id] = [entry_id for entry_id, _ in read_after(valkey, "0")]
        desk.see(1, (INFY, 101))
        await desk.turn(2)

    assert [read_candle(fields).open for _, fields in read_after(valkey, last_id)] == [Decimal("1.01")]


async def test_a_clock_that_is_wrong_is_found_by_asking_redis(valkey_server: ServerAddress) -> None:
    class Wrong(SystemClock):
        """Two hours late."""

        def now(self) -> datetime:
            return datetime.now(UTC) - timedelta(hours=2)

    redis = redis_client.make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    counters = {True: Counters(), False: Counters()}
    for is_right, mine in counters.items():
        await ClockCheck(
            redis=redis,
            table=MarketTable(),
            clock=SystemClock() if is_right else Wrong(),
            monotonic=time.monotonic,
            durations=Durations(),
            counters=mine,
        ).check()
    await redis.aclose()

    assert (counters[True].wrong_clocks, counters[False].wrong_clocks) == (0, 1)
