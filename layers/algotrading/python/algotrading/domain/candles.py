"""What an instrument's price did in a minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Candle:
    """A minute of an instrument that is known from elsewhere; see `MinuteCandle`."""

    minute: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    ticks: int


@dataclass(frozen=True, slots=True)
class MinuteCandle:
    """`minute` is the instant at which it began; prices are in rupees; `ticks` says how many prices it is made of."""

    exchange: str
    symbol: str
    token: int
    minute: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    ticks: int
