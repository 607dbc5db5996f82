"""Names and contents of the runtime store's keys, shared by everyone who reads or writes them.

Hashes hold text only. A value that does not exist yet is the empty string, so that a reader finds
every field of the specification always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from algotrading.contracts.messages import StopChange
from algotrading.domain.candles import Candle, MinuteCandle
from algotrading.domain.cycle import Cycle
from algotrading.domain.orders import Side
from algotrading.domain.sessions import IST
from algotrading.domain.sight import LONGEST_UNREPORTED, Sight
from algotrading.domain.strategy import Strategy
from algotrading.ports import LastPrice

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(seconds=10)
"""A price that is there is believed to be newer by so much at most: a writer that holds one up is ended sooner."""

CHANGES = "stops:changes"
"""Stream of StopChange; each entry has one field, `CHANGE_FIELD`, that holds its JSON."""
CHANGE_FIELD = "change"
CHANGES_KEPT = 10_000
"""About as many entries stay: a watcher further behind starts anew from PostgreSQL."""

SIGHT = "watcher:sight"
"""Hash: when a watcher last saw, and how long none did; written by all watchers."""

OWED_HITS = "hits:owed"
"""Hash: hits that the queue did not take yet, by strategy and day, as the OrderCommand that is to be sent; written by
all watchers, and read by one that starts."""
OWED_HITS_KEPT = timedelta(days=4)
"""After the last one was written: over a long weekend."""

CANDLES = "candles:minute"
"""Stream: one entry per instrument and minute, see docs/candles.md."""
CANDLES_KEPT = 200_000
"""About as many entries stay: an hour of 3,000 instruments."""
_CANDLES_REMEMBERED = 3600
"""Seconds for which it is known which candles of a minute are written: far longer than a watcher keeps them."""


def strategy_key(strategy_id: UUID) -> str:
    """Hash: what the trader asked for."""
    return f"strategy:{strategy_id}"


def runtime_key(strategy_id: UUID | str) -> str:
    """Hash: where today's cycle stands."""
    return f"runtime:{strategy_id}"


def lock_key(strategy_id: UUID) -> str:
    """String: the token of the worker that holds the strategy, with an expiry."""
    return f"runtime:{strategy_id}:lock"


def hint_key(strategy_id: UUID) -> str:
    """String: when the latest hint about the strategy is given, milliseconds; expires."""
    return f"runtime:{strategy_id}:hint"


def symbol_key(symbol: str) -> str:
    """Set: ids of the strategies that trade the symbol."""
    return f"symbol:{symbol}:strategies"


def price_key(symbol: str) -> str:
    """Hash: the latest price that the watcher saw."""
    return f"price:{symbol}"


def rate_prefix(account: str) -> str:
    """Start of the names of an account's counts of requests: a bucket, a window's length in seconds and its number
    follow."""
    return f"rate:{account}:"


def strategy_fields(strategy: Strategy) -> dict[str, str]:
    """Contents of `strategy_key`."""
    plan = strategy.plan
    return {
        "user_id": str(strategy.user_id),
        "exchange": plan.exchange,
        "symbol": plan.symbol,
        "product": str(plan.product),
        "buy_time": plan.buy_time.isoformat(timespec="seconds"),
        "sell_time": plan.sell_time.isoformat(timespec="seconds"),
        "stop_loss": decimal_text(plan.stop_loss),
        "quantity": str(plan.quantity),
        "status": str(strategy.status),
        "version": str(strategy.version),
    }


def cycle_fields(cycle: Cycle) -> dict[str, str]:
    """What a cycle contributes to `runtime_key`; `last_price` and `lock_state` come from elsewhere."""
    return {
        "position": str(cycle.position),
        "last_buy_order": cycle.last_order_id(Side.BUY) or "",
        "last_sell_order": cycle.last_order_id(Side.SELL) or "",
        "last_action": cycle.last_action or "",
    }


def price_line(symbol: str, price: str, *, told: bool) -> str:
    """One price of the script that writes them. `told`: also to the runtime hashes of the symbol's strategies."""
    return f"{symbol}\t{price}\t{told:d}\n"


def moment_text(at: datetime) -> str:
    """A moment of a price, UTC. Always with microseconds, so that of two texts the later moment's is the greater."""
    return at.isoformat(timespec="microseconds")


def price_moments(at: datetime) -> list[str]:
    """Of the script that writes prices: the moment, and the last one that a price which is there may have."""
    return [moment_text(at), moment_text(at + _AHEAD)]


def price_fields(price: Decimal, at: datetime) -> dict[str, str]:
    """Contents of `price_key`."""
    return {"price": decimal_text(price), "at": at.isoformat()}


def read_price(fields: dict[str, str]) -> LastPrice | None:
    """The other way round; None when there is no such key."""
    if "price" not in fields:
        return None
    return LastPrice(Decimal(fields["price"]), datetime.fromisoformat(fields["at"]))


def sight_arguments(now: datetime, since: datetime | None = None) -> list[str]:
    """Of the script that reports sight, in milliseconds. `since`: of unbroken sight, now when not given."""
    spans = (now - _EPOCH, LONGEST_UNREPORTED, (since or now) - _EPOCH)
    return [str(_milliseconds(span)) for span in spans]


def sight_fields(sight: Sight) -> dict[str, str]:
    """Contents of `SIGHT`."""
    return {"at": str(_milliseconds(sight.at - _EPOCH)), "blind": str(_milliseconds(sight.blind))}


def read_sight(fields: dict[str, str]) -> Sight | None:
    """The other way round; None when there is no such key."""
    if "at" not in fields:
        return None
    return Sight(
        _EPOCH + timedelta(milliseconds=int(fields["at"])), timedelta(milliseconds=int(fields.get("blind", "0")))
    )


def hint_arguments(now: datetime, interval: timedelta) -> list[str]:
    """Of the script that books a hint, in milliseconds."""
    return [str(_milliseconds(now - _EPOCH)), str(_milliseconds(interval))]


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def change_entry(change: StopChange) -> dict[str, str]:
    """One entry of the change stream."""
    return {CHANGE_FIELD: change.model_dump_json()}


def candles_written_key(minute: int) -> str:
    """Hash: of how many ticks each instrument's candle of a minute (since the epoch) was made; expires."""
    return f"candles:written:{minute}"


def day_candles_key(day: date, exchange: str, symbol: str) -> str:
    """Hash: an instrument's candles of an Asia/Kolkata day, by when their minute began (`09:15`); expires at the day's
    end. The script that writes candles makes this name, too."""
    return f"candles:day:{day.isoformat()}:{exchange}:{symbol}"


def candle_arguments(candles: Sequence[MinuteCandle]) -> list[str]:
    """Of the script that writes candles, all of the same minute."""
    day = candles[0].minute.astimezone(IST).date()
    ends = datetime.combine(day + timedelta(days=1), time(), IST)
    arguments = [str(CANDLES_KEPT), str(_CANDLES_REMEMBERED), str(int(ends.timestamp()))]
    for candle in candles:
        arguments += [
            candle.exchange,
            candle.symbol,
            str(candle.token),
            candle.minute.astimezone(IST).isoformat(),
            decimal_text(candle.open),
            decimal_text(candle.high),
            decimal_text(candle.low),
            decimal_text(candle.close),
            str(candle.ticks),
        ]
    return arguments


def read_candle(fields: Mapping[str, str]) -> MinuteCandle:
    """One entry of `CANDLES`.

    Raises:
        KeyError, ValueError, ArithmeticError: it is no such entry.
    """
    return MinuteCandle(
        exchange=fields["exchange"],
        symbol=fields["symbol"],
        token=int(fields["token"]),
        minute=datetime.fromisoformat(fields["minute"]),
        open=Decimal(fields["open"]),
        high=Decimal(fields["high"]),
        low=Decimal(fields["low"]),
        close=Decimal(fields["close"]),
        ticks=int(fields["ticks"]),
    )


def read_day_candles(day: date, fields: Mapping[str, str]) -> list[Candle]:
    """Contents of `day_candles_key`, oldest first.

    Raises:
        ValueError, ArithmeticError: it is no such hash.
    """
    return [_read_minute(datetime.combine(day, time.fromisoformat(at), IST), fields[at]) for at in sorted(fields)]


def _read_minute(minute: datetime, text: str) -> Candle:
    *prices, ticks = text.split(" ")
    opened, high, low, close = map(Decimal, prices)
    return Candle(minute, opened, high, low, close, int(ticks))


def decimal_text(value: Decimal) -> str:
    """Without an exponent and without trailing zeros: 3500, 3520.75."""
    return f"{value.normalize():f}"
