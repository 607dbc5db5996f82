"""What the event of a request says: who calls, from where, for whose account, and which route."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.domain.api_keys import PREFIX
from algotrading.domain.errors import RequestInvalid, TokenExpired, TokenInvalid
from algotrading.domain.logins import Bearer
from algotrading.entrypoints.http_page import asks_for_page
from algotrading.services.admission import Admitted

CLIENT_REQUEST_ID = "X-Client-Request-Id"
"""Header by which a client names its request; it is logged and answered as it came."""
ACCOUNT = "X-Account"
"""Header by which a viewer names the account that is to be read; without it everybody means their own."""
EXPIRED_LOGIN = "your login has expired: log in again"
BAD_LOGIN = "the bearer token is not valid: log in again"
ADMITTED = "admitted"
"""Where in an event who was let in stands. It comes from the door alone: an event is JSON, without such values."""
_ACCOUNT = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def refuse_bad_token(event: Mapping[str, Any]) -> None:
    """Say in the function what the authorizer found: a Lambda authorizer's own refusal would have the
    gateway's body, and no code that tells an expired token from a forged one.

    Raises:
        TokenExpired, TokenInvalid: as the authorizer found. Open routes have no authorizer.
    """
    found = authorizer_context(event).get("error")
    if found == TokenExpired.code:
        raise TokenExpired(EXPIRED_LOGIN)
    _, _, shown = (header(event, "Authorization") or "").strip().partition(" ")
    if found is not None and shown.strip().startswith(PREFIX):
        raise TokenInvalid("this key is not valid: look whether it was copied whole, or make another")
    if found is not None:
        raise TokenInvalid(BAD_LOGIN)


def bearer_of(event: Mapping[str, Any]) -> Bearer:
    """Whom the authorizer identified, or whose key it was shown, which is yet to be found. Raises TokenInvalid."""
    found = authorizer_context(event)
    try:
        if "key_hash" in found:
            return Bearer(UUID(found["key_owner"]), key_hash=bytes.fromhex(found["key_hash"]))
        device_id = UUID(found["device_id"]) if "device_id" in found else None
        has_second_factor = found.get("has_second_factor") in (True, "true")
        return Bearer(UUID(found["user_id"]), has_second_factor=has_second_factor, device_id=device_id)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenInvalid("a bearer token is needed: log in") from error


def admitted_of(event: Mapping[str, Any]) -> Admitted:
    """Who was let in by the door. Raises TokenInvalid: nobody was."""
    found = event.get(ADMITTED)
    if not isinstance(found, Admitted):
        raise TokenInvalid("a bearer token is needed: log in")
    return found


def caller_of(event: Mapping[str, Any]) -> UUID:
    """Whose account is acted on. Raises TokenInvalid: nobody was let in."""
    return admitted_of(event).account


def named_account(event: Mapping[str, Any]) -> UUID | None:
    """The account that the caller asks to read. Raises RequestInvalid for what is no identifier."""
    named = header(event, ACCOUNT)
    if named is None:
        return None
    if not _ACCOUNT.fullmatch(named):
        raise RequestInvalid(f"{ACCOUNT} must be the account_id of an account that is shared with you")
    return UUID(named)


def address_of(event: Mapping[str, Any]) -> str:
    """Where the request came from, as the gateway saw it."""
    return str(event["requestContext"]["http"]["sourceIp"])


def client_id(event: Mapping[str, Any]) -> dict[str, str]:
    """The client's name for the request as a header of its answer; what could not be logged as it came is no name."""
    named = header(event, CLIENT_REQUEST_ID)
    return {CLIENT_REQUEST_ID: named} if named is not None and _CLIENT_REQUEST_ID.fullmatch(named) else {}


def is_for_a_browser(event: Mapping[str, Any]) -> bool:
    """Whether a page is asked for, of a route that has one."""
    return has_route(event, lambda route: route.is_page) and asks_for_page(event.get("headers") or {})


def route_of(event: Mapping[str, Any]) -> ApiRoute | None:
    """The route that the request is for; None where there is none such."""
    key = event.get("routeKey")
    return next((route for route in API_ROUTES if route.key == key), None)


def has_route(event: Mapping[str, Any], wanted: Callable[[ApiRoute], bool]) -> bool:
    """Whether the request is for a route that is `wanted`."""
    route = route_of(event)
    return route is not None and wanted(route)


def header(event: Mapping[str, Any], name: str) -> str | None:
    """A header, in whatever case its name came."""
    found = {str(each).lower(): value for each, value in (event.get("headers") or {}).items()}.get(name.lower())
    return None if found is None else str(found)


def authorizer_context(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the authorizer found; nothing where the route has none."""
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    found = authorizer.get("lambda") or {}
    return found if isinstance(found, Mapping) else {}
