"""Logging in and out (Kite Connect documentation, user)."""

import html
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from exchange_simulator.accounts import App
from exchange_simulator.clock import wire_time
from exchange_simulator.errors import input_error
from exchange_simulator.routes.bodies import read_form
from exchange_simulator.routes.endpoint import SIMULATOR, Call, Endpoint, success

_EXCHANGES = ["NSE", "BSE", "NFO", "BFO", "CDS", "MCX", "BCD", "MF"]
_PRODUCTS = ["CNC", "NRML", "MIS", "CO", "MTF"]
_ORDER_TYPES = ["MARKET", "LIMIT", "SL", "SL-M"]
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Simulated broker login</title></head>
<body style="font-family:sans-serif;max-width:28rem;margin:4rem auto"><h1>Simulated broker</h1>
<p>App <code>{api_key}</code> asks to trade for <strong>{user_id}</strong>. No password is needed here.</p>
<form method="post" action="/connect/finish"><input type="hidden" name="api_key" value="{api_key}">
<input type="hidden" name="redirect_params" value="{redirect_params}"><button>Log in and authorise</button></form>
</body></html>"""


async def login_page(request: web.Request) -> web.Response:
    """The login page; with `auto=1` the user agrees at once."""
    app = request.app[SIMULATOR].accounts.by_key(request.query.get("api_key", ""))
    if app is None or request.query.get("v") != "3":
        raise input_error("Invalid `api_key`." if app is None else "Invalid `v`.")
    redirect_params = request.query.get("redirect_params", "")
    if request.query.get("auto") == "1":
        return _redirect(request, app, redirect_params)
    fields = {"api_key": app.api_key, "user_id": app.user_id, "redirect_params": redirect_params}
    page = _PAGE.format(**{name: html.escape(value, quote=True) for name, value in fields.items()})
    return web.Response(text=page, content_type="text/html")


async def finish_login(request: web.Request) -> web.Response:
    """The user pressed the button: send them back to the app."""
    form = await read_form(request)
    app = request.app[SIMULATOR].accounts.by_key(str(form.get("api_key", "")))
    if app is None:
        raise input_error("Invalid `api_key`.")
    return _redirect(request, app, str(form.get("redirect_params", "")))


async def create_session(request: web.Request) -> web.Response:
    """Exchange a request token for an access token."""
    sim = request.app[SIMULATOR]
    form = await read_form(request)
    app = sim.accounts.exchange(*(_field(form, name) for name in ("api_key", "request_token", "checksum")))
    return success(_session(app))


async def renew_session(request: web.Request) -> web.Response:
    """Exchange a refresh token, which only platform apps have."""
    sim = request.app[SIMULATOR]
    form = await read_form(request)
    app = sim.accounts.renew(*(_field(form, name) for name in ("api_key", "refresh_token", "checksum")))
    return success(_session(app))


async def end_session(call: Call) -> bool:
    """Kill the access token, or the refresh token when that is what is given."""
    if call.form.get("refresh_token"):
        call.app.refresh_token = ""
    else:
        call.sim.accounts.log_out(call.app)
    return True


async def profile(call: Call) -> dict[str, Any]:
    """Who the user is."""
    return {**_person(call.app), "meta": {"demat_consent": "consent"}}


async def full_profile(call: Call) -> dict[str, Any]:
    """The profile with the fields that only some clients read."""
    return {**_person(call.app), "phone": "", "pan": "", "bank_accounts": [], "meta": {"demat_consent": "consent"}}


def _redirect(request: web.Request, app: App, redirect_params: str) -> web.Response:
    if app.redirect_url is None:
        raise input_error("The app has no redirect URL.")
    token = request.app[SIMULATOR].accounts.issue_request_token(app)
    parts = urlsplit(app.redirect_url)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("action", "login"),
        ("type", "login"),
        ("status", "success"),
        ("request_token", token),
        *parse_qsl(redirect_params, keep_blank_values=True),
    ]
    return web.Response(status=302, headers={"Location": urlunsplit(parts._replace(query=urlencode(query)))})


def _field(form: Any, name: str) -> str:
    value = form.get(name)
    if not value:
        raise input_error(f"Missing {name}")
    return str(value)


def _person(app: App) -> dict[str, Any]:
    return {
        "user_id": app.user_id,
        "user_type": "individual",
        "email": f"{app.user_id.lower()}@example.com",
        "user_name": f"Simulated {app.user_id}",
        "user_shortname": app.user_id,
        "broker": "ZERODHA",
        "exchanges": _EXCHANGES,
        "products": _PRODUCTS,
        "order_types": _ORDER_TYPES,
        "avatar_url": None,
    }


def _session(app: App) -> dict[str, Any]:
    return {
        **_person(app),
        "api_key": app.api_key,
        "access_token": app.access_token,
        "public_token": "public" + app.api_key,
        "enctoken": "enc" + app.api_key,
        "refresh_token": app.refresh_token,
        "silo": "",
        "login_time": wire_time(app.login_ns),
        "meta": {"demat_consent": "consent"},
    }


ENDPOINTS = (
    Endpoint("DELETE", "/session/token", "logout", end_session),
    Endpoint("GET", "/user/profile", "profile", profile),
    Endpoint("GET", "/user/profile/full", "full_profile", full_profile),
)
