"""What the document says beside routes and bodies: an example of every error, the headers of requests and answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from algotrading.contracts.api_access import ACCESS
from algotrading.contracts.api_routes import API_ROUTES
from algotrading.domain.accounts import NO_MATCH
from algotrading.domain.errors import (
    AccessDenied,
    ErrorCode,
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
_CODES = frozenset(get_args(ErrorCode))
_EXAMPLES = {
    "REQUEST_INVALID": ("the request is not valid: see quantity", [("quantity", "must be a whole number")]),
    "STRATEGY_INVALID": ("the strategy cannot trade: see stop_loss", [("stop_loss", "must be below the last price")]),
    "CREDENTIALS_INVALID": (NO_MATCH, []),
    "TOKEN_EXPIRED": ("your login has expired: log in again", []),
    "TOKEN_INVALID": ("the bearer token is not valid: log in again", []),
    "NOT_FOUND": ("no such strategy", []),
    "BROKER_ACCOUNT_TAKEN": (
        "this broker account is connected here already: look at your other broker accounts, and disconnect it first",
        [],
    ),
    "BROKER_ACCOUNTS_FULL": ("a user has 5 broker accounts at most: remove one first", []),
    "BROKER_ACCOUNT_IN_USE": (
        "strategies trade in this account (2): delete or move its strategies, wait until nothing is held, and try again"
        " then",
        [],
    ),
    "BROKER_ACCOUNT_IS_DEFAULT": (
        "the default account cannot be removed: make another one the default first",
        [],
    ),
    "IDEMPOTENCY_ANSWER_NOT_KEPT": (
        "this was done under the same Idempotency-Key, and its answer was not kept: GET /account/shared lists the"
        " account that you may read now",
        [],
    ),
    "PRECONDITION_FAILED": ("this has changed since you read it: read it again, then decide", []),
    "PAYLOAD_TOO_LARGE": ("the body is larger than 32768 bytes", []),
    "CONTENT_TYPE_UNSUPPORTED": ("the body must be application/json, not text/xml", []),
    "REDIS_DOWN": ("today's prices cannot be read just now: try again in a minute", []),
    "INTERNAL": ("something went wrong on our side; mention request 7f0c... when you report it", []),
}
_OTHERWISE = "what happened, and what to do about it"
_TEXT = {"type": "string"}
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
    if code not in re.findall("[A-Z_]+", answer["description"]):
        answer["description"] += f" or {code}"


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The document with an example for each code of each refusal."""
    for status, answer in _answers(document):
        content = answer.get("content", {}).get(JSON)
        codes = [word for word in re.findall(r"[A-Z_]+", answer["description"]) if word in _CODES]
        if content is not None and status >= 400:
            content["examples"] = {code: {"value": _example(code)} for code in codes}
    return document


def with_headers(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the headers that the door and the routes give and take."""
    named = {"description": "The client's own name for the request, as it was sent", "schema": _TEXT}
    given = {"description": "What the logs call the request: mention it in a report", "schema": _TEXT}
    for _, answer in _answers(document):
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


def _add_rates(document: dict[str, Any]) -> None:
    for route in API_ROUTES:
        if not (route.is_open or route.is_repeatable):
            for answer in document["paths"][route.path][route.method.lower()]["responses"].values():
                answer["headers"] |= _RATES


def _if_match() -> dict[str, Any]:
    text = "An ETag: act only if it is still as it was then. Without it, or with *, whatever it is now"
    return {"name": "If-Match", "in": "header", "required": False, "description": text, "schema": _TEXT}


def _answers(document: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                yield int(status), answer


def _example(code: str) -> dict[str, Any]:
    message, details = _EXAMPLES.get(code, (_OTHERWISE, []))
    return {
        "error": code,
        "message": message,
        "details": [{"field": field, "problem": problem} for field, problem in details],
    }
