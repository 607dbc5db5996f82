"""The HTTP and WebSocket server: every route on one port."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from aiohttp import web

from exchange_simulator.accounts import App
from exchange_simulator.errors import KiteError
from exchange_simulator.money import paise
from exchange_simulator.routes import (
    control,
    control_accounts,
    gtt,
    margins,
    market,
    mutual_funds,
    orders,
    portfolio,
    session,
)
from exchange_simulator.routes.endpoint import SIMULATOR, error_response
from exchange_simulator.routes.socket import upgrade
from exchange_simulator.simulator import Options, Simulator

_LOG = logging.getLogger(__name__)
_SHUTDOWN_S = 1.0
_KEEP_ALIVE_S = 3600.0
"""Longer than any pause of a client, so that a reused connection is never found closed by accident."""
_MAX_BODY = 1 << 20
_KITE_ENDPOINTS = (
    *session.ENDPOINTS,
    *orders.ENDPOINTS,
    *portfolio.ENDPOINTS,
    *market.ENDPOINTS,
    *margins.ENDPOINTS,
    *gtt.ENDPOINTS,
    *mutual_funds.ENDPOINTS,
)
_NextHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_application(simulator: Simulator) -> web.Application:
    """The aiohttp application of a simulator."""
    application = web.Application(middlewares=[_envelope_faults], client_max_size=_MAX_BODY)
    application[SIMULATOR] = simulator
    router = application.router
    router.add_get("/", upgrade)
    router.add_get("/connect/login", session.login_page)
    router.add_post("/connect/finish", session.finish_login)
    router.add_post("/session/token", session.create_session)
    router.add_post("/session/refresh_token", session.renew_session)
    router.add_get("/instruments", market.instruments)
    router.add_get("/mf/instruments", mutual_funds.instruments)
    for endpoint in _KITE_ENDPOINTS:
        router.add_route(endpoint.method, endpoint.path, endpoint.serve)
    router.add_get("/instruments/{exchange}", market.instruments)
    for method, path, action in control.ROUTES:
        router.add_route(method, path, control.guarded(action))
    return application


class ExchangeServer:
    """A simulated exchange inside the running event loop; use it as an async context manager.

    `port` 0 picks a free one; `url` and `ws_url` tell which.
    """

    def __init__(self, options: Options | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._options = options or Options()
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._prices: asyncio.Task[None] | None = None
        self.simulator: Simulator
        self.url = ""
        self.ws_url = ""

    async def __aenter__(self) -> "ExchangeServer":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen and let the prices move."""
        self.simulator = Simulator(self._options)
        listener = socket.create_server((self._host, self._port), backlog=256)
        self._runner = web.AppRunner(
            build_application(self.simulator),
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_S,
            shutdown_timeout=_SHUTDOWN_S,
            handle_signals=False,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        port = listener.getsockname()[1]
        self.url, self.ws_url = f"http://{self._host}:{port}", f"ws://{self._host}:{port}"
        self._prices = asyncio.create_task(self.simulator.run())

    async def stop(self) -> None:
        """Close every connection and stop."""
        if self._prices is not None:
            self._prices.cancel()
            await asyncio.gather(self._prices, return_exceptions=True)
        await self.simulator.ticker.close()
        await self.simulator.courier.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def create_account(self, user_id: str | None = None, funds: float | str = 1_000_000, **options: Any) -> App:
        """Open an account with `funds` rupees and a living access token."""
        app = self.simulator.accounts.create(user_id=user_id, cash=paise(funds), **options)
        self.simulator.accounts.log_in(app)
        return app

    def describe(self, app: App) -> dict[str, Any]:
        """URLs and credentials for a client."""
        return {
            "url": self.url,
            "ws_url": self.ws_url,
            "login_url": f"{self.url}/connect/login?api_key={app.api_key}&v=3",
            "session_table_url": f"{self.url}/sim/session-table",
            **control_accounts.describe_account(app),
        }


@web.middleware
async def _envelope_faults(request: web.Request, handler: _NextHandler) -> web.StreamResponse:
    """Answer refusals, unknown routes, oversized bodies and programming errors in the protocol's envelope."""
    try:
        return await handler(request)
    except KiteError as error:
        return error_response(error)
    except web.HTTPException as error:
        return error_response(KiteError(error.status, "GeneralException", error.reason))
    except Exception:
        _LOG.exception("%s %s failed", request.method, request.path)
        return error_response(KiteError(500, "GeneralException", "Something went wrong."))
