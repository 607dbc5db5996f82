"""Good-till-triggered orders (Kite Connect documentation, GTT)."""

import json
from typing import Any

from exchange_simulator.clock import NANOS, wire_time
from exchange_simulator.engine.gtt import LIFETIME_DAYS, Gtt, GttLeg, GttTerms
from exchange_simulator.errors import input_error
from exchange_simulator.money import paise, rupees
from exchange_simulator.routes.endpoint import Call, Endpoint

_LIFETIME_NS = LIFETIME_DAYS * 86_400 * NANOS


async def list_triggers(call: Call) -> list[dict[str, Any]]:
    """Every trigger of the account."""
    return [_row(gtt) for gtt in call.sim.venue.gtts.of(call.app.trading)]


async def get_trigger(call: Call) -> dict[str, Any]:
    """One trigger."""
    return _row(call.sim.venue.gtts.find(call.app.trading, _trigger_id(call)))


async def place_trigger(call: Call) -> dict[str, int]:
    """Keep a new trigger."""
    condition = _condition(call)
    instrument = call.instrument(str(condition.get("exchange")), str(condition.get("tradingsymbol")))
    gtt = call.sim.venue.gtts.place(call.app.trading, instrument, _terms(call, condition))
    return {"trigger_id": gtt.trigger_id}


async def modify_trigger(call: Call) -> dict[str, int]:
    """Replace the terms of a trigger."""
    trigger_id = _trigger_id(call)
    call.sim.venue.gtts.modify(call.app.trading, trigger_id, _terms(call, _condition(call)))
    return {"trigger_id": trigger_id}


async def delete_trigger(call: Call) -> dict[str, int]:
    """Delete a trigger."""
    return {"trigger_id": call.sim.venue.gtts.delete(call.app.trading, _trigger_id(call)).trigger_id}


def _trigger_id(call: Call) -> int:
    text = call.path("trigger_id")
    if not text.isdigit():
        raise input_error("Invalid `trigger_id`.")
    return int(text)


def _condition(call: Call) -> dict[str, Any]:
    """The condition, which travels as JSON text in a form field."""
    try:
        condition = json.loads(call.form.get("condition", ""))
    except ValueError:
        condition = None
    if not isinstance(condition, dict):
        raise input_error("Invalid `condition`.")
    return condition


def _terms(call: Call, condition: dict[str, Any]) -> GttTerms:
    """Trigger values of the condition, and the orders, which are JSON text in a form field too."""
    try:
        terms = GttTerms(
            kind=str(call.form.get("type")),
            trigger_values=[paise(value) for value in condition["trigger_values"]],
            last_price=paise(condition.get("last_price") or 0),
            legs=[_leg(leg) for leg in json.loads(call.form.get("orders", ""))],
        )
    except (ValueError, KeyError, TypeError):
        raise input_error("Invalid `condition` or `orders`.") from None
    if any(leg.side not in {"BUY", "SELL"} or leg.quantity <= 0 for leg in terms.legs):
        raise input_error("Invalid `orders`.")
    return terms


def _leg(body: dict[str, Any]) -> GttLeg:
    return GttLeg(
        side=body["transaction_type"],
        quantity=int(body["quantity"]),
        order_type=body["order_type"],
        product=body["product"],
        price=paise(body["price"]),
    )


def _row(gtt: Gtt) -> dict[str, Any]:
    return {
        "id": gtt.trigger_id,
        "user_id": gtt.user_id,
        "parent_trigger": None,
        "type": gtt.terms.kind,
        "created_at": wire_time(gtt.created_ns),
        "updated_at": wire_time(gtt.updated_ns),
        "expires_at": wire_time(gtt.created_ns + _LIFETIME_NS),
        "status": gtt.status,
        "condition": {
            "exchange": gtt.instrument.exchange,
            "last_price": rupees(gtt.terms.last_price),
            "tradingsymbol": gtt.instrument.symbol,
            "trigger_values": [rupees(value) for value in gtt.terms.trigger_values],
            "instrument_token": gtt.instrument.token,
        },
        "orders": [_leg_row(gtt, leg) for leg in gtt.terms.legs],
        "meta": gtt.meta,
    }


def _leg_row(gtt: Gtt, leg: GttLeg) -> dict[str, Any]:
    return {
        "exchange": gtt.instrument.exchange,
        "tradingsymbol": gtt.instrument.symbol,
        "product": leg.product,
        "order_type": leg.order_type,
        "transaction_type": leg.side,
        "quantity": leg.quantity,
        "price": rupees(leg.price),
        "result": leg.result and {"order_result": leg.result, "timestamp": wire_time(gtt.updated_ns)},
    }


ENDPOINTS = (
    Endpoint("GET", "/gtt/triggers", "gtts", list_triggers),
    Endpoint("POST", "/gtt/triggers", "place_gtt", place_trigger),
    Endpoint("GET", "/gtt/triggers/{trigger_id}", "gtt", get_trigger),
    Endpoint("PUT", "/gtt/triggers/{trigger_id}", "modify_gtt", modify_trigger),
    Endpoint("DELETE", "/gtt/triggers/{trigger_id}", "delete_gtt", delete_trigger),
)
