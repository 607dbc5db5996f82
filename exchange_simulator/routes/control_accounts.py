"""Control plane: accounts, their money, tokens and recorded requests."""

from typing import Any

from aiohttp import web

from exchange_simulator.accounts import App
from exchange_simulator.clock import wire_time
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.portfolio import Holding
from exchange_simulator.errors import KiteError
from exchange_simulator.money import paise, rupees
from exchange_simulator.simulator import Simulator


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
    app = find_app(sim, request.match_info["user_id"])
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
    app = find_app(sim, request.match_info["user_id"])
    sim.accounts.log_out(app)
    return describe_account(app)


async def new_token(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """Give an account a living access token without the login page."""
    app = find_app(sim, request.match_info["user_id"])
    sim.accounts.log_in(app)
    return describe_account(app)


async def requests(sim: Simulator, request: web.Request, _body: dict[str, Any]) -> Any:
    """Every request of an account."""
    return list(find_app(sim, request.match_info["user_id"]).requests)


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


def _give_holding(sim: Simulator, app: App, body: dict[str, Any]) -> None:
    instrument = find_instrument(sim, str(body["symbol"]))
    held = Holding(instrument, int(body["quantity"]), paise(body["average_price"]))
    app.trading.portfolio.holdings[instrument.key] = held


def _addresses(value: Any) -> frozenset[str] | None:
    return None if value is None else frozenset(str(address) for address in value)


def find_app(sim: Simulator, user_id: str) -> App:
    """The app of a user; raises KiteError."""
    app = sim.accounts.by_user(user_id)
    if app is None:
        raise KiteError(404, "InputException", f"no account {user_id!r}")
    return app


def find_instrument(sim: Simulator, symbol: str) -> Instrument:
    """A listed instrument; raises KiteError."""
    found = sim.venue.instruments.find(symbol)
    if found is None:
        raise KiteError(404, "InputException", f"no instrument {symbol!r}")
    return found
