"""The WebSocket upgrade: credentials in the query, refusals as HTTP statuses."""

from aiohttp import web

from exchange_simulator.errors import KiteError, input_error, token_error
from exchange_simulator.routes.endpoint import SIMULATOR


async def upgrade(request: web.Request) -> web.StreamResponse:
    """Open the ticker for an app; raises KiteError: 403 for a bad token, 429 when it has all its sockets."""
    sim = request.app[SIMULATOR]
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise input_error("This is the ticker: open it as a WebSocket.")
    app = sim.accounts.authenticate(request.query.get("api_key", ""), request.query.get("access_token", ""))
    if sim.faults.strike(app.user_id, "403_on_reconnect") is not None:
        raise token_error()
    if sim.ticker.is_full(app):
        raise KiteError(429, "NetworkException", "Too many WebSocket connections.")
    return await sim.ticker.serve(request, app)
