"""Order routes: place, change, cancel and read (Kite Connect documentation, orders)."""

import asyncio
from typing import Any

from aiohttp import web

from exchange_simulator.engine.modification import Change
from exchange_simulator.engine.oms import Handling
from exchange_simulator.engine.order_request import (
    ORDER_TYPES,
    VALIDITIES,
    VARIETIES,
    OrderRequest,
    percent,
    price,
    whole,
)
from exchange_simulator.engine.orders import Order
from exchange_simulator.errors import KiteError, input_error, order_error
from exchange_simulator.faults import Fault
from exchange_simulator.routes.endpoint import Call, Endpoint, drop
from exchange_simulator.wire.order_rows import order_row, trade_row

TIMED_OUT = "Order request timed out. Please check the order book and confirm before placing again."
_UNSEEN = {"accept_then_timeout": 8000, "accept_then_503": 0, "400_timed_out_but_placed": 8000}
_HANDLED = ("limbo", "partial_fill", "reject")


async def place(call: Call) -> Any:
    """Place an order and answer with its id before it reaches the exchange."""
    request = OrderRequest.parse(call.path("variety"), call.form)
    instrument = call.instrument(request.exchange, request.symbol)
    fault = call.sim.faults.strike(call.app.user_id, *_UNSEEN, *_HANDLED, route="place")
    venue = call.sim.venue
    handling = _handling(call, fault)
    if fault is None or fault.name not in _UNSEEN:
        return venue.multi_leg.place(call.app.trading, request, instrument, handling, call.received_ns)
    venue.manager.check(request, instrument)

    def appear() -> None:
        received = call.sim.clock.now_ns()
        venue.multi_leg.place(call.app.trading, request, instrument, handling, received)

    delay_s = fault.seconds("appear_after_ms", _UNSEEN[fault.name])
    if delay_s > 0:
        call.sim.scheduler.call_later(delay_s, appear)
    else:
        appear()
    return await _lose_answer(call, fault)


async def modify(call: Call) -> dict[str, Any]:
    """Change an open order."""
    order = _find(call)
    order_type = call.form.get("order_type") or None
    if order_type is not None and order_type not in ORDER_TYPES:
        raise input_error("Invalid `order_type`.")
    validity = call.form.get("validity") or None
    if validity is not None and validity not in VALIDITIES:
        raise input_error("Invalid `validity`.")
    change = Change(
        quantity=whole(call.form, "quantity") if "quantity" in call.form else None,
        price=price(call.form, "price") if "price" in call.form else None,
        order_type=order_type,
        trigger_price=price(call.form, "trigger_price") if "trigger_price" in call.form else None,
        validity=validity,
        disclosed_quantity=whole(call.form, "disclosed_quantity") or None,
        market_protection=percent(call.form, "market_protection"),
    )
    call.sim.venue.modifier.modify(call.app.trading, order, change)
    return {"order_id": order.order_id}


async def cancel(call: Call) -> dict[str, Any]:
    """Cancel an open order; leaving a cover order's second leg exits it."""
    order = _find(call)
    late = call.sim.faults.strike(call.app.user_id, "late_fill_after_cancel", route="cancel")
    late_fill_s = late.seconds("ms", 500) if late else None
    call.sim.venue.manager.cancel(call.app.trading, order, late_fill_s=late_fill_s)
    return {"order_id": order.order_id}


async def order_book(call: Call) -> list[dict[str, Any]]:
    """Today's orders."""
    lag_ns = _book_lag_ns(call)
    shown = [_as_of(call, order, lag_ns) for order in call.app.trading.orders.values()]
    return [order_row(order) for order in shown if order is not None]


async def order_history(call: Call) -> list[dict[str, Any]]:
    """Every state of one order, oldest first."""
    order = call.app.trading.orders.get(call.path("order_id"))
    horizon = call.sim.clock.now_ns() - _book_lag_ns(call)
    past = [state for state in order.history if state.updated_ns <= horizon] if order else []
    if not past:
        raise order_error("Couldn't find that `order_id`.")
    return [order_row(state) for state in past]


async def trades(call: Call) -> list[dict[str, Any]]:
    """Today's executions."""
    return [trade_row(trade) for trade in call.app.trading.trades]


async def order_trades(call: Call) -> list[dict[str, Any]]:
    """Executions of one order."""
    order_id = call.path("order_id")
    return [trade_row(trade) for trade in call.app.trading.trades if trade.order_id == order_id]


def _handling(call: Call, fault: Fault | None) -> Handling:
    delay_s = call.sim.options.order_delay_s
    if fault is None:
        return Handling(delay_s=delay_s)
    if fault.name == "limbo":
        return Handling(delay_s=fault.seconds("ms", 83_000))
    if fault.name == "reject":
        return Handling(delay_s=delay_s, rejection=str(fault.params.get("message", "RMS:Rejected by the exchange")))
    if fault.name == "partial_fill":
        rest = fault.params.get("rest_ms", 2000)
        quantity = int(fault.number("quantity", 1))
        return Handling(delay_s=delay_s, fill_at_most=quantity, rest_s=None if rest is None else float(rest) / 1000)
    return Handling(delay_s=delay_s)


async def _lose_answer(call: Call, fault: Fault) -> web.Response:
    """Answer an accepted order with something that does not say so."""
    if fault.name == "accept_then_503":
        raise KiteError(503, "NetworkException", "Request failed (kitetrade-oms)")
    if fault.name == "400_timed_out_but_placed":
        raise order_error(TIMED_OUT)
    await asyncio.sleep(fault.seconds("hold_ms", 30_000))
    return drop(call.request)


def _find(call: Call) -> Order:
    if call.path("variety") not in VARIETIES:
        raise input_error("Invalid `variety`.")
    order = call.app.trading.orders.get(call.path("order_id"))
    if order is None:
        raise order_error("Order does not exist.")
    return order


def _book_lag_ns(call: Call) -> int:
    fault = call.sim.faults.strike(call.app.user_id, "book_lag")
    return int(fault.number("ms", 2000) * 1_000_000) if fault else 0


def _as_of(call: Call, order: Order, lag_ns: int) -> Order | None:
    return order.as_of(call.sim.clock.now_ns() - lag_ns) if lag_ns else order


ENDPOINTS = (
    Endpoint("POST", "/orders/{variety}", "place", place, "order", order_route=True),
    Endpoint("PUT", "/orders/{variety}/{order_id}", "modify", modify, "order", order_route=True),
    Endpoint("DELETE", "/orders/{variety}/{order_id}", "cancel", cancel, order_route=True),
    Endpoint("GET", "/orders", "orders", order_book),
    Endpoint("GET", "/orders/{order_id}", "order_history", order_history),
    Endpoint("GET", "/orders/{order_id}/trades", "order_trades", order_trades),
    Endpoint("GET", "/trades", "trades", trades),
)
