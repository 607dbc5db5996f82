"""Margin and charge calculations over orders that are not placed (Kite Connect documentation, margins)."""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, cast

from exchange_simulator.engine.charges import Charges, charges_for
from exchange_simulator.engine.funds import opening_quantity
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.margins import Margin, margin_for
from exchange_simulator.engine.matching import Side
from exchange_simulator.engine.order_request import price, whole
from exchange_simulator.errors import input_error
from exchange_simulator.money import rupees
from exchange_simulator.routes.bodies import read_order_list
from exchange_simulator.routes.endpoint import Call, Endpoint

_NOTHING = Charges(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Line:
    instrument: Instrument
    product: str
    side: Side
    quantity: int
    price: int

    @property
    def margin(self) -> Margin:
        return margin_for(self.instrument, self.product, self.side, self.quantity, self.price)

    @property
    def charges(self) -> Charges:
        return charges_for(self.instrument, self.product, self.side, self.quantity, self.price / 100)


async def order_margins(call: Call) -> list[dict[str, Any]]:
    """Margin of each order by itself, beside what is held and ordered: what only closes a position needs none."""
    account = call.app.trading
    rows = []
    for line in await _lines(call):
        key = (line.instrument.key, line.product)
        opening = opening_quantity(account.portfolio, account.working.values(), key, line.side, line.quantity)
        rows.append(_margin_row(replace(line, quantity=opening).margin, line.charges, line.instrument))
    return rows


async def basket_margins(call: Call) -> dict[str, Any]:
    """Margin of a basket: added up, and with opposite orders and positions netted."""
    lines = await _lines(call)
    consider = call.request.query.get("consider_positions", "").lower() == "true"
    final = _netted(call, lines, consider_positions=consider)
    return {
        "initial": _margin_row(_sum([line.margin for line in lines]), _NOTHING),
        "final": _margin_row(final, _NOTHING),
        "orders": [_margin_row(line.margin, line.charges, line.instrument) for line in lines],
        "charges": _charges_row(_NOTHING),
    }


async def contract_note(call: Call) -> list[dict[str, Any]]:
    """Charges of trades at given average prices."""
    rows = []
    for body in await read_order_list(call.request):
        instrument = call.instrument(str(body.get("exchange")), str(body.get("tradingsymbol")))
        average = _number(body, "average_price")
        if average <= 0:
            raise input_error("Invalid `average_price`.")
        side = _side(body)
        quantity = whole(body, "quantity", required=True)
        charges = charges_for(instrument, str(body.get("product")), side, quantity, average)
        echoed = ("exchange", "tradingsymbol", "transaction_type", "variety", "product", "order_type")
        rows.append(
            {**{name: body.get(name) for name in echoed}, "quantity": quantity, "price": average}
            | {"charges": _charges_row(charges)}
        )
    return rows


async def _lines(call: Call) -> list[_Line]:
    lines = []
    for body in await read_order_list(call.request):
        instrument = call.instrument(str(body.get("exchange")), str(body.get("tradingsymbol")))
        limit = price(body, "price") or price(body, "trigger_price") or call.sim.venue.look(instrument).last
        quantity = whole(body, "quantity", required=True)
        lines.append(_Line(instrument, str(body.get("product")), _side(body), quantity, limit))
    return lines


def _netted(call: Call, lines: list[_Line], *, consider_positions: bool) -> Margin:
    groups: dict[tuple[str, str], list[_Line]] = defaultdict(list)
    for line in lines:
        groups[line.instrument.key, line.product].append(line)
    margins = []
    for (_, product), group in groups.items():
        instrument = group[0].instrument
        held = call.app.trading.portfolio.net_quantity(instrument, product) if consider_positions else 0
        net = held + sum(line.quantity if line.side == "BUY" else -line.quantity for line in group)
        opening = max(abs(net) - abs(held), 0) if net * held >= 0 else abs(net)
        average = sum(line.price for line in group) // len(group)
        margins.append(margin_for(instrument, product, "BUY" if net > 0 else "SELL", opening, average))
    return _sum(margins)


def _sum(margins: list[Margin]) -> Margin:
    return Margin(
        span=sum(margin.span for margin in margins),
        exposure=sum(margin.exposure for margin in margins),
        option_premium=sum(margin.option_premium for margin in margins),
        var=sum(margin.var for margin in margins),
        leverage=0,
    )


def _margin_row(margin: Margin, charges: Charges, instrument: Instrument | None = None) -> dict[str, Any]:
    return {
        "type": "equity" if instrument else "",
        "tradingsymbol": instrument.symbol if instrument else "",
        "exchange": instrument.exchange if instrument else "",
        "span": rupees(margin.span),
        "exposure": rupees(margin.exposure),
        "option_premium": rupees(margin.option_premium),
        "additional": 0,
        "bo": 0,
        "cash": 0,
        "var": rupees(margin.var),
        "pnl": {"realised": 0, "unrealised": 0},
        "leverage": margin.leverage,
        "charges": _charges_row(charges),
        "total": rupees(margin.total),
    }


def _charges_row(charges: Charges) -> dict[str, Any]:
    gst = round(charges.gst, 6)
    return {
        "transaction_tax": round(charges.transaction_tax, 6),
        "transaction_tax_type": "stt",
        "exchange_turnover_charge": round(charges.exchange_turnover, 6),
        "sebi_turnover_charge": round(charges.sebi_turnover, 6),
        "brokerage": round(charges.brokerage, 6),
        "stamp_duty": round(charges.stamp_duty, 6),
        "gst": {"igst": gst, "cgst": 0, "sgst": 0, "total": gst},
        "total": round(charges.total, 6),
    }


def _side(body: dict[str, Any]) -> Side:
    side = body.get("transaction_type")
    if side not in {"BUY", "SELL"}:
        raise input_error("Invalid `transaction_type`.")
    return cast(Side, side)


def _number(body: dict[str, Any], name: str) -> float:
    try:
        return float(body.get(name) or 0)
    except (TypeError, ValueError):
        raise input_error(f"Invalid `{name}`.") from None


ENDPOINTS = (
    Endpoint("POST", "/margins/orders", "order_margins", order_margins, json_body=True),
    Endpoint("POST", "/margins/basket", "basket_margins", basket_margins, json_body=True),
    Endpoint("POST", "/charges/orders", "contract_note", contract_note, json_body=True),
)
