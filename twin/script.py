"""The trading session's script: who trades what, when, and how each strategy must end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal

from algotrading.domain.sessions import IST

FUNDS = 500_000
"""The trader's cash, rupees."""
LEAD = timedelta(seconds=8)
"""From the writing of the script to the first buy: enough to create and start every strategy."""
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


@dataclass(frozen=True, slots=True)
class Part:
    """One strategy of the script and its end: the cycle's state, what claimed the exit, the strategy's status."""

    title: str
    market: Market
    quantity: int
    buy_at: datetime
    sell_at: datetime
    stop_loss: Decimal
    ends_as: str
    ends_by: str | None
    ends_status: str

    def request(self) -> dict[str, object]:
        """The body of POST /strategy/create."""
        return {
            "symbol": self.market.symbol,
            "buy_time": _time_of_day(self.buy_at),
            "sell_time": _time_of_day(self.sell_at),
            "stop_loss": float(self.stop_loss),
            "quantity": self.quantity,
        }


@dataclass(frozen=True, slots=True)
class Script:
    """The parts of the session."""

    on_time: Part
    stopped_out: Part
    refused: Part
    called_off: Part

    @property
    def parts(self) -> Sequence[Part]:
        """All of them."""
        return (self.on_time, self.stopped_out, self.refused, self.called_off)


def write_script(now: datetime, markets: Sequence[Market]) -> Script:
    """The session that starts at `now`, on four markets."""
    first, second, third, fourth = markets
    start = datetime.fromtimestamp(math.ceil((now + LEAD).timestamp()), IST)
    later = start + timedelta(seconds=1)
    return Script(
        on_time=Part(
            title="sells at its sell time",
            market=first,
            quantity=10,
            buy_at=start,
            sell_at=start + timedelta(seconds=8),
            stop_loss=_below(first, Decimal("0.90")),
            ends_as="flat",
            ends_by="SELL",
            ends_status="running",
        ),
        stopped_out=Part(
            title="hits its stop-loss",
            market=second,
            quantity=20,
            buy_at=start,
            sell_at=start + FAR,
            stop_loss=_stop_to_be_hit(second),
            ends_as="flat",
            ends_by="STOPLOSS",
            ends_status="running",
        ),
        refused=Part(
            title="is refused for lack of funds",
            market=third,
            quantity=int(Decimal(FUNDS) * 8 / third.price),
            buy_at=later,
            sell_at=later + FAR,
            stop_loss=_below(third, Decimal("0.90")),
            ends_as="failed",
            ends_by=None,
            ends_status="stopped",
        ),
        called_off=Part(
            title="is stopped by its owner",
            market=fourth,
            quantity=5,
            buy_at=later,
            sell_at=later + FAR,
            stop_loss=_below(fourth, Decimal("0.90")),
            ends_as="flat",
            ends_by="USER",
            ends_status="stopped",
        ),
    )


def time_to_wait(now: datetime) -> timedelta:
    """How long a session has to wait so that it does not run across a quiet instant."""
    local = now.astimezone(IST)
    for instant in _QUIET_INSTANTS:
        next_one = datetime.combine(local.date(), instant, IST)
        next_one += timedelta(days=0 if next_one > local else 1)
        if next_one - local < LEAD + FAR + timedelta(seconds=5):
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
