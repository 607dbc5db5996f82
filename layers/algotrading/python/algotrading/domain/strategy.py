"""A trader's standing order: what to buy each day, when, and when to let go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from algotrading.domain.errors import Conflict, FieldProblem
from algotrading.domain.instruments import Instrument, Product
from algotrading.domain.sessions import SessionHours

_HELD_FIXED: Final = ("exchange", "symbol", "product", "quantity")
"""What of a plan cannot change while a cycle is not settled: it would not be what was bought."""


class StrategyStatus(StrEnum):
    """`running` trades every trading day; the other two never do."""

    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the trader asked for. Times of day are Asia/Kolkata, prices rupees."""

    exchange: str
    symbol: str
    product: Product
    buy_time: time
    sell_time: time
    stop_loss: Decimal
    quantity: int
    broker_stop: bool = False
    """Whether a stop order rests at the broker too while a position is held."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A plan with an owner and a life. `version` grows with every change of plan or status, so that a
    message made for an older one is recognised and dropped."""

    strategy_id: UUID
    user_id: UUID
    account_id: UUID
    """The broker account that it trades in."""
    plan: Plan
    status: StrategyStatus
    version: int
    created_at: datetime
    updated_at: datetime
    stop_reason: str | None = None
    timed_at: datetime | None = None
    """When it was started or its buy time was changed, whichever came last; None in rows older than this record."""

    @property
    def due_since(self) -> datetime:
        """Since when the plan's buy time has been waited for: an instant before that was never due."""
        return self.timed_at or self.updated_at

    @property
    def is_running(self) -> bool:
        """Whether the strategy trades."""
        return self.status is StrategyStatus.RUNNING


def held_fixed(before: Strategy, after: Strategy) -> Conflict | None:
    """Why `after` cannot replace `before` while a cycle of the strategy is not settled; None when it can."""
    moved = () if before.account_id == after.account_id else ("account_id",)
    changed = moved + tuple(name for name in _HELD_FIXED if getattr(before.plan, name) != getattr(after.plan, name))
    if not changed:
        return None
    details = tuple(FieldProblem(name, "cannot change while a position is open") for name in changed)
    return Conflict(f"the strategy holds a position: {', '.join(changed)} cannot change now", details)


def find_problems(plan: Plan, instrument: Instrument | None, hours: SessionHours | None) -> tuple[FieldProblem, ...]:
    """Everything wrong with `plan`, field by field; empty when it may trade.

    `instrument` is None for an unknown symbol, `hours` None when its segment has no session.
    """
    if instrument is None:
        text = f"{plan.exchange}:{plan.symbol} is not a known instrument: GET /instruments?query= finds those there are"
        unknown = FieldProblem("symbol", text)
        return (unknown, *_order_problems(plan), *_sign_problems(plan))
    if hours is None or instrument.tick_size <= 0:
        untradable = FieldProblem("symbol", f"{plan.exchange}:{plan.symbol} cannot be traded")
        return (untradable, *_order_problems(plan), *_sign_problems(plan))
    return (
        *_order_problems(plan),
        *_session_problems(plan, hours),
        *_sign_problems(plan),
        *_step_problems(plan, instrument),
        *_product_problems(plan, instrument),
    )


def plain_number(value: Decimal) -> str:
    """As people write it: no exponent, no trailing zeros."""
    return f"{value.normalize():f}"


def _order_problems(plan: Plan) -> tuple[FieldProblem, ...]:
    if plan.buy_time >= plan.sell_time:
        return (FieldProblem("buy_time", "must be before sell_time"),)
    return ()


def _session_problems(plan: Plan, hours: SessionHours) -> tuple[FieldProblem, ...]:
    problems = []
    if plan.buy_time < hours.opens:
        problems.append(FieldProblem("buy_time", f"the session opens at {hours.opens}"))
    effective = hours.effective_exit(plan.sell_time, plan.product)
    if plan.buy_time >= effective.at and plan.buy_time < plan.sell_time:
        problems.append(FieldProblem("buy_time", f"the last possible exit is at {effective.at}: {effective.reason}"))
    if plan.sell_time > hours.closes:
        problems.append(FieldProblem("sell_time", f"the session closes at {hours.closes}"))
    return tuple(problems)


def _sign_problems(plan: Plan) -> tuple[FieldProblem, ...]:
    problems = []
    if plan.stop_loss <= 0:
        problems.append(FieldProblem("stop_loss", "a stop-loss above zero is mandatory"))
    if plan.quantity <= 0:
        problems.append(FieldProblem("quantity", "must be a positive whole number"))
    return tuple(problems)


def _step_problems(plan: Plan, instrument: Instrument) -> tuple[FieldProblem, ...]:
    problems = []
    if plan.stop_loss > 0 and not instrument.is_on_tick(plan.stop_loss):
        tick = plain_number(instrument.tick_size)
        problems.append(FieldProblem("stop_loss", f"must be a multiple of the tick size {tick}"))
    if plan.quantity > 0 and plan.quantity % instrument.lot_size:
        problems.append(FieldProblem("quantity", f"must be a multiple of the lot size {instrument.lot_size}"))
    return tuple(problems)


def _product_problems(plan: Plan, instrument: Instrument) -> tuple[FieldProblem, ...]:
    is_derivative = instrument.instrument_type in {"FUT", "CE", "PE"}
    if is_derivative and plan.product is Product.CNC:
        return (FieldProblem("product", "CNC is for equity; use MIS or NRML"),)
    if not is_derivative and plan.product is Product.NRML:
        return (FieldProblem("product", "NRML is for derivatives; use MIS or CNC"),)
    return ()
