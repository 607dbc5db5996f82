"""What Idempotency-Keys mean to the POSTs of the API: which take none, whose answers are not kept, and whose bodies
hold secrets.

Every POST takes a key, unless `UNKEYED` names it with the reason. `contracts.api_routes` reads these tables for each
route, the door acts by them (`entrypoints.http`), and the tests hold them to the bodies that the document shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

UNKEYED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "POST /api/v1/auth/register": "nobody is signed in; one that comes again sends another mail",
        "POST /api/v1/auth/register/confirm": "nobody is signed in yet; a link opens one account",
        "POST /api/v1/auth/login": "nobody is signed in yet whose key it could be, and tokens are not stored",
        "POST /api/v1/auth/refresh": "a refresh token is good for one exchange by itself, and tokens are not stored",
        "POST /api/v1/auth/logout": "asked by a refresh token alone; a login that has ended is answered alike",
        "POST /api/v1/auth/password/forgot": "nobody is signed in; every request is answered alike, and mails are few",
        "POST /api/v1/auth/password/reset": "nobody is signed in; a link is good once by itself",
        "POST /api/v1/auth/email/verify": "nobody is signed in; a link is good once by itself",
        "POST /api/v1/broker/postback/{account}": "the broker calls, and knows no keys; it only has its book looked at",
    }
)
"""The POSTs that take no key, by the route's key, each with the reason."""

NOT_KEPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "POST /api/v1/auth/second-factor": (
            "a secret waits for its confirmation; begin again with a new key, and that one is forgotten"
        ),
        "POST /api/v1/auth/second-factor/confirm": (
            "the second factor is on; for other recovery codes switch it off by POST /auth/second-factor/remove, with a"
            " code of the authenticator app, and set it up again"
        ),
        "POST /api/v1/account/viewers": (
            "GET /account/viewers lists the invitation; take it back by DELETE /account/viewers/{id}, and invite again"
            " with a new key"
        ),
        "POST /api/v1/account/shared/accept": "GET /account/shared lists the account that you may read now",
        "POST /api/v1/account/keys": (
            "GET /account/keys lists the program's key; revoke it by DELETE /account/keys/{id}, and make another with a"
            " new Idempotency-Key"
        ),
        "POST /api/v1/broker/connect": (
            "GET /broker says how the connection stands, and GET /broker/login where to log in, where that is needed"
        ),
    }
)
"""The POSTs whose answers of success are not kept, and how whoever missed one gets on without it. They show a secret
once, or name somebody else, who may be gone before the kept answer is."""

SECRET_BODIES: Final = frozenset(
    {
        "POST /api/v1/auth/second-factor",
        "POST /api/v1/auth/second-factor/confirm",
        "POST /api/v1/auth/second-factor/remove",
        "POST /api/v1/auth/second-factor/verify",
        "POST /api/v1/auth/password",
        "POST /api/v1/account/delete",
        "POST /api/v1/account/shared/accept",
        "POST /api/v1/account/keys",
        "POST /api/v1/broker/connect",
        "POST /api/v1/notifications/telegram/confirm",
        "POST /api/v1/notifications/sms/confirm",
        "POST /api/v1/admin/users/{id}/lock",
        "POST /api/v1/admin/users/{id}/unlock",
        "POST /api/v1/admin/users/{id}/roles",
        "POST /api/v1/admin/users/{id}/roles/withdraw",
        "POST /api/v1/admin/kill",
        "POST /api/v1/admin/release",
    }
)
"""The POSTs whose bodies hold a password, a code or a broker's secret: what is kept to tell one request from another is
as slow to guess by as the hash of a password."""
