"""What the document says beside routes and bodies: keys, accounts, and the headers of requests and answers."""

from __future__ import annotations

from typing import Any

from algotrading.contracts.api_access import ACCESS
from algotrading.contracts.api_routes import API_ROUTES
from algotrading.domain.errors import (
    AccessDenied,
    FreshCodeNeeded,
    KeyAnswerNotKept,
    KeyInUse,
    KeyOutcomeUnknown,
    KeyReused,
    RateLimited,
    SecondFactorRequired,
    TooManyTries,
)
from algotrading.domain.roles import Role
from algotrading.entrypoints.api.document_examples import answers_of, codes_of
from algotrading.entrypoints.http import REQUEST_ID
from algotrading.entrypoints.http_answers import JSON
from algotrading.entrypoints.http_event import ACCOUNT, CLIENT_REQUEST_ID
from algotrading.entrypoints.http_keys import IDEMPOTENCY_KEY, KEY_PATTERN, REPLAYED
from algotrading.entrypoints.http_rates import LEFT, POLICY

_VERSIONED = (
    "/api/v1/strategy/{id}",
    "/api/v1/risk/profile",
    "/api/v1/notifications/preferences",
    "/api/v1/broker/accounts/{id}",
)
"""The paths whose states have an ETag."""
_TEXT = {"type": "string"}
_CLIENT_REQUEST = {
    "name": CLIENT_REQUEST_ID,
    "in": "header",
    "required": False,
    "description": "The client's own name for the request, for the logs: 1 to 64 letters, digits, '.', '_' and '-'. It"
    " is answered as it came; any other is passed over, and not answered",
    "schema": _TEXT,
    "example": "phone-7.start-41",
}
"""Without a pattern: one that does not fit is not refused."""
_RATES = {
    POLICY: {
        "description": "How many requests (q) are answered in how many seconds (w)",
        "schema": _TEXT,
        "example": '"person";q=600;w=60',
    },
    LEFT: {
        "description": "How many are left (r), and in how many seconds there are all of them again (t)",
        "schema": _TEXT,
        "example": '"person";r=599;t=60',
    },
}
"""draft-ietf-httpapi-ratelimit-headers-10. Not on what the door refuses before it counts."""


def with_keys(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the key of each command that heeds one, and what can be wrong with it."""
    for route in API_ROUTES:
        if route.is_keyed:
            operation = document["paths"][route.path][route.method.lower()]
            operation.setdefault("parameters", []).append(_key(route.way_on))
            not_kept = () if route.way_on is None else (KeyAnswerNotKept,)
            for error in (KeyInUse, KeyOutcomeUnknown, *not_kept, KeyReused):
                _add_code(operation["responses"], error.status, error.code)
            _add_code(operation["responses"], 400, "REQUEST_INVALID")
    return document


def with_accounts(document: dict[str, Any]) -> dict[str, Any]:
    """The document with as whom each route may be asked: the role matrix."""
    for route in API_ROUTES:
        if route.is_open:
            continue
        operation, access = document["paths"][route.path][route.method.lower()], ACCESS[route.key]
        operation["x-roles"] = sorted(access.roles)
        if access.scope is not None:
            operation["x-scope"] = access.scope.value
        # Too many wrong keys from one address; and too many requests, but for what lessens risk.
        _add_code(operation["responses"], 429, TooManyTries.code)
        if not route.is_repeatable:
            _add_code(operation["responses"], 429, RateLimited.code)
        if Role.VIEWER in access.roles:
            operation.setdefault("parameters", []).append(_account())
        _add_code(operation["responses"], 403, AccessDenied.code)
        _add_code(operation["responses"], 400, "REQUEST_INVALID")
        if Role.TRADER not in access.roles:
            _add_code(operation["responses"], 403, SecondFactorRequired.code)
        if access.needs_fresh_code:
            _add_code(operation["responses"], 403, FreshCodeNeeded.code)
    return document


def _account() -> dict[str, Any]:
    text = "The account that is to be read, of those in GET /account/shared; without it the caller's own"
    schema = {"type": "string", "format": "uuid"}
    return {"name": ACCOUNT, "in": "header", "required": False, "description": text, "schema": schema}


def _key(way_on: str | None) -> dict[str, Any]:
    text = "The client's own name for this command, new for each: a repetition within 24 h gets the first one's answer"
    if way_on is not None:
        text += f", but for one of success, which is not kept: {way_on}"
    schema = {"type": "string", "pattern": f"^{KEY_PATTERN}$"}
    return {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "required": False,
        "description": text,
        "schema": schema,
        "example": "5f0c7f7e-3f0e-4a53-9d0b-3c1f6f2f9a10",
    }


def _add_code(responses: dict[str, Any], status: int, code: str) -> None:
    schema = {"$ref": "#/components/schemas/ErrorAnswer"}
    answer = responses.setdefault(str(status), {"description": code, "content": {JSON: {"schema": schema}}})
    if code not in codes_of(answer["description"]):
        answer["description"] += f" or {code}"


def with_headers(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the headers that the door and the routes give and take."""
    named = {"description": "The client's own name for the request, as it was sent", "schema": _TEXT}
    given = {
        "description": "What the logs call the request: mention it in a report. The gateway by itself gives none",
        "schema": _TEXT,
    }
    for *_, answer in answers_of(document):
        answer["headers"] = {REQUEST_ID: given, CLIENT_REQUEST_ID: named}
    again = {"description": "true where the answer was kept: nothing was done now", "schema": _TEXT}
    for route in API_ROUTES:
        if route.is_keyed:
            for answer in document["paths"][route.path][route.method.lower()]["responses"].values():
                answer["headers"][REPLAYED] = again
    _add_rates(document)
    state = {"description": "The state that is shown; give it as If-Match", "schema": _TEXT, "example": '"v3"'}
    for path in _VERSIONED:
        for method, operation in document["paths"][path].items():
            if method in {"get", "put"}:
                operation["responses"]["200"]["headers"]["ETag"] = state
            if method in {"put", "delete"}:
                operation.setdefault("parameters", []).append(_if_match())
    return document


def with_client_request_id(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the header by which a client names any request."""
    document["components"]["parameters"] = {"ClientRequestId": _CLIENT_REQUEST}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/ClientRequestId"})
    return document


def _add_rates(document: dict[str, Any]) -> None:
    for route in API_ROUTES:
        if not (route.is_open or route.is_repeatable):
            for answer in document["paths"][route.path][route.method.lower()]["responses"].values():
                answer["headers"] |= _RATES


def _if_match() -> dict[str, Any]:
    text = "An ETag: act only if it is still as it was then. Without it, or with *, whatever it is now"
    return {"name": "If-Match", "in": "header", "required": False, "description": text, "schema": _TEXT}
