"""How rows become domain values and back, where more than one table holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from algotrading.domain.cycle import Cycle, CycleState, ExitReason, Intent, IntentState, TurnAnswer
from algotrading.domain.instruments import Product
from algotrading.domain.orders import BrokerStatus, Leg, Side
from algotrading.domain.strategy import Plan, Strategy, StrategyStatus

Row = Mapping[str, Any]


def plan_parameters(plan: Plan) -> dict[str, Any]:
    """The columns of a plan, as `strategies` and `cycles` hold them."""
    return {
        "exchange": plan.exchange,
        "symbol": plan.symbol,
        "product": plan.product,
        "buy_time": plan.buy_time,
        "sell_time": plan.sell_time,
        "stop_loss": plan.stop_loss,
        "quantity": plan.quantity,
        "broker_stop": plan.broker_stop,
    }


def read_plan(row: Row) -> Plan:
    """The plan in a row of `strategies` or `cycles`."""
    return Plan(
        exchange=row["exchange"],
        symbol=row["symbol"],
        product=Product(row["product"]),
        buy_time=row["buy_time"],
        sell_time=row["sell_time"],
        stop_loss=row["stop_loss"],
        quantity=row["quantity"],
        broker_stop=row["broker_stop"],
    )


def read_strategy(row: Row) -> Strategy:
    """A row of `strategies`."""
    return Strategy(
        strategy_id=row["strategy_id"],
        user_id=row["user_id"],
        account_id=row["account_id"],
        plan=read_plan(row),
        status=StrategyStatus(row["status"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        stop_reason=row["stop_reason"],
        timed_at=row["timed_at"],
    )


def read_cycle(row: Row, intents: Sequence[Row]) -> Cycle:
    """A row of `cycles` with its rows of `order_intents`, in the order given."""
    return Cycle(
        strategy_id=row["strategy_id"],
        user_id=row["user_id"],
        account_id=row["account_id"],
        trading_day=row["trading_day"],
        plan=read_plan(row),
        state=CycleState(row["state"]),
        epoch=row["epoch"],
        intents=tuple(read_intent(intent) for intent in intents),
        claim=ExitReason(row["claim"]) if row["claim"] else None,
        wanted=ExitReason(row["wanted"]) if row["wanted"] else None,
        closed_outside=row["closed_outside"],
        doubted_since=row["doubted_since"],
        doubted_held=row["doubted_held"],
        held_before=row["held_before"],
        is_verified=row["is_verified"],
        naked=timedelta(milliseconds=row["naked_ms"]),
        sampled_at=row["sampled_at"],
        sampled_blind=_duration(row["sampled_blind_ms"]),
        note=row["note"],
    )


def read_intent(row: Row) -> Intent:
    """A row of `order_intents`."""
    return Intent(
        leg=Leg(row["leg"]),
        attempt=row["attempt"],
        tag=row["tag"],
        side=Side(row["side"]),
        quantity=row["quantity"],
        state=IntentState(row["state"]),
        created_at=row["created_at"],
        due_at=row["due_at"],
        cause_at=row["cause_at"],
        sent_at=row["sent_at"],
        answered_at=row["answered_at"],
        broker_order_id=row["broker_order_id"],
        broker_status=BrokerStatus(row["broker_status"]) if row["broker_status"] else None,
        message=row["message"],
        filled=row["filled"],
        average_price=row["average_price"],
        clean_reads=row["clean_reads"],
        cancels=row["cancels"],
        cancel_asked_at=row["cancel_asked_at"],
        trigger_price=row["trigger_price"],
        turned_at=row["turned_at"],
        turn_answer=TurnAnswer(row["turn_answer"]) if row["turn_answer"] else None,
    )


def milliseconds_of(duration: timedelta | None) -> int | None:
    """A duration as its column holds it."""
    return None if duration is None else round(duration / timedelta(milliseconds=1))


def _duration(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)
