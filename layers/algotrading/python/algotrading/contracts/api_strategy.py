"""Bodies of /strategy and /instruments."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from algotrading.contracts.api_common import (
    Answer,
    Identifier,
    Instant,
    Name,
    Price,
    RequestBody,
    RequestPrice,
    ShownTime,
    TimeOfDay,
)
from algotrading.contracts.problems import field_problems
from algotrading.domain.cycle import CycleState, IntentState, Position
from algotrading.domain.errors import FieldProblem
from algotrading.domain.instruments import Product
from algotrading.domain.orders import Side
from algotrading.domain.strategy import Plan, StrategyStatus

_LARGEST_QUANTITY = 10_000_000
Warnings = Annotated[list[str], Field(description="What may not be meant, in plain words; nothing was refused for it")]
_TRADES_IN = "The broker account that it trades in"
_NO_ORDER = "null where the order is not in our record"
_STAND_INS: dict[str, Any] = {
    "symbol": "-",
    "buy_time": "00:00:00",
    "sell_time": "23:59:59",
    "stop_loss": 1,
    "quantity": 1,
    "exchange": "NSE",
    "product": "MIS",
    "broker_stop": True,
}
"""Harmless values that stand in for fields that cannot be read."""


class PlanRequest(RequestBody):
    """What to trade each day. Times of day are Asia/Kolkata."""

    # A body with unreadable fields is still a PlanRequest: its `problems` say what is wrong, and
    # stand-ins take the fields' places, so that the trader hears about every field at once.

    symbol: Name = Field(description="In whatever case", examples=["TCS"])
    buy_time: TimeOfDay = Field(examples=["09:30:00"])
    sell_time: TimeOfDay = Field(examples=["15:15:00"])
    stop_loss: RequestPrice = Field(description="Mandatory: at or below this price everything is sold")
    quantity: Annotated[int, Field(le=_LARGEST_QUANTITY)] = Field(
        description="A whole number of lots", examples=[10], json_schema_extra={"minimum": 1}
    )
    exchange: Name = Field(default="NSE", examples=["NSE"])
    product: Literal["MIS", "CNC", "NRML"] = "MIS"
    broker_stop: bool = Field(
        default=True,
        description="Let a stop order rest at the broker too while a position is held; the watcher guards in any case",
    )
    account_id: Identifier | None = Field(
        default=None,
        description="The broker account to trade in (GET /broker/accounts); without it a new strategy is put into the "
        "default one, and another stays where it is. It cannot be moved while a position is open",
    )
    _problems: tuple[FieldProblem, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _collect_problems(cls, data: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return read(data)
        except ValidationError as error:
            if not isinstance(data, dict):
                raise
            problems = field_problems(error.errors(include_url=False, include_input=False))
        unread = {problem.field for problem in problems}
        readable = {name: value for name, value in data.items() if name in _STAND_INS and name not in unread}
        plan = read(readable | {name: _STAND_INS[name] for name in _STAND_INS if name in unread})
        plan._problems = problems
        return plan

    @property
    def problems(self) -> tuple[FieldProblem, ...]:
        """What is wrong with the fields that could not be read."""
        return self._problems

    def to_plan(self) -> Plan:
        """The domain's plan."""
        return Plan(
            exchange=self.exchange.upper(),
            symbol=self.symbol.upper(),
            product=Product(self.product),
            buy_time=self.buy_time,
            sell_time=self.sell_time,
            stop_loss=self.stop_loss,
            quantity=self.quantity,
            broker_stop=self.broker_stop,
        )


class StrategyReference(RequestBody):
    """Which strategy."""

    strategy_id: Identifier


class StrategyCreated(Answer):
    """A new strategy; it trades once it is started."""

    strategy_id: UUID
    account_id: UUID = Field(description=_TRADES_IN)
    status: StrategyStatus
    effective_sell_time: ShownTime = Field(description="When the position will really be sold")
    effective_sell_time_reason: str | None = Field(description="Why not at sell_time; null when it is")
    warnings: Warnings


class StrategyState(Answer):
    """A strategy's status after a command."""

    strategy_id: UUID
    status: StrategyStatus


class StrategySquaredOff(StrategyState):
    """A strategy whose position is being sold."""

    squaring_off: Literal[True] = True


class StrategyStarted(StrategyState):
    """A strategy that runs."""

    warnings: Warnings


class StrategyDeleted(Answer):
    """A strategy that is gone; its orders can still be read."""

    strategy_id: UUID
    status: Literal["deleted"] = "deleted"


class StrategyView(Answer):
    """A strategy as stored."""

    strategy_id: UUID
    account_id: UUID = Field(description=_TRADES_IN)
    status: StrategyStatus
    exchange: str
    symbol: str
    product: Product
    buy_time: ShownTime
    sell_time: ShownTime
    stop_loss: Price
    quantity: int
    broker_stop: bool = Field(description="Whether a stop order rests at the broker too while a position is held")
    stop_reason: str | None
    created_at: Instant
    updated_at: Instant


class StrategyDetails(StrategyView):
    """A strategy with the time at which it will really sell."""

    effective_sell_time: ShownTime | None
    effective_sell_time_reason: str | None


class StrategyUpdated(StrategyDetails):
    """A strategy with its new plan."""

    warnings: Warnings


class StrategyList(Answer):
    """The caller's strategies, oldest first."""

    strategies: list[StrategyDetails]
    next_cursor: UUID | None = Field(default=None, description="Give it as `cursor` for the next page; null at the end")


class CycleView(Answer):
    """The trading day a status speaks of."""

    trading_day: date
    state: CycleState


class BrokerStopView(Answer):
    """A stop order that rests at the broker."""

    broker_order_id: str
    trigger_price: Price
    quantity: int


class StrategyStanding(Answer):
    """Where a strategy stands now."""

    strategy_id: UUID
    account_id: UUID = Field(description=_TRADES_IN)
    status: StrategyStatus
    exchange: str
    symbol: str
    position: Position
    last_action: Literal["BUY", "SELL", "STOPLOSS"] | None = Field(description="Latest order the broker confirmed")
    last_price: Price | None = Field(description="Latest traded price; null when none was seen")
    last_price_at: Instant | None
    stop_loss: Price
    quantity: int
    cycle_quantity: int | None = Field(
        description="What `cycle` is to buy or was to buy; `quantity` may have been changed for the next one since"
    )
    bought_quantity: int = Field(description="How much of cycle_quantity the broker's trades show as bought")
    held_quantity: int = Field(description="How much of that is held now")
    effective_sell_time: ShownTime | None
    effective_sell_time_reason: str | None
    next_buy_at: Instant | None
    next_sell_at: Instant | None
    average_buy_price: Price | None
    average_sell_price: Price | None
    realised_pnl: Price | None = Field(
        description="Sells minus buys of what was sold again, rupees, before charges; null before anything was bought"
    )
    open_pnl: Price | None = Field(
        description="What is held at last_price minus what it cost, before charges; null when no price is known"
    )
    charges: Price | None = Field(
        description="Brokerage, taxes and fees of the cycle's orders so far, by the published rates"
    )
    net_pnl: Price | None = Field(
        description="realised_pnl plus open_pnl minus charges; null when a part is not known, as when the position "
        "was sold outside of the strategy"
    )
    broker_stop: BrokerStopView | None = Field(description="The stop order that rests at the broker now, if one does")
    naked_seconds: float | None = Field(
        description="How long something was held that neither the watcher saw nor a stop order at the broker guarded"
    )
    cycle: CycleView | None = Field(description="Today's cycle, or an older one that is still open")
    note: str | None = Field(description="Why it stands where it stands")
    stop_reason: str | None
    as_of: Instant


class OrderView(Answer):
    """One exchange of words with the broker about one order."""

    order_id: UUID
    order_type: str = Field(description="BUY, SELL or SL")
    timestamp: Instant
    event: Literal["answer", "cancel", "turn", "final"] = Field(
        description="answer: what the broker said to the order being sent; cancel: to its being cancelled; "
        "turn: to the resting stop order being asked to sell at once; "
        "final: how the order ended, from the broker's order book"
    )
    outcome: str
    broker_order_id: str | None
    tag: str
    side: Side | None = Field(description=f"Of the order; {_NO_ORDER}")
    quantity: int | None = Field(description=f"What the order is for; {_NO_ORDER}")
    trigger_price: Price | None = Field(description="At or below which a stop order sells; null for others")
    filled: int | None = Field(description=f"How much of the order has been bought or sold by now; {_NO_ORDER}")
    average_price: Price | None = Field(description="Of that; null where nothing is filled")
    state: IntentState | None = Field(
        description=f"How the order stands now, whatever was said at `timestamp`; {_NO_ORDER}. unknown and pending: "
        "nobody knows yet whether the broker has it; not_placed: its book has proven that it never had it; throttled: "
        "never sent; done: it has ended, as its `final` says"
    )
    execution_time_ms: float | None = Field(description="From sending to answer; null for what was read in the book")
    raw_response: dict[str, Any]


class TradeView(Answer):
    """One execution."""

    trade_id: str
    broker_order_id: str
    exchange: str
    side: Side | None = Field(description="null where the order that it belongs to is not known")
    quantity: int
    price: Price
    filled_at: Instant | None


class OrderList(Answer):
    """A strategy's order log and executions, oldest first."""

    orders: list[OrderView]
    trades: list[TradeView]


class InstrumentView(Answer):
    """Something that can be traded."""

    exchange: str
    symbol: str
    name: str
    segment: str
    instrument_type: str
    tick_size: Price
    lot_size: int
    last_price: Price | None = Field(
        description="Latest traded price that a watcher saw; null for what no strategy here has had watched"
    )
    last_price_at: Instant | None = Field(description="When it was seen: what is not watched any more keeps its last")


class InstrumentList(Answer):
    """Search results, best first."""

    instruments: list[InstrumentView]
