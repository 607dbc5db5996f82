"""Strategies, standings, orders and instruments as the API shows them."""

from __future__ import annotations

from datetime import UTC
from typing import Any, Literal

from algotrading.contracts.api_candles import CandlesView, CandleView, ExecutedView
from algotrading.contracts.api_preflight import CheckView, PreflightView
from algotrading.contracts.api_strategy import (
    BrokerStopView,
    CycleView,
    InstrumentView,
    OrderList,
    OrderView,
    StrategyCreated,
    StrategyDetails,
    StrategyStanding,
    StrategyStarted,
    StrategyUpdated,
    TradeView,
)
from algotrading.contracts.api_timeline import LineView, TimelineView
from algotrading.domain.cycle import Intent
from algotrading.domain.instruments import Instrument
from algotrading.domain.orders import BrokerStatus, Fill, Side
from algotrading.domain.sessions import EffectiveExit
from algotrading.domain.strategy import Strategy
from algotrading.domain.timeline import Line, clock_time
from algotrading.ports import LastPrice, OrderLog
from algotrading.services.day_chart import DayChart
from algotrading.services.manage_strategy import Commanded
from algotrading.services.preflight import Preflight
from algotrading.services.strategy_status import OrderHistory, Standing
from algotrading.services.timeline import Timeline

_FINAL = frozenset(BrokerStatus)


def details(one: Strategy, effective: EffectiveExit | None) -> StrategyDetails:
    """A strategy with the time at which it will really sell."""
    return StrategyDetails(**_fields(one), **_exit_fields(effective))


def created(one: Commanded) -> StrategyCreated:
    """A new strategy."""
    account_id = one.strategy.account_id
    return StrategyCreated(account_id=account_id, **_state_fields(one), **_exit_fields(one.effective_exit))


def started(one: Commanded) -> StrategyStarted:
    """A strategy that runs."""
    return StrategyStarted(**_state_fields(one))


def updated(one: Commanded) -> StrategyUpdated:
    """A strategy with its new plan."""
    return StrategyUpdated(**_fields(one.strategy), **_exit_fields(one.effective_exit), warnings=list(one.warnings))


def standing(one: Standing) -> StrategyStanding:
    """Where a strategy stands."""
    cycle, profit = one.cycle, one.profit
    return StrategyStanding.model_validate(
        {
            "strategy_id": one.strategy.strategy_id,
            "account_id": one.strategy.account_id,
            "status": one.strategy.status,
            "exchange": one.strategy.plan.exchange,
            "symbol": one.strategy.plan.symbol,
            "position": one.position,
            "last_action": cycle.last_action if cycle else None,
            "last_price": one.price.price if one.price else None,
            "last_price_at": one.price.at if one.price else None,
            "stop_loss": one.strategy.plan.stop_loss,
            "quantity": one.strategy.plan.quantity,
            **_exit_fields(one.effective_exit),
            "cycle_quantity": cycle.plan.quantity if cycle else None,
            "bought_quantity": cycle.bought if cycle else 0,
            "held_quantity": cycle.open_quantity if cycle else 0,
            "next_buy_at": one.next_buy_at,
            "next_sell_at": one.next_sell_at,
            "average_buy_price": one.average_price(Side.BUY),
            "average_sell_price": one.average_price(Side.SELL),
            "realised_pnl": profit.realised if profit else None,
            "open_pnl": profit.open if profit else None,
            "charges": profit.charges.total if profit else None,
            "net_pnl": profit.net if profit else None,
            "broker_stop": _broker_stop(one),
            "naked_seconds": None if one.naked is None else one.naked.total_seconds(),
            "cycle": CycleView(trading_day=cycle.trading_day, state=cycle.state) if cycle else None,
            "note": one.note,
            "stop_reason": one.strategy.stop_reason,
            "as_of": one.as_of,
        }
    )


def orders(one: OrderHistory) -> OrderList:
    """A strategy's order log and executions, each with the order that it belongs to."""
    by_tag = {order.tag: order for order in one.orders}
    by_number = {order.broker_order_id: order for order in one.orders}
    return OrderList(
        orders=[_order(log, by_tag.get(log.tag)) for log in one.logs],
        trades=[_trade(fill, by_number.get(fill.broker_order_id)) for fill in one.fills],
    )


def _order(log: OrderLog, order: Intent | None) -> OrderView:
    event = _event_of(log)
    return OrderView(
        order_id=log.order_id,
        order_type=log.order_type,
        timestamp=log.timestamp,
        event=event,
        outcome=log.outcome,
        broker_order_id=log.broker_order_id,
        tag=log.tag,
        side=order.side if order else None,
        quantity=order.quantity if order else None,
        trigger_price=order.trigger_price if order else None,
        filled=order.filled if order else None,
        average_price=order.average_price if order and order.filled else None,
        state=order.state if order else None,
        execution_time_ms=None if event == "final" else log.execution_time_ms,
        raw_response=dict(log.raw_response),
    )


def _trade(fill: Fill, order: Intent | None) -> TradeView:
    return TradeView(
        trade_id=fill.trade_id,
        broker_order_id=fill.broker_order_id,
        exchange=fill.exchange,
        side=order.side if order else None,
        quantity=fill.quantity,
        price=fill.price,
        filled_at=fill.filled_at,
    )


def preflight(one: Preflight) -> PreflightView:
    """Whether a strategy can trade next time."""
    checks = [
        CheckView(
            name=check.name,
            is_green=check.is_green,
            text=check.text,
            remedy=check.remedy,
            due_from=check.due_from,
        )
        for check in one.named_checks
    ]
    return PreflightView(
        strategy_id=one.strategy_id,
        is_ready=one.is_ready,
        checks=checks,
        next_buy_at=one.next_buy_at,
        as_of=one.as_of,
    )


def timeline(one: Timeline) -> TimelineView:
    """One day of a strategy."""
    return TimelineView(strategy_id=one.strategy_id, trading_day=one.day, lines=[_line(line) for line in one.lines])


def _line(line: Line) -> LineView:
    return LineView(
        at=line.at,
        ist=clock_time(line.at),
        kind=line.kind,
        text=line.text,
        price=line.price,
        quantity=line.quantity,
        tag=line.tag,
        broker_order_id=line.broker_order_id,
        milliseconds_late=_rounded(line.milliseconds_late),
        execution_time_ms=_rounded(line.execution_ms),
        asked_by=line.asked_by,
        request_id=line.request_id,
    )


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)


def candles(one: DayChart) -> CandlesView:
    """A strategy's instrument today."""
    plan = one.strategy.plan
    return CandlesView(
        strategy_id=one.strategy.strategy_id,
        exchange=plan.exchange,
        symbol=plan.symbol,
        trading_day=one.day,
        stop_loss=plan.stop_loss,
        candles=[
            CandleView(
                at=each.minute.astimezone(UTC),
                open=each.open,
                high=each.high,
                low=each.low,
                close=each.close,
                ticks=each.ticks,
            )
            for each in one.candles
        ],
        executed=[
            ExecutedView(at=each.at, side=each.side, quantity=each.quantity, price=each.price) for each in one.executed
        ],
        as_of=one.as_of,
    )


def instrument(one: Instrument, last: LastPrice | None) -> InstrumentView:
    """Something that can be traded, with its latest price where one was seen."""
    return InstrumentView(
        exchange=one.exchange,
        symbol=one.tradingsymbol,
        name=one.name,
        segment=one.segment,
        instrument_type=one.instrument_type,
        tick_size=one.tick_size,
        lot_size=one.lot_size,
        last_price=last.price if last else None,
        last_price_at=last.at if last else None,
    )


def _event_of(log: OrderLog) -> Literal["answer", "cancel", "turn", "final"]:
    if log.outcome in _FINAL:
        return "final"
    if log.outcome.startswith("turn_"):
        return "turn"
    return "cancel" if log.outcome.startswith("cancel_") else "answer"


def _broker_stop(one: Standing) -> BrokerStopView | None:
    stop = one.resting_stop
    if stop is None or stop.broker_order_id is None or stop.trigger_price is None:
        return None
    return BrokerStopView(
        broker_order_id=stop.broker_order_id, trigger_price=stop.trigger_price, quantity=stop.quantity
    )


def _state_fields(one: Commanded) -> dict[str, Any]:
    return {
        "strategy_id": one.strategy.strategy_id,
        "status": one.strategy.status,
        "warnings": list(one.warnings),
    }


def _exit_fields(effective: EffectiveExit | None) -> dict[str, Any]:
    return {
        "effective_sell_time": effective.at if effective else None,
        "effective_sell_time_reason": effective.reason if effective else None,
    }


def _fields(one: Strategy) -> dict[str, Any]:
    return {
        "strategy_id": one.strategy_id,
        "account_id": one.account_id,
        "status": one.status,
        "exchange": one.plan.exchange,
        "symbol": one.plan.symbol,
        "product": one.plan.product,
        "buy_time": one.plan.buy_time,
        "sell_time": one.plan.sell_time,
        "stop_loss": one.plan.stop_loss,
        "quantity": one.plan.quantity,
        "broker_stop": one.plan.broker_stop,
        "stop_reason": one.stop_reason,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }
