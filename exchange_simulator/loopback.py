"""Whether a request was meant for this machine, by what a browser says of it.

A page from elsewhere that is open in a browser here can reach loopback too: by a name of its own that it lets point to
127.0.0.1 (DNS rebinding), which then stands in `Host`, or by a form, which then names the page in `Origin`. Programs
name neither another host nor an origin.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_own_host(request: web.Request) -> bool:
    """Whether it names this machine, with any port. Without `Host` no browser sent it."""
    return _is_own("//" + request.headers.get("Host", "localhost"))


def is_own_origin(request: web.Request) -> bool:
    """Whether no page sent it, or one that this machine serves."""
    origin = request.headers.get("Origin")
    return origin is None or _is_own(origin)


def _is_own(address: str) -> bool:
    try:
        return urlsplit(address).hostname in _NAMES
    except ValueError:
        return False
