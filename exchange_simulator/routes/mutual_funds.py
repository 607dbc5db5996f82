"""Mutual funds: the routes exist and say that there is nothing, so that a client which asks for everything works."""

from typing import Any

from aiohttp import web

from exchange_simulator.errors import input_error
from exchange_simulator.routes.endpoint import Call, Endpoint

_COLUMNS = (
    "tradingsymbol,amc,name,purchase_allowed,redemption_allowed,minimum_purchase_amount,purchase_amount_multiplier,"
    "minimum_additional_purchase_amount,minimum_redemption_quantity,redemption_quantity_multiplier,dividend_type,"
    "scheme_type,plan,settlement_type,last_price,last_price_date\n"
)


async def nothing(_call: Call) -> list[dict[str, Any]]:
    """No orders, plans or holdings."""
    return []


async def refuse(_call: Call) -> Any:
    """The simulated exchange sells no funds."""
    raise input_error("The fund does not exist or is not open for transactions.")


async def instruments(_request: web.Request) -> web.Response:
    """The list of funds, which holds none."""
    return web.Response(text=_COLUMNS, content_type="text/csv")


ENDPOINTS = (
    Endpoint("GET", "/mf/orders", "mf_orders", nothing),
    Endpoint("POST", "/mf/orders", "place_mf_order", refuse),
    Endpoint("GET", "/mf/orders/{order_id}", "mf_order", refuse),
    Endpoint("DELETE", "/mf/orders/{order_id}", "cancel_mf_order", refuse),
    Endpoint("GET", "/mf/sips", "mf_sips", nothing),
    Endpoint("POST", "/mf/sips", "place_mf_sip", refuse),
    Endpoint("GET", "/mf/sips/{sip_id}", "mf_sip", refuse),
    Endpoint("PUT", "/mf/sips/{sip_id}", "modify_mf_sip", refuse),
    Endpoint("DELETE", "/mf/sips/{sip_id}", "cancel_mf_sip", refuse),
    Endpoint("GET", "/mf/holdings", "mf_holdings", nothing),
)
