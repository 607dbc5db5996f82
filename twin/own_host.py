"""The twin's servers answer who means this machine: no page elsewhere reads mails and links, or asks as its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from exchange_simulator.loopback import is_own_host, is_own_origin

_NextHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HOW = "ask for http://127.0.0.1 or http://localhost, with the port"


@web.middleware
async def own_host_only(request: web.Request, handler: _NextHandler) -> web.StreamResponse:
    """421 for a host that is not this machine's name or address."""
    if not is_own_host(request):
        return web.json_response({"message": f"Misdirected Request: {_HOW}"}, status=421)
    return await handler(request)


@web.middleware
async def own_pages_only(request: web.Request, handler: _NextHandler) -> web.StreamResponse:
    """403 for what a page from elsewhere sends."""
    if not is_own_origin(request):
        return web.json_response({"message": "Forbidden: sent by a page from elsewhere"}, status=403)
    return await handler(request)
