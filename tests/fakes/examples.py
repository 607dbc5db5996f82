"""Values that tests need many of, each with sensible defaults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from algotrading.domain.accounts import User, first_account_of
from algotrading.domain.cycle import Cycle, Intent, IntentState
from algotrading.domain.instruments import Instrument, Product
from algotrading.domain.orders import Leg, Side, make_tag
from algotrading.domain.strategy import Plan, Strategy, StrategyStatus

MOMENT = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""09:30 Asia/Kolkata on a trading Friday."""
TRADING_DAY = date(2026, 11, 20)


def make_user(email: str | None = None) -> User:
    """A new user, by default with an e-mail of its own."""
    user_id = uuid4()
    return User(user_id, email or f"{user_id.hex}@example.com", MOMENT)


def make_plan(**changes: Any) -> Plan:
    """TCS on NSE, 09:30 to 15:00, ten shares, stop at 3500."""
    plan = Plan("NSE", "TCS", Product.MIS, time(9, 30), time(15, 0), Decimal(3500), 10)
    return replace(plan, **changes)


def make_strategy(user_id: UUID, *, status: StrategyStatus = StrategyStatus.CREATED, **plan: Any) -> Strategy:
    """A new strategy at version 1; keyword arguments change its plan."""
    return Strategy(uuid4(), user_id, first_account_of(user_id), make_plan(**plan), status, 1, MOMENT, MOMENT)


def make_intent(cycle: Cycle, leg: Leg = Leg.ENTRY, attempt: int = 1, **changes: Any) -> Intent:
    """A pending market order of the cycle's whole quantity, made one second after the one before it."""
    intent = Intent(
        leg=leg,
        attempt=attempt,
        tag=make_tag(cycle.strategy_id, cycle.trading_day, leg, attempt),
        side=Side.BUY if leg is Leg.ENTRY else Side.SELL,
        quantity=cycle.plan.quantity,
        state=IntentState.PENDING,
        created_at=MOMENT + timedelta(seconds=len(cycle.intents)),
        due_at=MOMENT + timedelta(seconds=len(cycle.intents)),
    )
    return replace(intent, **changes)


def make_instrument(symbol: str = "TCS", **changes: Any) -> Instrument:
    """A share on NSE."""
    instrument = Instrument("NSE", symbol, 2953217, f"{symbol} LIMITED", "NSE", "EQ", Decimal("0.05"), 1, True)
    return replace(instrument, **changes)
