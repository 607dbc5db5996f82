"""What the document says of the answers that API Gateway makes by itself, which reach no function of ours.

Their bodies cannot be changed: gateway responses are of REST APIs alone (API Gateway developer guide, "Choose between
REST APIs and HTTP APIs").
"""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from algotrading.contracts.api_common import ErrorAnswer, GatewayRefusal
from algotrading.contracts.api_routes import API_ROUTES
from algotrading.entrypoints.http_answers import JSON

EXAMPLE: Final = "GATEWAY"
"""What its example is called, beside those of our codes."""
OF_AUTHORIZER: Final = MappingProxyType(
    {HTTPStatus.UNAUTHORIZED: "Unauthorized", HTTPStatus.FORBIDDEN: "Forbidden"},
)
"""What is said for its authorizer: of a request without any Authorization header, and of one that it refuses."""
OF_EVERY_ROUTE: Final = MappingProxyType(
    {
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Request Entity Too Large",
        HTTPStatus.TOO_MANY_REQUESTS: "Too Many Requests",
        HTTPStatus.INTERNAL_SERVER_ERROR: "Internal Server Error",
        HTTPStatus.SERVICE_UNAVAILABLE: "Service Unavailable",
    }
)
"""More than ten megabytes; more than its rate, for everybody together; a function that broke or did not answer."""


def with_gateway(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the gateway's own body, where the gateway may answer, beside ours."""
    document["components"]["schemas"][GatewayRefusal.__name__] = GatewayRefusal.model_json_schema()
    for route in API_ROUTES:
        responses = document["paths"][route.path][route.method.lower()]["responses"]
        said = OF_EVERY_ROUTE if route.is_open else {**OF_AUTHORIZER, **OF_EVERY_ROUTE}
        for status, message in said.items():
            _add(responses, str(status.value), message)
    return document


def _add(responses: dict[str, Any], status: str, message: str) -> None:
    by_itself = f'gateway by itself: `{{"message": "{message}"}}`'
    answer = responses.get(status)
    if answer is None:
        alone = {"schema": _named(GatewayRefusal), "examples": {EXAMPLE: _example(message)}}
        responses[status] = {"description": f"The {by_itself}", "content": {JSON: alone}}
        return
    answer["description"] += f". Or the {by_itself}"
    content = answer["content"][JSON]
    # Ours first: it is the one that says more.
    content["schema"] = {"anyOf": [_named(ErrorAnswer), _named(GatewayRefusal)]}
    content["examples"][EXAMPLE] = _example(message)


def _named(model: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _example(message: str) -> dict[str, Any]:
    return {"summary": "The gateway by itself", "value": {"message": message}}
