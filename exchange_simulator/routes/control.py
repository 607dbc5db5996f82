"""The control plane under /sim: accounts, prices, faults and what really happened. Loopback callers only."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from exchange_simulator.accounts import App
from exchange_simulator.clock import iso_micros, wire_time
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.orders import Order
from exchange_simulator.engine.portfolio import Holding
from exchange_simulator.errors import KiteError, input_error
from exchange_simulator.faults import CATALOGUE, Fault
from exchange_simulator.money import paise, rupees
from exchange_simulator.routes.endpoint import SIMULATOR, error_response
from exchange_simulator.session_table import SESSION_TABLE
from exchange_simulator.simulator import Simulator
from exchange_simulator.wire.order_rows import order_row, trade_row

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
Action = Callable[[Simulator, web.Request, dict[str, Any]], Awaitable[Any]]


def guarded(action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make a route out of an action: loopback only, JSON in, JSON out, refusals as errors."""

    async def serve(request: web.Request) -> web.Response:
        if request.remote not in _LOOPBACK:
            return error_response(KiteError(403, "PermissionException", "The control plane answers loopback only."))
        try:
            body = await _body(request)
            return web.json_response(await action(request.app[SIMULATOR], request, body))
        except KiteError as error:
            return error_response(error)
        except (ValueError, TypeError, KeyError) as error:
            return error_response(input_error(f"{type(error).__name__}: {error}"))

    return serve


async def create_account(sim: Simulator, _request: web.Request, body: dict[str, Any]) -> Any:
    """Open an account with an app and a living access token."""
    app = sim.accounts.create(
        user_id=body.get("user_id"),
        cash=paise(body.get("funds", 1_000_000)),
        api_key=body.get("api_key"),
        api_secret=body.get("api_secret"),
        redirect_url=body.get("redirect_url"),
        postback_url=body.get("postback_url"),
        allowed_addresses=_addresses(body.get("allowed_ips")),
        platform=bool(body.get("platform", False)),
    )
    app.trading.refuse_at_api = bool(body.get("refuse_at_api", False))
    for holding in body.get("holdings", []):
        _give_holding(sim, app, holding)
    sim.accounts.log_in(app)
    return describe_account(app)


async def list_accounts(sim: Simulator, _request: web.Request, _body: dict[str, Any]) -> Any:
    """Every account."""
    return [describe_account(app) for app in sim.accounts]


async def change_account(sim: Simulator, request: web.Request, body: dict[str, Any]) -> Any:
    """Change funds, URLs, addresses, holdings or limits of an account."""
    app = _app(sim, request.match_info["user_id"])
    if "funds" in body:
        app.trading.cash = paise(body["funds"])
    if "refuse_at_api" in body:
        app.trading.refuse_at_api = bool(body["refuse_at_api"])
    if "allowed_ips" in body:
        app.allowed_addresses = _addresses(body["allowed_ips"])
    for name in ("redirect_url", "postback_url"):
        if name in body:
            setattr(app, name, body[name])
    for bucket, windows in body.get("limits", {}).items():
        app.limiter.limits[bucket] = tuple((int(count), int(seconds)) for count, seconds in windows)
    for holding in body.get("holdings", []):
        _give_holding(sim, app, holding)
    return describe_account(app)


async def kill_token(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """Let the access token of an account die, as a logout elsewhere does."""
    app = _app(sim, request.match_info["user_id"])
    sim.accounts.log_out(app)
    return describe_account(app)


async def new_token(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """Give an account a living access token without the login page."""
    app = _app(sim, request.match_info["user_id"])
    sim.accounts.log_in(app)
    return describe_account(app)


async def requests(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """Every request of an account."""
    return list(_app(sim, request.match_info["user_id"]).requests)


async def set_price(sim: Simulator, request: web.Request, body: dict[str, Any]) -> Any:
    """Set, pin, lead or release a price, or give it a drift."""
    instrument = _instrument(sim, request.match_info["symbol"])
    venue = sim.venue
    market = venue.market(instrument)
    if body.get("drift_percent_per_minute") is not None:
        venue.prices.set_drift(market, float(body["drift_percent_per_minute"]), sim.clock.now_ns())
    if body.get("release"):
        venue.prices.release(market, sim.clock.now_ns())
    if body.get("price") is not None and body.get("over_ms"):
        venue.lead_price(instrument, paise(body["price"]), float(body["over_ms"]))
    elif body.get("price") is not None or body.get("pin"):
        price = market.last if body.get("price") is None else paise(body["price"])
        venue.set_price(instrument, price, hold=bool(body.get("pin", False)))
    return tick_row(sim, instrument)


async def set_depth(sim: Simulator, request: web.Request, body: dict[str, Any]) -> Any:
    """Fix the quantity of every level of the visible depth; null for natural sizes."""
    instrument = _instrument(sim, request.match_info["symbol"])
    quantity = body["quantity"]
    sim.venue.requote(instrument, None if quantity is None else max(int(quantity), 0))
    return tick_row(sim, instrument)


async def last_tick(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """The last tick of an instrument and when it was sent."""
    return tick_row(sim, _instrument(sim, request.match_info["symbol"]))


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
    apps = [_app(sim, user_id)] if user_id else list(sim.accounts)
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


def describe_account(app: App) -> dict[str, Any]:
    """An account as the control plane shows it, secrets included: they protect nothing real."""
    return {
        "user_id": app.user_id,
        "api_key": app.api_key,
        "api_secret": app.api_secret,
        "access_token": app.access_token,
        "refresh_token": app.refresh_token,
        "expires_at": wire_time(app.expires_ns) if app.access_token else None,
        "funds": rupees(app.trading.cash),
        "available": rupees(app.trading.available()),
        "redirect_url": app.redirect_url,
        "postback_url": app.postback_url,
        "allowed_ips": sorted(app.allowed_addresses) if app.allowed_addresses is not None else None,
    }


def tick_row(sim: Simulator, instrument: Instrument) -> dict[str, Any]:
    """The last tick: `emitted_ns` is when it was handed to the sockets."""
    market = sim.venue.market(instrument)
    emitted_ns = sim.ticker.emitted.get(instrument.token)
    return {
        "symbol": instrument.key,
        "instrument_token": instrument.token,
        "last_price": rupees(market.last),
        "ticks": market.ticks,
        "tick_ns": market.tick_ns,
        "emitted_ns": emitted_ns,
        "emitted_at": iso_micros(emitted_ns) if emitted_ns else None,
    }


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


def _give_holding(sim: Simulator, app: App, body: dict[str, Any]) -> None:
    instrument = _instrument(sim, str(body["symbol"]))
    held = Holding(instrument, int(body["quantity"]), paise(body["average_price"]))
    app.trading.portfolio.holdings[instrument.key] = held


def _addresses(value: Any) -> frozenset[str] | None:
    return None if value is None else frozenset(str(address) for address in value)


def _app(sim: Simulator, user_id: str) -> App:
    app = sim.accounts.by_user(user_id)
    if app is None:
        raise KiteError(404, "InputException", f"no account {user_id!r}")
    return app


def _instrument(sim: Simulator, symbol: str) -> Instrument:
    found = sim.venue.instruments.find(symbol)
    if found is None:
        raise KiteError(404, "InputException", f"no instrument {symbol!r}")
    return found


async def _body(request: web.Request) -> dict[str, Any]:
    if not request.can_read_body:
        return {}
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError("the body should be a JSON object")
    return body


ROUTES: tuple[tuple[str, str, Action], ...] = (
    ("POST", "/sim/accounts", create_account),
    ("GET", "/sim/accounts", list_accounts),
    ("PATCH", "/sim/accounts/{user_id}", change_account),
    ("DELETE", "/sim/accounts/{user_id}/token", kill_token),
    ("POST", "/sim/accounts/{user_id}/token", new_token),
    ("GET", "/sim/accounts/{user_id}/requests", requests),
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
