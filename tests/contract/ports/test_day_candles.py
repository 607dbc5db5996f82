"""ports.Runtime: an instrument's candles of the day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from redis import Redis

from algotrading.adapters.redis_keys import CANDLES, day_candles_key
from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
from algotrading.domain.candles import Candle, MinuteCandle
from algotrading.domain.sessions import IST
from tests.fakes.clock import VirtualClock
from tests.fakes.runtime import MemoryRuntime
from twin.servers import ServerAddress

Store = RedisRuntime | MemoryRuntime

TODAY = datetime.now(UTC).astimezone(IST).date()
"""The server's own: what it keeps goes at the end of its day."""
FIRST = datetime.combine(TODAY, time(9, 15), IST)


def candle(minute: int = 0, close: str = "3521.5", ticks: int = 7, **changes: Any) -> MinuteCandle:
    """A minute of TCS, so many after the first."""
    fields: dict[str, Any] = {
        "exchange": "NSE",
        "symbol": "TCS",
        "token": 2953217,
        "minute": FIRST + timedelta(minutes=minute),
    }
    prices = {"open": Decimal(3520), "high": Decimal("3522.05"), "low": Decimal("3519.95"), "close": Decimal(close)}
    return MinuteCandle(**{**fields, **prices, "ticks": ticks, **changes})


@pytest.fixture
def valkey(valkey_server: ServerAddress) -> Iterator[Redis]:
    """An empty store; each command may take its time on a busy machine."""
    client = make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    client.connection_pool.connection_kwargs.update(socket_timeout=5, socket_connect_timeout=5)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(params=["in_memory", "in_valkey"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "in_memory":
        return MemoryRuntime(VirtualClock(datetime.now(UTC)))
    return RedisRuntime(request.getfixturevalue("valkey"))


def test_a_days_candles_are_read_as_they_were_written_oldest_first(store: Store) -> None:
    for minute in (65, 0, 1):
        store.put_candles([candle(minute, close=f"352{minute % 10}.50")])

    found = store.day_candles("NSE", "TCS", TODAY)

    assert [(one.minute, one.close) for one in found] == [
        (FIRST + timedelta(minutes=minute), Decimal(f"352{minute % 10}.5")) for minute in (0, 1, 65)
    ]
    assert found[0] == Candle(FIRST, Decimal(3520), Decimal("3522.05"), Decimal("3519.95"), Decimal("3520.5"), 7)


def test_a_candle_gives_way_to_one_of_more_ticks_alone(store: Store) -> None:
    for ticks in (10, 9, 10, 100, 11):
        store.put_candles([candle(close=str(3500 + ticks), ticks=ticks)])

    assert [(one.close, one.ticks) for one in store.day_candles("NSE", "TCS", TODAY)] == [(Decimal(3600), 100)]


def test_candles_are_told_apart_by_exchange_symbol_and_day(store: Store) -> None:
    put, read = store.put_candles, store.day_candles
    put([candle(close="1"), candle(exchange="BSE", close="2", token=1), candle(symbol="M&M", close="3", token=2)])

    assert [[one.close for one in read(*name, TODAY)] for name in (("NSE", "TCS"), ("BSE", "TCS"), ("NSE", "M&M"))] == [
        [Decimal(1)],
        [Decimal(2)],
        [Decimal(3)],
    ]
    assert read("NSE", "INFY", TODAY) == []
    assert read("NSE", "TCS", TODAY + timedelta(days=1)) == []


def test_a_day_that_is_over_is_not_kept(store: Store) -> None:
    yesterday = TODAY - timedelta(days=1)

    store.put_candles([candle(minute=-24 * 60)])

    assert store.day_candles("NSE", "TCS", yesterday) == []


def test_candles_go_at_the_end_of_their_day_in_india(valkey: Redis) -> None:
    RedisRuntime(valkey).put_candles([candle()])

    ends = datetime.combine(TODAY + timedelta(days=1), time(), IST)
    assert cast(Any, valkey.expiretime(day_candles_key(TODAY, "NSE", "TCS"))) == int(ends.timestamp())


def test_what_is_in_the_way_of_a_days_candles_keeps_the_stream_from_nothing(valkey: Redis) -> None:
    valkey.set(day_candles_key(TODAY, "NSE", "TCS"), "in the way")

    for _ in range(2):
        RedisRuntime(valkey).put_candles([candle(), candle(symbol="INFY", token=408065)])

    assert cast(Any, valkey.xlen(CANDLES)) == 2
    assert len(RedisRuntime(valkey).day_candles("NSE", "INFY", TODAY)) == 1
