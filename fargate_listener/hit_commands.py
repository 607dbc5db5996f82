"""What a hit says to the queue and to the log."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from algotrading.contracts.messages import OrderCommand, OrderEvent, StopChange
from fargate_listener.stop_guard import REPEAT_SECONDS, Hit
from fargate_listener.wire_prices import to_price, to_wire_stop


def command_of(hit: Hit, *, now: datetime, tick_at: datetime) -> OrderCommand:
    """The message. `tick_at` is when the hit's tick was received, by the clock that says `now`."""
    stop = hit.stop
    # The same for most tasks that saw the tick, so that the queue keeps one of their messages; and another one when
    # the stop is reported again. Two that received it on either side of a turn's beginning send two: the second
    # finds the exit under way, as a repetition does.
    turn = int(tick_at.timestamp() // REPEAT_SECONDS)
    return OrderCommand(
        strategy_id=stop.strategy_id,
        user_id=stop.user_id,
        event=OrderEvent.STOPLOSS,
        trading_day=stop.trading_day,
        timestamp=int(now.timestamp() * 1000),
        tick_at=tick_at,
        price=to_price(stop.instrument_token, hit.wire_price),
        cause="watcher",
        deduplication_id=f"{stop.strategy_id}:{stop.trading_day}:STOPLOSS:{turn}",
    )


_OLDEST = timedelta(days=10)


class OwedHit(OrderCommand):
    """Such a message that the queue has not taken, with the stop that was hit."""

    stop_loss: Decimal


def owed_of(hit: Hit, command: OrderCommand) -> OwedHit:
    """A hit's message, to be kept."""
    return OwedHit(**command.model_dump(), stop_loss=hit.stop.stop_loss)


def hit_again(owed: OwedHit, stop: StopChange, *, now: datetime, monotonic: float) -> Hit | None:
    """The hit that such a message told of, of the stop that the strategy is guarded by now. None where that is another
    one: whether a price reached it its own ticks tell."""
    price, tick_at = owed.price, owed.tick_at
    if price is None or tick_at is None or tick_at.tzinfo is None:
        return None
    told_of = (owed.event, owed.trading_day, owed.stop_loss)
    if told_of != (OrderEvent.STOPLOSS, stop.trading_day, stop.stop_loss) or not 0 < price <= stop.stop_loss:
        return None
    try:
        age = min(max(now - tick_at, timedelta()), _OLDEST)
    except OverflowError:
        return None
    return Hit(stop, to_wire_stop(stop.instrument_token, price), monotonic - age.total_seconds())


def told(hit: Hit, command: OrderCommand) -> dict[str, str]:
    """A hit, for the log. `received_at` is when its tick arrived, by our clock."""
    stop = hit.stop
    return {
        "strategy_id": str(stop.strategy_id),
        "instrument": f"{stop.exchange}:{stop.symbol}",
        "kind": command.event.value,
        "stop_loss": str(stop.stop_loss),
        "price": str(command.price),
        "received_at": "" if command.tick_at is None else command.tick_at.isoformat(),
    }
