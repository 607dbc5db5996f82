"""The trading session's script: who trades what, when, and how each strategy must end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from algotrading.domain.sessions import IST

FUNDS = 500_000
"""The trader's cash, rupees."""
LEAD = timedelta(seconds=10)
"""From the writing of the script to the first buy: enough to create and start every strategy."""
SOON = timedelta(seconds=8)
"""From buying to selling, for the strategy that lives to its sell time."""
FAR = timedelta(seconds=75)
"""A sell time that the session does not live to see."""
_QUIET_INSTANTS = (time(0, 0), time(6, 0))
"""Midnight ends the times of day, 06:00 the broker's login and its books: no session may run across them."""


@dataclass(frozen=True, slots=True)
class Market:
    """An instrument that the session can use, with its price now. `stop_hint` is a price that the replayed
    file is known to reach after the first buy and not before; None when no such price is known."""

    symbol: str
    tick_size: Decimal
    price: Decimal
    stop_hint: Decimal | None = None


class Role(StrEnum):
    """What becomes of a strategy."""

    ON_TIME = "sells at its sell time"
    STOPPED_OUT = "hits its stop-loss"
    """The watcher alone guards it."""
    STOPPED_AT_BROKER = "is sold by its stop order at the exchange"
    REFUSED = "is refused for lack of funds"
    CALLED_OFF = "is stopped by its owner"


@dataclass(frozen=True, slots=True)
class Ending:
    """The cycle's state, what claimed the exit, the strategy's status."""

    state: str
    claim: str | None
    status: str


ENDINGS = {
    Role.ON_TIME: Ending("flat", "SELL", "running"),
    Role.STOPPED_OUT: Ending("flat", "STOPLOSS", "running"),
    Role.STOPPED_AT_BROKER: Ending("flat", "STOPLOSS", "running"),
    Role.REFUSED: Ending("failed", None, "stopped"),
    Role.CALLED_OFF: Ending("flat", "USER", "stopped"),
}
CAST = (
    Role.ON_TIME,
    Role.STOPPED_OUT,
    Role.STOPPED_OUT,
    Role.STOPPED_OUT,
    Role.STOPPED_AT_BROKER,
    Role.REFUSED,
    Role.CALLED_OFF,
)
"""Three stops that the watcher alone guards, so that their time from tick to order is more than one figure."""
IN_FAMILY = frozenset({Role.STOPPED_AT_BROKER, Role.CALLED_OFF})
"""Roles of strategies that trade in the second account of the trader's, the family's."""
HIT = frozenset({Role.STOPPED_OUT, Role.STOPPED_AT_BROKER})
"""Roles whose price falls to their stop-loss."""


@dataclass(frozen=True, slots=True)
class Part:
    """One strategy of the script."""

    role: Role
    market: Market
    quantity: int
    buy_at: datetime
    sell_at: datetime
    stop_loss: Decimal

    @property
    def ending(self) -> Ending:
        """How it must end."""
        return ENDINGS[self.role]

    def request(self, account_id: str | None = None) -> dict[str, object]:
        """The body of POST /strategy/create; `account_id` is a broker account beside the default one."""
        return {
            **({} if account_id is None else {"account_id": account_id}),
            "symbol": self.market.symbol,
            "buy_time": _time_of_day(self.buy_at),
            "sell_time": _time_of_day(self.sell_at),
            "stop_loss": float(self.stop_loss),
            "quantity": self.quantity,
            "broker_stop": self.role is not Role.STOPPED_OUT,
        }


def write_script(now: datetime, markets: Sequence[Market]) -> tuple[Part, ...]:
    """The session that starts at `now`. Markets that will fall by themselves get the stops."""
    start = datetime.fromtimestamp(math.ceil((now + LEAD).timestamp()), IST)
    falling_first = sorted(markets, key=lambda market: market.stop_hint is None)
    stops = sum(role in HIT for role in CAST)
    to_stop, to_others = iter(falling_first[:stops]), iter(falling_first[stops:])
    return tuple(_write(role, next(to_stop if role in HIT else to_others), start) for role in CAST)


def _write(role: Role, market: Market, start: datetime) -> Part:
    is_later = role in {Role.REFUSED, Role.CALLED_OFF}
    buy_at = start + timedelta(seconds=1 if is_later else 0)
    unaffordable = int(Decimal(FUNDS) * 8 / market.price)
    return Part(
        role=role,
        market=market,
        quantity=unaffordable if role is Role.REFUSED else 10,
        buy_at=buy_at,
        sell_at=buy_at + (SOON if role is Role.ON_TIME else FAR),
        stop_loss=_stop_to_be_hit(market) if role in HIT else _below(market, Decimal("0.90")),
    )


def time_to_wait(now: datetime, length: timedelta = LEAD + FAR) -> timedelta:
    """How long a session of that length has to wait so that it does not run across a quiet instant."""
    local = now.astimezone(IST)
    for instant in _QUIET_INSTANTS:
        next_one = datetime.combine(local.date(), instant, IST)
        next_one += timedelta(days=0 if next_one > local else 1)
        if next_one - local < length + timedelta(seconds=5):
            return next_one - local + timedelta(seconds=2)
    return timedelta(0)


def _stop_to_be_hit(market: Market) -> Decimal:
    return _below(market, Decimal("0.99")) if market.stop_hint is None else _on_tick(market, market.stop_hint)


def _below(market: Market, share: Decimal) -> Decimal:
    return _on_tick(market, market.price * share)


def _on_tick(market: Market, price: Decimal) -> Decimal:
    return (price / market.tick_size).to_integral_value(ROUND_DOWN) * market.tick_size


def _time_of_day(at: datetime) -> str:
    return at.astimezone(IST).strftime("%H:%M:%S")
