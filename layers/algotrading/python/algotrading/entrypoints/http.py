"""The door of every HTTP function: who calls, a body worth reading, one shape of errors."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from algotrading.adapters.request_names import answering
from algotrading.contracts.api_access import ACCESS
from algotrading.contracts.api_routes import API_ROUTES, DOCS_ROUTES, methods_of
from algotrading.contracts.problems import field_problems
from algotrading.domain.errors import (
    AccessDenied,
    AlgotradingError,
    NotFound,
    RequestInvalid,
)
from algotrading.domain.keyed_requests import KeptAnswer, hash_request
from algotrading.entrypoints.http_answers import as_event_answer, error_response, failure_response, is_json
from algotrading.entrypoints.http_body import admit_body, read_json
from algotrading.entrypoints.http_event import (
    ADMITTED,
    CLIENT_REQUEST_ID,
    address_of,
    admitted_of,
    authorizer_context,
    bearer_of,
    caller_of,
    client_id,
    has_route,
    is_for_a_browser,
    named_account,
    refuse_bad_token,
    route_of,
)
from algotrading.entrypoints.http_keys import given_again, named_key, to_keep
from algotrading.entrypoints.http_page import FAILED_TITLE, html_page
from algotrading.entrypoints.http_rates import rate_headers
from algotrading.entrypoints.http_refusals import count_refusal
from algotrading.ports import Meter
from algotrading.services.admission import Admission, Admitted, Asked
from algotrading.services.keyed_requests import KeyedRequests, NamedRequest

logger = logging.getLogger(__name__)
logging.getLogger("aws_lambda_powertools").setLevel(logging.INFO)
"""At DEBUG the framework logs each body as it was read, passwords with it."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer; a page says for itself what it may load. Browsers heed the promise of HTTPS over HTTPS alone."""
_ATTACHMENT = {"Content-Disposition": 'attachment; filename="api.json"'}
"""Of every answer that is no page: a browser that is led to one stores it under this name, and runs nothing."""
REQUEST_ID = "X-Request-Id"
"""Header of every answer: what the logs call the request."""
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
"""What the audit trail is not given of a path."""
_OPEN = frozenset(route.key for route in (*API_ROUTES, *DOCS_ROUTES) if route.is_open)
_UNKNOWN = "$default"
"""What API Gateway calls the route of paths and methods that there are none for."""


class MethodNotAllowed(AlgotradingError):
    """The path is known, but not with this method."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class HttpDoor(APIGatewayHttpResolver):
    """Powertools' resolver behind our own threshold.

    Before any route runs, the caller's token is judged (see `refuse_bad_token`), the caller is held to the role matrix
    (`contracts.api_access`), and the body is read strictly; whatever goes wrong after, the answer has the one shape of
    errors and no internals.
    """

    def __init__(
        self,
        *routers: Router,
        admission: Callable[[], Admission] | None = None,
        keyed: Callable[[], KeyedRequests] | None = None,
        meter: Meter | None = None,
    ) -> None:
        """`admission` is called at each request to a route that is not open, and lets nobody in where it is missing.
        `keyed` is called at each request that names itself by a key; a door of routes that heed one must have it.
        `meter` is told of refusals that attacks bring."""
        super().__init__(
            enable_validation=True,
            response_validation_error_http_code=500,
            json_body_deserializer=read_json,
            debug=False,
        )
        self._admission = admission
        self._keyed = keyed
        self._meter = meter
        for router in routers:
            self.include_router(router)
        self.exception_handler(AlgotradingError)(self._answer_error)
        self.exception_handler(RequestValidationError)(self._answer_invalid)
        self.exception_handler(NotFoundError)(self._answer_unknown)
        self.exception_handler(Exception)(self._answer_failure)

    def resolve(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Answer one API Gateway HTTP API event, payload version 2.0."""
        request_id = str(getattr(context, "aws_request_id", "none"))
        with answering(request_id, client_id(event).get(CLIENT_REQUEST_ID)):
            return self._answer_event(event, context, request_id)

    def _answer_event(self, event: Mapping[str, Any], context: Any, request_id: str) -> dict[str, Any]:
        started = time.perf_counter()
        who: Admitted | None = None
        try:
            refuse_bad_token(event)
            who = self._admit(event)
            any_type = has_route(event, lambda route: route.is_from_broker)
            request = admit_body({**event, ADMITTED: who}, any_type=any_type)
            self.context["request_id"] = request_id
            answer = self._answer_as(who, request, context)
        except AlgotradingError as error:
            answer = as_event_answer(error_response(error, request_id))
        except Exception:
            logger.exception("request %s could not be read", request_id)
            answer = as_event_answer(failure_response(request_id))
        if self._meter is not None:
            count_refusal(self._meter, answer)
        if answer["statusCode"] >= HTTPStatus.BAD_REQUEST and is_for_a_browser(event):
            text = json.loads(answer["body"])["message"]
            answer = as_event_answer(html_page(answer["statusCode"], FAILED_TITLE, text))
        kind = _ATTACHMENT if is_json(answer) else {}
        own = {
            **_HEADERS,
            **kind,
            REQUEST_ID: request_id,
            **client_id(event),
            **rate_headers(who.spent if who else None),
        }
        answer["headers"] = {**own, **answer.get("headers", {})}
        _log_answer(event, answer, request_id, time.perf_counter() - started, who)
        return answer

    def _admit(self, event: Mapping[str, Any]) -> Admitted | None:
        """Who comes in, by the role matrix; None where nobody has to be known.

        Raises:
            TokenInvalid, AccountLocked, AccessDenied, SecondFactorRequired: see `Admission.admit`.
        """
        key = str(event.get("routeKey"))
        if key in _OPEN or key == _UNKNOWN:
            return None
        access, bearer = ACCESS.get(key), bearer_of(event)
        if access is None or self._admission is None:
            raise AccessDenied("nobody may do this")
        path = _UNPRINTABLE.sub("?", str(event.get("rawPath", "")))[:200]
        lessens_risk = has_route(event, lambda route: route.is_repeatable)
        asked = Asked(key, path, address_of(event), lessens_risk)
        return self._admission().admit(bearer, access, named_account(event), asked)

    def _answer_as(self, who: Admitted | None, request: dict[str, Any], context: Any) -> dict[str, Any]:
        if who is None or not who.is_reading_only or self._admission is None:
            return self._answer_once(request, context)
        with self._admission().reading_only():
            return self._answer_once(request, context)

    def _answer_once(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """The route's answer, or for a repetition under the same key the one that was kept."""
        route = route_of(event)
        key = named_key(event["headers"] or {}) if route is not None and route.is_keyed else None
        if key is None or route is None:
            return super().resolve(event, context)
        if self._keyed is None:
            raise LookupError(f"{route.key} takes an Idempotency-Key, and its door keeps none")
        request_hash = hash_request(route.method, event["rawPath"], event["body"] or "")
        asked = NamedRequest(
            caller_of(event),
            key,
            request_hash,
            holds_secret=route.has_secret_body,
            is_repeatable=route.is_repeatable,
        )
        resolve, fresh = super().resolve, dict[str, Any]()

        def act() -> KeptAnswer:
            fresh.update(resolve(event, context))
            return to_keep(fresh, way_on=route.way_on)

        kept, is_again = self._keyed().run(asked, act)
        return given_again(kept) if is_again else fresh

    def _answer_error(self, error: AlgotradingError) -> Response[str]:
        return error_response(error, self._request_id())

    def _answer_invalid(self, error: RequestValidationError) -> Response[str]:
        problems = error.errors()
        if any(problem["loc"][:1] == ("path",) for problem in problems):
            # The only path parameter is an identifier: what is not one names nothing.
            return self._answer_unknown(NotFoundError())
        details = field_problems(problems)
        fields = ", ".join(problem.field for problem in details)
        return error_response(RequestInvalid(f"the request is not valid: see {fields}", details), self._request_id())

    def _answer_unknown(self, _: NotFoundError) -> Response[str]:
        path, method = self.current_event.path, self.current_event.http_method.upper()
        literal = frozenset(route.method for route in API_ROUTES if route.path == path)
        allowed = literal or methods_of(path)
        if allowed and method not in allowed:
            response = error_response(MethodNotAllowed(f"{path} has no method {method}"), self._request_id())
            response.headers["Allow"] = ", ".join(sorted(allowed))
            return response
        return error_response(NotFound("there is nothing here"), self._request_id())

    def _answer_failure(self, error: Exception) -> Response[str]:
        logger.error("request %s failed", self._request_id(), exc_info=error)
        return failure_response(self._request_id())

    def _request_id(self) -> str:
        return str(self.context.get("request_id", "none"))


def new_router() -> Router:
    """An empty list of routes."""
    return Router()  # type: ignore[no-untyped-call]  # Powertools leaves its constructor unannotated


def address(request: Request) -> str:
    """Where the request came from, as the gateway saw it."""
    return address_of(request.resolved_event.raw_event)


def caller(request: Request) -> UUID:
    """Whose account is acted on: the caller's own, or the one that a viewer reads.

    Raises:
        TokenInvalid: nobody was let in.
    """
    return caller_of(request.resolved_event.raw_event)


def admitted(request: Request) -> Admitted:
    """Who asks, and as what. Raises TokenInvalid: nobody was let in."""
    return admitted_of(request.resolved_event.raw_event)


def _log_answer(
    event: Mapping[str, Any], answer: Mapping[str, Any], request_id: str, seconds: float, who: Admitted | None
) -> None:
    """One line a request: who asked for what, and how it went. The route, not the path: paths hold ids."""
    fields = {
        "event_type": str(event.get("routeKey")),
        "status": answer["statusCode"],
        "user_id": authorizer_context(event).get("user_id") if who is None else str(who.user_id),
        "key_id": None if who is None or who.key_id is None else str(who.key_id),
        "role": None if who is None else who.role.value,
        "account": None if who is None else str(who.account),
        "request_id": request_id,
        "client_request_id": client_id(event).get(CLIENT_REQUEST_ID),
        "execution_time_ms": round(seconds * 1000, 3),
    }
    logger.info("answered", extra=fields)


def public_url(request: Request, path: str) -> str:
    """The address of a path of this API, as the caller reaches it."""
    event = request.resolved_event.raw_event
    scheme = (event.get("headers") or {}).get("x-forwarded-proto", "https")
    return f"{scheme}://{event['requestContext']['domainName']}{path}"
