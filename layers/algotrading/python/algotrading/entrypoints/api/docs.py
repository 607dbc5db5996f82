"""The OpenAPI document of all API functions, and a page to read and try it on."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NoReturn

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from algotrading.entrypoints.api.account_data import AccountDataRoutes
from algotrading.entrypoints.api.account_links import AccountLinkRoutes
from algotrading.entrypoints.api.admin import AdminRoutes
from algotrading.entrypoints.api.answer_examples import with_answer_examples
from algotrading.entrypoints.api.auth import AuthRoutes
from algotrading.entrypoints.api.broker import BrokerRoutes
from algotrading.entrypoints.api.broker_accounts import BrokerAccountRoutes
from algotrading.entrypoints.api.document_examples import with_examples
from algotrading.entrypoints.api.document_extras import with_accounts, with_client_request_id, with_headers, with_keys
from algotrading.entrypoints.api.document_gateway import with_gateway
from algotrading.entrypoints.api.keys import KeyRoutes
from algotrading.entrypoints.api.notifications import NotificationRoutes
from algotrading.entrypoints.api.password import PasswordRoutes
from algotrading.entrypoints.api.postback import PostbackRoutes
from algotrading.entrypoints.api.registration import RegistrationRoutes
from algotrading.entrypoints.api.risk import RiskRoutes
from algotrading.entrypoints.api.strategy import StrategyRoutes
from algotrading.entrypoints.api.viewers import ViewerRoutes
from algotrading.entrypoints.http import new_router
from algotrading.entrypoints.http_answers import JSON

_VERSION = "1.0.0"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
}
"""The page carries its scripts and styles in itself, and calls the API that it came from."""
_DESCRIPTION = """Buys at the buy time, watches every tick, sells at the stop-loss or at the sell time.

Every error, on every path, is `{"error": CODE, "message": ..., "details": [{"field", "problem"}]}`, but for what the
gateway answers by itself (GatewayRefusal: `{"message": ...}` alone, without X-Request-Id). A request without any
Authorization header, to a path that needs one, is refused with 401 `{"message": "Unauthorized"}`: treat a 401 without
`error` as `TOKEN_INVALID` and log in. What is too much at once is turned away with 429: ask again later. After 500 and
503 without `error` a command may have been carried out: look, or ask again under its Idempotency-Key."""
_BEARER = "From /auth/login, or a key of POST /account/keys, which opens what is said as x-scope"
_OWN_VALIDATION_SHAPES = ("HTTPValidationError", "ValidationError", "ResponseValidationError")
"""Powertools' own error bodies, which our door never answers."""


class DocsRoutes:
    """Serves the document; only dev has this function."""

    def router(self) -> Router:
        """These routes, for a door."""
        router = new_router()
        router.get("/openapi.json", include_in_schema=False)(self.show_document)
        router.get("/docs", include_in_schema=False, compress=True)(self.show_page)
        return router

    def show_document(self) -> Response[str]:
        """The document as JSON."""
        return Response(status_code=200, content_type=JSON, body=json.dumps(openapi_document()))

    def show_page(self) -> Response[str]:
        """Swagger UI, from Powertools' own files: the page loads nothing from elsewhere."""
        return Response(
            status_code=200, content_type="text/html; charset=utf-8", body=_page(), headers=dict(_PAGE_HEADERS)
        )


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of every route of every API function."""
    resolver = APIGatewayHttpResolver(enable_validation=True, debug=False)
    for routes in (
        RegistrationRoutes(_nobody),
        AuthRoutes(_nobody),
        AccountLinkRoutes(_nobody),
        PasswordRoutes(_nobody),
        AccountDataRoutes(_nobody),
        ViewerRoutes(_nobody),
        KeyRoutes(_nobody),
        BrokerRoutes(_nobody),
        BrokerAccountRoutes(_nobody),
        PostbackRoutes(_nobody),
        StrategyRoutes(_nobody),
        RiskRoutes(_nobody),
        NotificationRoutes(_nobody),
        AdminRoutes(_nobody),
    ):
        resolver.include_router(routes.router())
    text = resolver.get_openapi_json_schema(
        title="Algorithmic trading",
        version=_VERSION,
        description=_DESCRIPTION,
        security_schemes={"bearer": HTTPBearer(description=_BEARER)},
    )
    document = with_accounts(with_keys(_without_validation_shapes(json.loads(text))))
    return with_client_request_id(with_headers(with_gateway(with_answer_examples(with_examples(document)))))


def _nobody() -> NoReturn:
    raise LookupError("the document only describes the routes")


def _without_validation_shapes(document: dict[str, Any]) -> dict[str, Any]:
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in _OWN_VALIDATION_SHAPES:
        document["components"]["schemas"].pop(name, None)
    return document


@cache
def _page() -> str:
    from importlib.resources import files

    from aws_lambda_powertools.event_handler.openapi.swagger_ui import generate_swagger_html

    assets = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
    return generate_swagger_html(
        spec=json.dumps(openapi_document()).replace("</", "<\\/"),
        swagger_js=assets.joinpath("swagger-ui-bundle.min.js").read_text(encoding="utf-8"),
        swagger_css=assets.joinpath("swagger-ui.min.css").read_text(encoding="utf-8"),
        swagger_base_url="",
        oauth2_config=None,
        persist_authorization=True,
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(json.dumps(openapi_document(), indent=1, sort_keys=True) + "\n")
