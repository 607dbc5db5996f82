"""What every Kite route has in common: authentication, limits, faults, envelopes and the record of requests."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from exchange_simulator.accounts import App
from exchange_simulator.clock import iso_micros
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.errors import KiteError, input_error, permission_error, token_error, too_many_requests
from exchange_simulator.faults import Fault
from exchange_simulator.routes.bodies import read_form
from exchange_simulator.simulator import Simulator

_LOG = logging.getLogger(__name__)
SIMULATOR: web.AppKey[Simulator] = web.AppKey("simulator", Simulator)
SOURCE_ADDRESS_HEADER = "X-Sim-Source-IP"
"""Lets a test pretend to come from another address."""
_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_FORM_METHODS = frozenset({"POST", "PUT"})
_BEFORE = ("reset_before_accept", "burst_429", "token_death", "refuse", "html_502", "data_null", "slow")


@dataclass(slots=True)
class Call:
    """One authenticated request."""

    sim: Simulator
    app: App
    request: web.Request
    received_ns: int
    form: Mapping[str, Any]

    def path(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    def instrument(self, exchange: str, symbol: str) -> Instrument:
        """A listed instrument; raises KiteError."""
        found = self.sim.venue.instruments.find(f"{exchange}:{symbol}")
        if found is None:
            raise input_error(
                "The instrument you are placing an order for has either expired or does not exist. "
                "Please update your instruments list."
            )
        return found


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of the Kite protocol. `operation` is the name that faults and the request record use."""

    method: str
    path: str
    operation: str
    handler: Handler
    bucket: str = "other"
    order_route: bool = False
    json_body: bool = False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Authenticate, handle and answer one request."""
        sim = request.app[SIMULATOR]
        received_ns = sim.clock.now_ns()
        app: App | None = None
        try:
            app = authenticate(sim, request)
            fault = sim.faults.strike(app.user_id, *_BEFORE, route=self.operation)
            response = await self._answer(sim, app, request, received_ns, fault)
        except KiteError as error:
            response = error_response(error)
        if app is not None:
            self._record(app, request, response, received_ns, sim.clock.now_ns())
        return response

    def _record(
        self, app: App, request: web.Request, response: web.StreamResponse, received_ns: int, answered_ns: int
    ) -> None:
        app.requests.append(
            {
                "received_at": iso_micros(received_ns),
                "received_ns": received_ns,
                "answered_ns": answered_ns,
                "method": request.method,
                "path": request.path,
                "operation": self.operation,
                "status": response.status,
            }
        )

    async def _answer(
        self, sim: Simulator, app: App, request: web.Request, received_ns: int, fault: Fault | None
    ) -> web.StreamResponse:
        if fault is not None:
            early = await _strike_early(sim, app, request, fault)
            if early is not None:
                return early
        if self.order_route:
            _check_address(app, request)
        app.limiter.count(self.bucket, sim.clock.now_ns())
        form = await read_form(request) if request.method in _FORM_METHODS and not self.json_body else request.query
        data = await self.handler(Call(sim, app, request, received_ns, form))
        if fault is not None and fault.name == "html_502":
            return gateway_page()
        if fault is not None and fault.name == "data_null":
            data = None
        return data if isinstance(data, web.StreamResponse) else success(data)


def authenticate(sim: Simulator, request: web.Request) -> App:
    """The app of the Authorization header, `token api_key:access_token`; raises KiteError."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    api_key, _, access_token = credentials.partition(":")
    if scheme != "token" or not access_token:
        raise token_error()
    return sim.accounts.authenticate(api_key, access_token)


def success(data: Any) -> web.Response:
    """The envelope of an answer."""
    return web.json_response({"status": "success", "data": data})


def error_response(error: KiteError) -> web.Response:
    """The envelope of a refusal."""
    body = {"status": "error", "message": error.message, "data": error.data, "error_type": error.error_type}
    return web.json_response(body, status=error.status)


def gateway_page() -> web.Response:
    """What a broken gateway in front of the API answers."""
    return web.Response(text=_GATEWAY_PAGE, content_type="text/html", status=502)


def drop(request: web.Request) -> web.Response:
    """Reset the connection; the response returned is never delivered."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)


async def _strike_early(sim: Simulator, app: App, request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """Answer in place of the handler, or None when the handler is to run."""
    match fault.name:
        case "reset_before_accept":
            return drop(request)
        case "burst_429":
            raise too_many_requests()
        case "token_death":
            sim.accounts.log_out(app)
            raise token_error()
        case "refuse":
            error_type = str(fault.params.get("error_type", "InputException"))
            message = str(fault.params.get("message", "Refused."))
            raise KiteError(int(fault.number("status", 400)), error_type, message)
        case "html_502" if not fault.params.get("accept", False):
            return gateway_page()
        case "data_null" if not fault.params.get("accept", True):
            return success(None)
        case "slow":
            await asyncio.sleep(fault.seconds("ms", 1000))
    return None


def _check_address(app: App, request: web.Request) -> None:
    if app.allowed_addresses is None:
        return
    source = request.headers.get(SOURCE_ADDRESS_HEADER) or request.remote
    if not app.allowed_addresses:
        raise permission_error("No IPs configured for this app. Add allowed IPs on the developer console.")
    if source not in app.allowed_addresses:
        raise permission_error(f"IP {source} is not allowed to place orders for this app.")
