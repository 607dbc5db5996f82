"""Every route of the API: which function serves it, and whether it is open to callers without a token.

The one table that the functions, the API gateway and the document are held to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from algotrading.contracts.api_once import NOT_KEPT, SECRET_BODIES, UNKEYED

FunctionName = Literal["auth", "broker", "postback", "strategy", "notifications", "admin", "docs"]


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One method of one path; `path` is an OpenAPI template."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    function: FunctionName
    is_open: bool = False
    is_page: bool = False
    """Browsers come here by themselves, so what goes wrong is told on a page to those that ask for one."""
    is_from_broker: bool = False
    """A broker calls, in its own form: whatever it declares its body to be, and whatever else it says in it."""

    is_repeatable: bool = False
    """A command that lessens risk: done again rather than held up while nobody knows how it ended."""

    @property
    def key(self) -> str:
        """As API Gateway names a route."""
        return f"{self.method} {self.path}"

    @property
    def is_keyed(self) -> bool:
        """Whether it heeds an Idempotency-Key: every POST that `UNKEYED` does not name."""
        return self.method == "POST" and self.key not in UNKEYED

    @property
    def way_on(self) -> str | None:
        """How whoever missed the answer gets on, where it is not kept: see `NOT_KEPT`."""
        return NOT_KEPT.get(self.key)

    @property
    def has_secret_body(self) -> bool:
        """Whether what is kept of its requests is as slow to guess by as a password's hash."""
        return self.key in SECRET_BODIES

    def matches(self, path: str) -> bool:
        """Whether `path` is this route's, whatever the method."""
        return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", self.path), path) is not None


API_ROUTES: tuple[ApiRoute, ...] = (
    ApiRoute("POST", "/api/v1/auth/register", "auth", is_open=True),
    ApiRoute("POST", "/api/v1/auth/register/confirm", "auth", is_open=True),
    ApiRoute("POST", "/api/v1/auth/login", "auth", is_open=True),
    ApiRoute("POST", "/api/v1/auth/refresh", "auth", is_open=True),
    ApiRoute("POST", "/api/v1/auth/logout", "auth", is_open=True),
    ApiRoute("GET", "/api/v1/auth/devices", "auth"),
    ApiRoute("DELETE", "/api/v1/auth/devices", "auth"),
    ApiRoute("DELETE", "/api/v1/auth/devices/{id}", "auth"),
    ApiRoute("GET", "/api/v1/auth/second-factor", "auth"),
    ApiRoute("POST", "/api/v1/auth/second-factor", "auth"),
    ApiRoute("POST", "/api/v1/auth/second-factor/confirm", "auth"),
    ApiRoute("POST", "/api/v1/auth/second-factor/remove", "auth"),
    ApiRoute("POST", "/api/v1/auth/second-factor/verify", "auth"),
    ApiRoute("POST", "/api/v1/auth/password", "auth"),
    ApiRoute("POST", "/api/v1/auth/password/forgot", "auth", is_open=True),
    ApiRoute("POST", "/api/v1/auth/password/reset", "auth", is_open=True),
    ApiRoute("POST", "/api/v1/auth/email/verify", "auth", is_open=True),
    ApiRoute("POST", "/api/v1/auth/email/resend", "auth"),
    ApiRoute("GET", "/api/v1/account", "auth"),
    ApiRoute("GET", "/api/v1/account/export", "auth"),
    ApiRoute("POST", "/api/v1/account/delete", "auth"),
    ApiRoute("GET", "/api/v1/account/viewers", "auth"),
    ApiRoute("POST", "/api/v1/account/viewers", "auth"),
    ApiRoute("DELETE", "/api/v1/account/viewers/{id}", "auth"),
    ApiRoute("GET", "/api/v1/account/shared", "auth"),
    ApiRoute("POST", "/api/v1/account/shared/accept", "auth"),
    ApiRoute("DELETE", "/api/v1/account/shared/{id}", "auth"),
    ApiRoute("GET", "/api/v1/account/keys", "auth"),
    ApiRoute("POST", "/api/v1/account/keys", "auth"),
    ApiRoute("DELETE", "/api/v1/account/keys/{id}", "auth"),
    ApiRoute("POST", "/api/v1/broker/connect", "broker"),
    ApiRoute("GET", "/api/v1/broker", "broker"),
    ApiRoute("DELETE", "/api/v1/broker", "broker"),
    ApiRoute("GET", "/api/v1/broker/login", "broker"),
    ApiRoute("GET", "/api/v1/broker/callback", "broker", is_open=True, is_page=True),
    ApiRoute("GET", "/api/v1/broker/book", "broker"),
    ApiRoute("GET", "/api/v1/broker/accounts", "broker"),
    ApiRoute("POST", "/api/v1/broker/accounts", "broker"),
    ApiRoute("PUT", "/api/v1/broker/accounts/{id}", "broker"),
    ApiRoute("DELETE", "/api/v1/broker/accounts/{id}", "broker"),
    ApiRoute("POST", "/api/v1/broker/postback/{account}", "postback", is_open=True, is_from_broker=True),
    ApiRoute("POST", "/api/v1/strategy/create", "strategy"),
    ApiRoute("POST", "/api/v1/strategy/start", "strategy"),
    ApiRoute("POST", "/api/v1/strategy/stop", "strategy", is_repeatable=True),
    ApiRoute("GET", "/api/v1/strategy/status/{id}", "strategy"),
    ApiRoute("GET", "/api/v1/strategy", "strategy"),
    ApiRoute("GET", "/api/v1/strategy/{id}", "strategy"),
    ApiRoute("PUT", "/api/v1/strategy/{id}", "strategy"),
    ApiRoute("DELETE", "/api/v1/strategy/{id}", "strategy"),
    ApiRoute("GET", "/api/v1/strategy/{id}/orders", "strategy"),
    ApiRoute("POST", "/api/v1/strategy/square-off", "strategy", is_repeatable=True),
    ApiRoute("GET", "/api/v1/strategy/{id}/timeline", "strategy"),
    ApiRoute("GET", "/api/v1/strategy/{id}/preflight", "strategy"),
    ApiRoute("GET", "/api/v1/strategy/{id}/candles", "strategy"),
    ApiRoute("GET", "/api/v1/instruments", "strategy"),
    ApiRoute("GET", "/api/v1/risk/profile", "strategy"),
    ApiRoute("PUT", "/api/v1/risk/profile", "strategy"),
    ApiRoute("POST", "/api/v1/risk/kill", "strategy", is_repeatable=True),
    ApiRoute("POST", "/api/v1/risk/release", "strategy"),
    ApiRoute("GET", "/api/v1/notifications", "notifications"),
    ApiRoute("POST", "/api/v1/notifications/read", "notifications"),
    ApiRoute("GET", "/api/v1/notifications/deliveries", "notifications"),
    ApiRoute("GET", "/api/v1/notifications/preferences", "notifications"),
    ApiRoute("PUT", "/api/v1/notifications/preferences", "notifications"),
    ApiRoute("PUT", "/api/v1/notifications/webhook", "notifications"),
    ApiRoute("DELETE", "/api/v1/notifications/webhook", "notifications"),
    ApiRoute("PUT", "/api/v1/notifications/telegram", "notifications"),
    ApiRoute("POST", "/api/v1/notifications/telegram/confirm", "notifications"),
    ApiRoute("DELETE", "/api/v1/notifications/telegram", "notifications"),
    ApiRoute("PUT", "/api/v1/notifications/sms", "notifications"),
    ApiRoute("POST", "/api/v1/notifications/sms/confirm", "notifications"),
    ApiRoute("DELETE", "/api/v1/notifications/sms", "notifications"),
    ApiRoute("PUT", "/api/v1/notifications/push/{id}", "notifications"),
    ApiRoute("DELETE", "/api/v1/notifications/push/{id}", "notifications"),
    ApiRoute("GET", "/api/v1/admin/users", "admin"),
    ApiRoute("GET", "/api/v1/admin/users/{id}", "admin"),
    ApiRoute("POST", "/api/v1/admin/users/{id}/lock", "admin"),
    ApiRoute("POST", "/api/v1/admin/users/{id}/unlock", "admin"),
    ApiRoute("POST", "/api/v1/admin/users/{id}/roles", "admin"),
    ApiRoute("POST", "/api/v1/admin/users/{id}/roles/withdraw", "admin"),
    ApiRoute("GET", "/api/v1/admin/health", "admin"),
    ApiRoute("POST", "/api/v1/admin/kill", "admin"),
    ApiRoute("POST", "/api/v1/admin/release", "admin"),
)

DOCS_ROUTES: tuple[ApiRoute, ...] = (
    ApiRoute("GET", "/docs", "docs", is_open=True),
    ApiRoute("GET", "/openapi.json", "docs", is_open=True),
)
"""Served in dev only."""

UNKNOWN_PATHS: FunctionName = "auth"
"""The function that answers for paths and methods that do not exist."""


def methods_of(path: str) -> frozenset[str]:
    """The methods that `path` has; empty for an unknown path."""
    return frozenset(route.method for route in (*API_ROUTES, *DOCS_ROUTES) if route.matches(path))
