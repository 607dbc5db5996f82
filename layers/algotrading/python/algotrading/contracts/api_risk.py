"""Bodies of /risk."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints, WithJsonSchema

from algotrading.contracts.api_common import Answer, Instant, Price, ReadPrice, RequestBody, Storable
from algotrading.domain.limits import RiskLimits

_MOST = 10**11
Rupees = Annotated[
    Decimal,
    ReadPrice,
    Field(gt=0, lt=_MOST, decimal_places=2, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": _MOST}),
]
"""An amount, exactly as written in the request."""
Count = Annotated[int, Field(gt=0, le=10_000)]


class RiskProfileRequest(RequestBody):
    """Every limit anew. One that is null or left out does not limit."""

    daily_loss_limit: Rupees | None = Field(
        default=None,
        description="Rupees: at this loss of the day, after charges, nothing more is bought",
        examples=[5000],
    )
    weekly_loss_limit: Rupees | None = Field(default=None, description="The same from Monday on", examples=[15000])
    position_size_limit: Rupees | None = Field(default=None, description="Rupees: the most one position may cost")
    symbol_exposure_limit: Rupees | None = Field(
        default=None, description="Rupees: the most that may be held and on order in one symbol, over all strategies"
    )
    orders_per_minute: Count | None = Field(
        default=None, description="Orders of every kind within 60 s, beyond which nothing more is bought"
    )
    open_strategies: Count | None = Field(default=None, description="Strategies that hold something or are about to")
    square_off_on_loss: bool = Field(default=False, description="Also sell what is held when a loss limit is reached")

    def to_limits(self) -> RiskLimits:
        """For the services."""
        return RiskLimits(
            daily_loss=self.daily_loss_limit,
            weekly_loss=self.weekly_loss_limit,
            position_size=self.position_size_limit,
            symbol_exposure=self.symbol_exposure_limit,
            orders_per_minute=self.orders_per_minute,
            open_strategies=self.open_strategies,
            square_off=self.square_off_on_loss,
        )


class KillRequest(RequestBody):
    """Why, for the record; `{}` or no body will do."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500), Storable] | None = None


class ReleaseRequest(RequestBody):
    """Nothing needs to be said: `{}` or no body."""


class RiskLimitsView(Answer):
    """The limits; null does not limit."""

    daily_loss_limit: Price | None
    weekly_loss_limit: Price | None
    position_size_limit: Price | None
    symbol_exposure_limit: Price | None
    orders_per_minute: int | None
    open_strategies: int | None
    square_off_on_loss: bool


class ResultView(Answer):
    """Profit of a period, rupees; a loss is negative."""

    realised: Price = Field(description="Of what was bought and sold again, before charges")
    open: Price = Field(description="What is held, at the latest price, before charges")
    charges: Price = Field(description="Of all orders of the period so far")
    net: Price = Field(description="Both, after charges: what the loss limits are held against")


class ExposureView(Answer):
    """Held and on order in one symbol, over all strategies."""

    exchange: str
    symbol: str
    quantity: int
    value: Price
    is_estimated: bool = Field(description="No price is known: valued at what it cost")
    held: int = Field(description="The part of quantity that is held; the rest is on order")
    average_price: Price | None = Field(description="What one of the held cost on average; null where nothing is held")
    last_price: Price | None = Field(description="Latest traded price; null when none was seen")
    last_price_at: Instant | None
    open_pnl: Price | None = Field(
        description="What is held at last_price minus what it cost, before charges; null where nothing is held or no "
        "price is known"
    )
    strategy_ids: list[UUID] = Field(description="The strategies that hold it or have it on order")


class RiskUsageView(Answer):
    """What is used right now."""

    today: ResultView
    week: ResultView
    deleted_net: Price = Field(
        description="The part of today's net that strategies brought which have been deleted since; 0 without any"
    )
    estimated_symbols: list[str] = Field(description="Held symbols without a known price: counted at what they cost")
    exposure: list[ExposureView]
    orders_in_last_minute: int
    open_strategies: int


class LockView(Answer):
    """A switch that is on."""

    since: Instant
    by: str
    reason: str | None


class ForeignPositionView(Answer):
    """The trader's own position in a symbol that strategies traded: left alone."""

    exchange: str
    symbol: str
    product: str
    quantity: int


class KillSwitchView(Answer):
    """Whether anything is bought at all."""

    is_locked: bool
    own: LockView | None = Field(description="The caller's own switch")
    operator: LockView | None = Field(description="The operator's, for everybody")
    open_positions: int = Field(description="Cycles that are not settled yet")
    verified_flat_at: Instant | None = Field(
        description="When the broker's own book and positions showed that nothing of the strategies is held"
    )
    kill_to_flat_ms: int | None
    nothing_placed_at: Instant | None = Field(
        description="When our record showed no order of the day of the switch and nothing open: the broker was not"
        " asked, and nothing is claimed about what it holds. Set instead of verified_flat_at, never beside it"
    )
    foreign_positions: list[ForeignPositionView]


class RiskEventView(Answer):
    """Something that was recorded."""

    at: Instant
    kind: str
    text: str
    used: Price | None
    limit: Price | None
    strategy_id: UUID | None


class RiskProfileView(Answer):
    """Limits, what is used of them, and the kill switch."""

    limits: RiskLimitsView
    usage: RiskUsageView
    kill_switch: KillSwitchView
    events: list[RiskEventView] = Field(description="What was recorded last, newest first")
    as_of: Instant


class KillAnswer(Answer):
    """No entry leaves any more."""

    is_locked: bool = True
    lock: LockView
    flattening: int = Field(
        description="Cycles that were asked to be sold by now. Whatever could not be asked for is asked for within a"
        " minute; GET /risk/profile shows what is open"
    )


class ReleaseAnswer(Answer):
    """The caller's own switch is off."""

    is_locked: bool = Field(
        description="False: running strategies buy again from their next buy time on. True: the operator's switch is"
        " on, and nothing is bought"
    )
