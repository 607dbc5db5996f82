"""The role matrix: for each route of the API, as whom one may ask.

One row a route; `entrypoints.http.HttpDoor` holds every request to its row, and lets nobody in where there is none.
Open routes have no row: nobody is known there.

A viewer reads and never writes, and what is not the account's trading stays with its owner: logins, secrets, where
notices go, and the broker's whole book, which shows orders from outside of this product, too.

A key of a program's asks in its owner's name, within its scopes: never for another's account, never for what keeps the
account safe, and never as staff.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from algotrading.domain.api_keys import Scope
from algotrading.domain.roles import STAFF, Role


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a route."""

    roles: frozenset[Role]
    scope: Scope | None = None
    """What a key of a program's must have, which asks in its owner's name; None: no key opens it."""
    needs_fresh_code: bool = False
    """Whether whoever has a second factor must have shown it in the last minutes: what lets more be risked, lets
    somebody in, or has somebody told of every trade. No key does that."""


_OWNER = Access(frozenset({Role.TRADER}))
_OWNER_WITH_CODE = Access(frozenset({Role.TRADER}), needs_fresh_code=True)
_LOOK = Access(frozenset({Role.TRADER}), Scope.READ)
_STRATEGIES = Access(frozenset({Role.TRADER}), Scope.STRATEGIES_WRITE)
_RISK = Access(frozenset({Role.TRADER}), Scope.RISK_WRITE)
_READERS = Access(frozenset({Role.TRADER, Role.VIEWER}), Scope.READ)
_STAFF = Access(STAFF)
_ADMINS = Access(frozenset({Role.ADMIN}))

ACCESS: Final[Mapping[str, Access]] = MappingProxyType(
    {
        # --- logins and the account itself
        "GET /api/v1/auth/devices": _OWNER,
        "DELETE /api/v1/auth/devices": _OWNER,
        "DELETE /api/v1/auth/devices/{id}": _OWNER,
        "GET /api/v1/auth/second-factor": _OWNER,
        "POST /api/v1/auth/second-factor": _OWNER,
        "POST /api/v1/auth/second-factor/confirm": _OWNER,
        "POST /api/v1/auth/second-factor/remove": _OWNER,
        "POST /api/v1/auth/second-factor/verify": _OWNER,
        "POST /api/v1/auth/password": _OWNER_WITH_CODE,
        "POST /api/v1/auth/email/resend": _OWNER,
        "GET /api/v1/account": _OWNER,
        "GET /api/v1/account/export": _OWNER,
        "POST /api/v1/account/delete": _OWNER,
        # --- who else reads it, and what else one reads
        "GET /api/v1/account/viewers": _OWNER,
        "POST /api/v1/account/viewers": _OWNER_WITH_CODE,
        "DELETE /api/v1/account/viewers/{id}": _OWNER,
        "GET /api/v1/account/shared": _OWNER,
        "POST /api/v1/account/shared/accept": _OWNER,
        "DELETE /api/v1/account/shared/{id}": _OWNER,
        "GET /api/v1/account/keys": _OWNER,
        "POST /api/v1/account/keys": _OWNER,
        "DELETE /api/v1/account/keys/{id}": _OWNER,
        # --- the broker
        "POST /api/v1/broker/connect": _OWNER_WITH_CODE,
        "GET /api/v1/broker": _OWNER,
        "DELETE /api/v1/broker": _OWNER,
        "GET /api/v1/broker/login": _OWNER,
        "GET /api/v1/broker/book": _LOOK,
        "GET /api/v1/broker/accounts": _OWNER,
        "POST /api/v1/broker/accounts": _OWNER_WITH_CODE,
        "PUT /api/v1/broker/accounts/{id}": _OWNER,
        "DELETE /api/v1/broker/accounts/{id}": _OWNER,
        # --- strategies
        "POST /api/v1/strategy/create": _STRATEGIES,
        "POST /api/v1/strategy/start": _STRATEGIES,
        "POST /api/v1/strategy/stop": _STRATEGIES,
        "POST /api/v1/strategy/square-off": _STRATEGIES,
        "GET /api/v1/strategy": _READERS,
        "GET /api/v1/strategy/{id}": _READERS,
        "PUT /api/v1/strategy/{id}": _STRATEGIES,
        "DELETE /api/v1/strategy/{id}": _STRATEGIES,
        "GET /api/v1/strategy/status/{id}": _READERS,
        "GET /api/v1/strategy/{id}/orders": _READERS,
        "GET /api/v1/strategy/{id}/timeline": _READERS,
        "GET /api/v1/strategy/{id}/preflight": _READERS,
        "GET /api/v1/strategy/{id}/candles": _READERS,
        "GET /api/v1/instruments": _READERS,
        # --- risk
        "GET /api/v1/risk/profile": _READERS,
        "PUT /api/v1/risk/profile": _RISK,
        "POST /api/v1/risk/kill": _RISK,
        "POST /api/v1/risk/release": _OWNER_WITH_CODE,
        # --- notices
        "GET /api/v1/notifications": _READERS,
        "POST /api/v1/notifications/read": _OWNER,
        "GET /api/v1/notifications/deliveries": _OWNER,
        "GET /api/v1/notifications/preferences": _OWNER,
        "PUT /api/v1/notifications/preferences": _OWNER,
        "PUT /api/v1/notifications/webhook": _OWNER_WITH_CODE,
        "DELETE /api/v1/notifications/webhook": _OWNER,
        "PUT /api/v1/notifications/telegram": _OWNER_WITH_CODE,
        "POST /api/v1/notifications/telegram/confirm": _OWNER,
        "DELETE /api/v1/notifications/telegram": _OWNER,
        "PUT /api/v1/notifications/sms": _OWNER_WITH_CODE,
        "POST /api/v1/notifications/sms/confirm": _OWNER,
        "DELETE /api/v1/notifications/sms": _OWNER,
        "PUT /api/v1/notifications/push/{id}": _OWNER,
        "DELETE /api/v1/notifications/push/{id}": _OWNER,
        # --- the deployment
        "GET /api/v1/admin/users": _STAFF,
        "GET /api/v1/admin/users/{id}": _STAFF,
        "POST /api/v1/admin/users/{id}/lock": _ADMINS,
        "POST /api/v1/admin/users/{id}/unlock": _ADMINS,
        "POST /api/v1/admin/users/{id}/roles": _ADMINS,
        "POST /api/v1/admin/users/{id}/roles/withdraw": _ADMINS,
        "GET /api/v1/admin/health": _STAFF,
        "POST /api/v1/admin/kill": _ADMINS,
        "POST /api/v1/admin/release": _ADMINS,
    }
)
"""By the route's key: method and path template."""
