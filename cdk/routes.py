"""The HTTP API's routes, as one table: which function answers what, and what may be called without a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path."""

    function: str
    method: Method
    path: str
    open: bool = False
    """No bearer token is asked for."""


ROUTES: Final[tuple[Route, ...]] = (
    Route("auth", "POST", "/api/v1/auth/register", open=True),
    Route("auth", "POST", "/api/v1/auth/login", open=True),
    Route("auth", "GET", "/api/v1/account"),
    Route("broker", "POST", "/api/v1/broker/connect"),
    Route("broker", "GET", "/api/v1/broker"),
    Route("broker", "DELETE", "/api/v1/broker"),
    Route("broker", "GET", "/api/v1/broker/login"),
    # The browser comes here from the broker's login page, without our header; the signed state says who it is.
    Route("broker", "GET", "/api/v1/broker/callback", open=True),
    Route("strategy", "POST", "/api/v1/strategy/create"),
    Route("strategy", "POST", "/api/v1/strategy/start"),
    Route("strategy", "POST", "/api/v1/strategy/stop"),
    Route("strategy", "GET", "/api/v1/strategy/status/{id}"),
    Route("strategy", "GET", "/api/v1/strategy"),
    Route("strategy", "GET", "/api/v1/strategy/{id}"),
    Route("strategy", "PUT", "/api/v1/strategy/{id}"),
    Route("strategy", "DELETE", "/api/v1/strategy/{id}"),
    Route("strategy", "GET", "/api/v1/strategy/{id}/orders"),
    Route("strategy", "GET", "/api/v1/instruments"),
    Route("docs", "GET", "/docs", open=True),
    Route("docs", "GET", "/openapi.json", open=True),
)


def routes_of(function: str) -> tuple[Route, ...]:
    """The routes that `function` answers."""
    return tuple(route for route in ROUTES if route.function == function)
