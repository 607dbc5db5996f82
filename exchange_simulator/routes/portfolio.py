"""Funds, positions and holdings (Kite Connect documentation, user and portfolio)."""

from typing import Any, cast

from exchange_simulator.engine.margins import margin_for
from exchange_simulator.engine.matching import Side
from exchange_simulator.engine.order_request import PRODUCTS, whole
from exchange_simulator.errors import input_error, margin_error
from exchange_simulator.money import rupees
from exchange_simulator.routes.endpoint import Call, Endpoint
from exchange_simulator.wire.portfolio_rows import day_position_row, funds_row, holding_row, net_position_row

_NO_COMMODITY = {"enabled": False, "net": 0, "available": {}, "utilised": {}}


async def funds(call: Call) -> dict[str, Any]:
    """Funds of every segment."""
    return {"equity": funds_row(call.app.trading), "commodity": dict(_NO_COMMODITY)}


async def segment_funds(call: Call) -> dict[str, Any]:
    """Funds of one segment."""
    everything = await funds(call)
    if call.path("segment") not in everything:
        raise input_error("Invalid segment.")
    return cast(dict[str, Any], everything[call.path("segment")])


async def positions(call: Call) -> dict[str, Any]:
    """Positions with and without what was carried into the day."""
    rows = [(p, call.sim.venue.market(p.instrument)) for p in call.app.trading.portfolio.positions.values()]
    traded = [(p, market) for p, market in rows if p.day_buy_quantity or p.day_sell_quantity]
    return {
        "net": [net_position_row(position, market) for position, market in rows],
        "day": [day_position_row(position, market) for position, market in traded],
    }


async def convert_position(call: Call) -> bool:
    """Change the product of open quantity."""
    form = call.form
    instrument = call.instrument(str(form.get("exchange")), str(form.get("tradingsymbol")))
    side, old, new = form.get("transaction_type"), str(form.get("old_product")), str(form.get("new_product"))
    if side not in {"BUY", "SELL"} or old not in PRODUCTS or new not in PRODUCTS or old == new:
        raise input_error("Invalid `transaction_type`, `old_product` or `new_product`.")
    side = cast(Side, side)
    quantity = whole(form, "quantity", required=True)
    account = call.app.trading
    price = round(account.portfolio.position(instrument, old).average)
    needed = margin_for(instrument, new, side, quantity, price).total
    needed -= margin_for(instrument, old, side, quantity, price).total
    available = account.available()
    if needed > available:
        raise margin_error(
            f"Insufficient funds. Required margin is {rupees(needed):.2f} "
            f"but available margin is {rupees(available):.2f}."
        )
    if not account.portfolio.convert(instrument, side, quantity, old, new):
        raise input_error("Position does not exist or its quantity is smaller.")
    return True


async def holdings(call: Call) -> list[dict[str, Any]]:
    """Shares in the demat account."""
    return [holding_row(h, call.sim.venue.market(h.instrument)) for h in call.app.trading.portfolio.holdings.values()]


async def compact_holdings(call: Call) -> list[dict[str, Any]]:
    """Names and quantities only."""
    fields = ("exchange", "tradingsymbol", "instrument_token", "quantity")
    return [{field: row[field] for field in fields} for row in await holdings(call)]


async def holdings_summary(call: Call) -> dict[str, Any]:
    """Totals over all holdings."""
    rows = await holdings(call)
    invested = sum(row["average_price"] * row["opening_quantity"] for row in rows)
    current = sum(row["last_price"] * row["opening_quantity"] for row in rows)
    today = sum(row["day_change"] * row["opening_quantity"] for row in rows)
    return {
        "total_pnl": round(current - invested, 4),
        "total_pnl_percent": round((current - invested) * 100 / invested, 4) if invested else 0,
        "today_pnl": round(today, 4),
        "today_pnl_percent": round(today * 100 / (current - today), 4) if current != today else 0,
        "invested_amount": round(invested, 4),
        "current_value": round(current, 4),
    }


async def auctions(_call: Call) -> list[dict[str, Any]]:
    """Instruments in an auction session; there are none."""
    return []


async def authorise_holdings(call: Call) -> dict[str, Any]:
    """Authorise the sale of holdings; the simulated depository agrees at once."""
    for holding in call.app.trading.portfolio.holdings.values():
        holding.authorised_quantity = holding.quantity
    return {"request_id": call.sim.venue.ids.guid()}


ENDPOINTS = (
    Endpoint("GET", "/user/margins", "margins", funds),
    Endpoint("GET", "/user/margins/{segment}", "margins", segment_funds),
    Endpoint("GET", "/portfolio/positions", "positions", positions),
    Endpoint("PUT", "/portfolio/positions", "convert_position", convert_position),
    Endpoint("GET", "/portfolio/holdings", "holdings", holdings),
    Endpoint("GET", "/portfolio/holdings/compact", "holdings", compact_holdings),
    Endpoint("GET", "/portfolio/holdings/summary", "holdings", holdings_summary),
    Endpoint("GET", "/portfolio/holdings/auctions", "auctions", auctions),
    Endpoint("POST", "/portfolio/holdings/authorise", "authorise_holdings", authorise_holdings),
)
