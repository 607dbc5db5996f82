"""ports.Runtime on Redis or Valkey (one primary, cluster mode off)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters import redis_keys as keys
from algotrading.adapters import redis_scripts as scripts
from algotrading.contracts.messages import StopChange
from algotrading.domain.candles import Candle, MinuteCandle
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import LockBusy, RedisDown
from algotrading.domain.rates import Window, granted
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Strategy
from algotrading.ports import LastPrice

if TYPE_CHECKING:
    from redis import Redis

_ANSWER_SECONDS = 0.25
_AT_ONCE = 500
"""Keys read in one round trip: few enough to be answered in a fraction of the time an answer may take."""


def make_redis_client(host: str, port: int, *, tls: bool, decodes: bool = True) -> Redis:
    """A client that gives up quickly; it connects at its first command. Where it `decodes` its answers are texts, and
    one that is no UTF-8 is an error.

    The library's own defaults (5 s time-outs, ten retries) would hold a caller for most of a minute
    while the store is away.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis(
        host=host,
        port=port,
        ssl=tls,
        decode_responses=decodes,
        socket_connect_timeout=_ANSWER_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=15,
    )


class RedisRuntime:
    """The runtime copy, keys as specified. Losing it loses nothing: converge writes it again."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def lock(self, strategy_id: UUID, *, seconds: float) -> str:
        """See ports.Runtime."""
        token = secrets.token_hex(16)
        milliseconds = str(max(1, round(seconds * 1000)))
        if self._run(scripts.LOCK, _lock_keys(strategy_id), [token, milliseconds]) != 1:
            raise LockBusy(f"another worker holds strategy {strategy_id}")
        return token

    def unlock(self, strategy_id: UUID, token: str) -> None:
        """See ports.Runtime."""
        self._run(scripts.UNLOCK, _lock_keys(strategy_id), [token])

    def put_strategy(self, strategy: Strategy) -> None:
        """See ports.Runtime."""
        listed = "listed" if strategy.is_running else "unlisted"
        arguments = [str(strategy.strategy_id), strategy.plan.symbol, listed, *_flat(keys.strategy_fields(strategy))]
        self._run(scripts.PUT_STRATEGY, [keys.strategy_key(strategy.strategy_id)], arguments)

    def put_cycle(self, cycle: Cycle) -> None:
        """See ports.Runtime."""
        lock, runtime = _lock_keys(cycle.strategy_id)
        self._run(
            scripts.PUT_CYCLE, [runtime, lock, keys.price_key(cycle.plan.symbol)], _flat(keys.cycle_fields(cycle))
        )

    def put_price(self, symbol: str, price: Decimal, at: datetime) -> None:
        """Write `price:{symbol}`, and `last_price` of every strategy that trades the symbol, unless a newer one is
        there."""
        self._run(
            scripts.PUT_PRICES,
            [],
            [*keys.price_moments(at), keys.price_line(symbol, keys.decimal_text(price), told=True)],
        )

    def forget(self, strategy: Strategy) -> None:
        """See ports.Runtime. The lock stays: it belongs to whoever holds it, and expires."""
        with _redis_errors(), self._client.pipeline() as pipeline:
            pipeline.delete(keys.strategy_key(strategy.strategy_id), keys.runtime_key(strategy.strategy_id))
            pipeline.srem(keys.symbol_key(strategy.plan.symbol), str(strategy.strategy_id))
            pipeline.execute()

    def read_strategies(self, strategy_ids: Sequence[UUID]) -> Sequence[Mapping[str, str]]:
        """See ports.Runtime."""
        return self._read_many([keys.strategy_key(strategy_id) for strategy_id in strategy_ids])

    def read_cycles(self, strategy_ids: Sequence[UUID]) -> Sequence[Mapping[str, str]]:
        """See ports.Runtime."""
        return self._read_many([keys.runtime_key(strategy_id) for strategy_id in strategy_ids])

    def last_price(self, symbol: str) -> LastPrice | None:
        """See ports.Runtime."""
        return keys.read_price(self._read(keys.price_key(symbol)))

    def last_prices(self, symbols: Collection[str]) -> Mapping[str, LastPrice]:
        """See ports.Runtime."""
        found = self._read_many([keys.price_key(symbol) for symbol in symbols])
        prices = {symbol: keys.read_price(fields) for symbol, fields in zip(symbols, found, strict=True)}
        return {symbol: price for symbol, price in prices.items() if price is not None}

    def put_candles(self, candles: Sequence[MinuteCandle]) -> None:
        """Write candles, all of the same minute, as watchers do."""
        written = keys.candles_written_key(int(candles[0].minute.timestamp()) // 60)
        self._run(scripts.PUT_CANDLES, [keys.CANDLES, written], keys.candle_arguments(candles))

    def day_candles(self, exchange: str, symbol: str, day: date) -> Sequence[Candle]:
        """See ports.Runtime."""
        return keys.read_day_candles(day, self._read(keys.day_candles_key(day, exchange, symbol)))

    def announce(self, change: StopChange) -> None:
        """See ports.Runtime."""
        with _redis_errors():
            entry: Any = keys.change_entry(change)
            self._client.xadd(keys.CHANGES, entry, maxlen=keys.CHANGES_KEPT, approximate=True)

    def book_hint(self, strategy_id: UUID, now: datetime, interval: timedelta) -> timedelta | None:
        """See ports.Runtime."""
        wait = self._run(scripts.BOOK_HINT, [keys.hint_key(strategy_id)], keys.hint_arguments(now, interval))
        return None if wait < 0 else timedelta(milliseconds=wait)

    def sight(self) -> Sight | None:
        """See ports.Runtime."""
        return keys.read_sight(self._read(keys.SIGHT))

    def report_sight(self, now: datetime, since: datetime | None = None) -> None:
        """A watcher sees at this moment, and has without a break since `since`."""
        self._run(scripts.REPORT_SIGHT, [keys.SIGHT], keys.sight_arguments(now, since))

    def reserve(
        self, account: str, wanted: datetime, windows: tuple[Window, ...], *, until: datetime, margin: timedelta
    ) -> datetime | None:
        """See ports.Runtime."""
        arguments = [keys.rate_prefix(account), str(int(wanted.timestamp())), str(int(until.timestamp()))]
        for window in windows:
            arguments += (window.bucket, str(window.seconds), str(window.limit), str(window.cost))
        return granted(wanted, int(self._run(scripts.RESERVE, [], arguments)), margin)

    def _read(self, key: str) -> dict[str, str]:
        with _redis_errors():
            fields: Any = self._client.hgetall(key)
        return dict(fields)

    def _read_many(self, names: Sequence[str]) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for begin in range(0, len(names), _AT_ONCE):
            with _redis_errors(), self._client.pipeline(transaction=False) as pipeline:
                for name in names[begin : begin + _AT_ONCE]:
                    pipeline.hgetall(name)
                found += pipeline.execute()
        return found

    def _run(self, script: str, key_names: list[str], arguments: list[str]) -> Any:
        with _redis_errors():
            return self._client.register_script(script)(keys=key_names, args=arguments)


@contextmanager
def _redis_errors() -> Iterator[None]:
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError) as error:
        raise RedisDown(f"the runtime store did not answer: {error}") from error


def _lock_keys(strategy_id: UUID) -> list[str]:
    return [keys.lock_key(strategy_id), keys.runtime_key(strategy_id)]


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [part for item in fields.items() for part in item]
