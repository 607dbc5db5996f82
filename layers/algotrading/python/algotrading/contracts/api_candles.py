"""Bodies of /strategy/{id}/candles."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from algotrading.contracts.api_common import Answer, Instant, Price
from algotrading.domain.orders import Side


class CandleView(Answer):
    """What the price did in a minute, rupees."""

    at: Instant = Field(description="When the minute began", examples=["2026-03-02T03:45:00Z"])
    open: Price = Field(examples=[3520])
    high: Price = Field(examples=[3522.05])
    low: Price = Field(examples=[3519.95])
    close: Price = Field(examples=[3521.5])
    ticks: int = Field(description="How many prices it is made of", examples=[58])


class ExecutedView(Answer):
    """What one of the day's orders has bought or sold so far."""

    at: Instant = Field(description="When it was filled last", examples=["2026-03-02T04:00:00Z"])
    side: Side
    quantity: int = Field(examples=[10])
    price: Price = Field(description="On average", examples=[3521.05])


class CandlesView(Answer):
    """A strategy's instrument today, oldest first."""

    strategy_id: UUID
    exchange: str
    symbol: str
    trading_day: date
    stop_loss: Price
    candles: list[CandleView] = Field(description="A minute in which nothing was traded, or nobody watched, has none")
    executed: list[ExecutedView]
    as_of: Instant
