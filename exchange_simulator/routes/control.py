"""The control plane under /sim: accounts, prices, faults and what really happened. For callers on this machine only,
and for no page from elsewhere that is open in a browser on it."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from exchange_simulator.accounts import App
from exchange_simulator.clock import iso_micros, wire_time
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.orders import Order
from exchange_simulator.errors import input_error, permission_error
from exchange_simulator.faults import CATALOGUE, Fault
from exchange_simulator.loopback import is_own_host, is_own_origin
from exchange_simulator.money import paise, rupees
from exchange_simulator.routes import control_accounts as accounts
from exchange_simulator.routes.bodies import read_json
from exchange_simulator.routes.control_accounts import find_app, find_instrument
from exchange_simulator.routes.endpoint import SIMULATOR
from exchange_simulator.session_table import SESSION_TABLE
from exchange_simulator.simulator import Simulator
from exchange_simulator.wire.order_rows import order_row, trade_row

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
Action = Callable[[Simulator, web.Request, dict[str, Any]], Awaitable[Any]]


def guarded(action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make a route out of an action: loopback only, JSON in, JSON out, refusals as errors."""

    async def serve(request: web.Request) -> web.Response:
        if request.remote not in _LOOPBACK or not is_own_host(request):
            raise permission_error("The control plane answers loopback only.")
        if not is_own_origin(request):
            raise permission_error("The control plane answers no page from elsewhere.")
        try:
            body = await _body(request)
            return web.json_response(await action(request.app[SIMULATOR], request, body))
        except (ValueError, TypeError, KeyError) as error:
            raise input_error(f"{type(error).__name__}: {error}") from error

    return serve


async def set_price(sim: Simulator, request: web.Request, body: dict[str, Any]) -> Any:
    """Set, pin, lead or release a price, or give it a drift; outside the circuit limits only with `force`."""
    instrument = find_instrument(sim, request.match_info["symbol"])
    venue = sim.venue
    market = venue.market(instrument)
    if body.get("drift_percent_per_minute") is not None:
        venue.prices.set_drift(market, float(body["drift_percent_per_minute"]), sim.clock.now_ns())
    if body.get("release"):
        venue.prices.release(market, sim.clock.now_ns())
    price = market.last if body.get("price") is None else paise(body["price"])
    if not body.get("force"):
        _check_band(market, price)
    if body.get("price") is not None and body.get("over_ms"):
        venue.lead_price(instrument, price, float(body["over_ms"]))
    elif body.get("price") is not None or body.get("pin"):
        venue.set_price(instrument, price, hold=bool(body.get("pin", False)))
    return tick_row(sim, instrument)


async def set_depth(sim: Simulator, request: web.Request, body: dict[str, Any]) -> Any:
    """Fix the quantity of every level of the visible depth; null for natural sizes."""
    instrument = find_instrument(sim, request.match_info["symbol"])
    quantity = body["quantity"]
    sim.venue.requote(instrument, None if quantity is None else max(int(quantity), 0))
    return tick_row(sim, instrument)


async def last_tick(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """The last tick of an instrument and when it was sent; with `since_ns` also those sent from then on."""
    instrument = find_instrument(sim, request.match_info["symbol"])
    row = tick_row(sim, instrument)
    if "since_ns" in request.query:
        since_ns = int(request.query["since_ns"])
        sent = [tick for tick in sim.ticker.emitted[instrument.token] if tick[0] >= since_ns]
        row["sent"] = [{"emitted_ns": at_ns, "last_price": rupees(price)} for at_ns, price in sent]
    return row


async def arm_fault(sim: Simulator, _request: web.Request, body: dict[str, Any]) -> Any:
    """Arm a fault; those of open sockets strike at once."""
    fault = sim.faults.arm(
        str(body["name"]),
        user_id=body.get("user_id"),
        count=body.get("count", 1),
        probability=float(body.get("probability", 1.0)),
        route=body.get("route"),
        params=body.get("params") or {},
    )
    sim.strike_sockets()
    return _fault_row(fault)


async def list_faults(sim: Simulator, _request: web.Request, _body: dict[str, Any]) -> Any:
    """Armed faults and the catalogue."""
    return {"armed": [_fault_row(fault) for fault in sim.faults.armed()], "catalogue": dict(CATALOGUE)}


async def clear_faults(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """Disarm the faults of a user, or all."""
    return {"removed": sim.faults.clear(request.query.get("user_id"))}


async def orders(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """Orders with exact times, their fills, and their states; of one user or of all."""
    user_id = request.query.get("user_id")
    apps = [find_app(sim, user_id)] if user_id else list(sim.accounts)
    return [_order_detail(app, order) for app in apps for order in app.trading.orders.values()]


async def clock(sim: Simulator, _request: web.Request, _body: dict[str, Any]) -> Any:
    """The simulator's time."""
    now = sim.clock.now_ns()
    return {"now": iso_micros(now), "now_ns": now, "ist": wire_time(now), "offset_ns": sim.clock.offset_ns}


async def advance_clock(sim: Simulator, request: web.Request, body: dict[str, Any]) -> Any:
    """Move the simulator's time."""
    sim.advance_clock(float(body["seconds"]))
    return await clock(sim, request, body)


async def set_session(sim: Simulator, _request: web.Request, body: dict[str, Any]) -> Any:
    """Open or close the market."""
    manager = sim.venue.manager
    if body["open"]:
        manager.open_market()
    else:
        manager.close_market()
    return {"open": manager.is_open}


async def session_table(_sim: Simulator, _request: web.Request, _body: dict[str, Any]) -> Any:
    """When the exchange trades."""
    return SESSION_TABLE


async def sockets(sim: Simulator, _request: web.Request, _body: dict[str, Any]) -> Any:
    """Open sockets and what they watch."""
    return [
        {
            "user_id": connection.app.user_id,
            "modes": {str(token): mode for token, mode in connection.modes.items()},
            "frames_sent": connection.frames_sent,
        }
        for connection in sim.ticker.connections()
    ]


def tick_row(sim: Simulator, instrument: Instrument) -> dict[str, Any]:
    """The last tick: `emitted_ns` is when it was handed to the sockets."""
    market = sim.venue.market(instrument)
    sent = sim.ticker.emitted[instrument.token]
    emitted_ns = sent[-1][0] if sent else None
    return {
        "symbol": instrument.key,
        "instrument_token": instrument.token,
        "last_price": rupees(market.last),
        "ticks": market.ticks,
        "tick_ns": market.tick_ns,
        "emitted_ns": emitted_ns,
        "emitted_at": iso_micros(emitted_ns) if emitted_ns else None,
    }


def _check_band(market: Market, price: int) -> None:
    if not market.lower_circuit <= price <= market.upper_circuit:
        band = f"{rupees(market.lower_circuit)} to {rupees(market.upper_circuit)}"
        raise input_error(
            f"{rupees(price)} is outside today's circuit limits, {band}; force: true sets it all the same."
        )


def _order_detail(app: App, order: Order) -> dict[str, Any]:
    fills = [trade for trade in app.trading.trades if trade.order_id == order.order_id]
    return {
        **order_row(order),
        "user_id": app.user_id,
        "received_at": iso_micros(order.received_ns),
        "received_ns": order.received_ns,
        "fills": [{**trade_row(trade), "at": iso_micros(trade.at_ns), "at_ns": trade.at_ns} for trade in fills],
        "states": [{"status": state.status, "at_ns": state.updated_ns} for state in order.history],
    }


def _fault_row(fault: Fault) -> dict[str, Any]:
    return {
        "fault_id": fault.fault_id,
        "name": fault.name,
        "user_id": fault.user_id,
        "remaining": fault.remaining,
        "probability": fault.probability,
        "route": fault.route,
        "params": fault.params,
        "struck": fault.struck,
    }


async def _body(request: web.Request) -> dict[str, Any]:
    if not request.can_read_body:
        return {}
    # What a form can send no browser asks about first.
    if request.content_type != "application/json":
        raise input_error("The body should be application/json.")
    body = await read_json(request)
    if not isinstance(body, dict):
        raise ValueError("the body should be a JSON object")
    return body


ROUTES: tuple[tuple[str, str, Action], ...] = (
    ("POST", "/sim/accounts", accounts.create_account),
    ("GET", "/sim/accounts", accounts.list_accounts),
    ("PATCH", "/sim/accounts/{user_id}", accounts.change_account),
    ("DELETE", "/sim/accounts/{user_id}/token", accounts.kill_token),
    ("POST", "/sim/accounts/{user_id}/token", accounts.new_token),
    ("GET", "/sim/accounts/{user_id}/requests", accounts.requests),
    ("POST", "/sim/prices/{symbol}", set_price),
    ("POST", "/sim/depth/{symbol}", set_depth),
    ("GET", "/sim/ticks/{symbol}", last_tick),
    ("POST", "/sim/faults", arm_fault),
    ("GET", "/sim/faults", list_faults),
    ("DELETE", "/sim/faults", clear_faults),
    ("GET", "/sim/orders", orders),
    ("GET", "/sim/clock", clock),
    ("POST", "/sim/clock", advance_clock),
    ("POST", "/sim/session", set_session),
    ("GET", "/sim/session-table", session_table),
    ("GET", "/sim/sockets", sockets),
)
