"""The OpenAPI document: complete, valid, and true."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID

import pytest
from openapi_spec_validator import validate

from algotrading.bootstrap import build_docs
from algotrading.contracts.api_common import ErrorAnswer, GatewayRefusal
from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.contracts.api_strategy import PlanRequest
from algotrading.domain.errors import ErrorCode
from algotrading.domain.roles import Role
from algotrading.entrypoints.api.answer_examples import contents_of_success
from algotrading.entrypoints.api.docs import openapi_document
from algotrading.entrypoints.api.document_examples import examples_of
from algotrading.settings import DocsSettings
from tests.http_events import http_event
from tests.unit.api.test_seen_states import LIMITS
from tests.unit.api.world import PLAN, ApiWorld
from twin.authorizer import FORBIDDEN, UNAUTHORIZED

OURS, GATEWAYS = ({"$ref": f"#/components/schemas/{name}"} for name in ("ErrorAnswer", "GatewayRefusal"))
ROUTES = {route.key: route for route in API_ROUTES}
GATEWAY = "GATEWAY"
"""What the example of the gateway's own answer is called."""


def operation(route: ApiRoute) -> dict[str, Any]:
    """What the document says about a route."""
    found: dict[str, Any] = deepcopy(openapi_document()["paths"][route.path][route.method.lower()])
    return found


def test_the_document_is_valid() -> None:
    validate(openapi_document())


def test_the_checked_in_document_is_this_one() -> None:
    # What clients are generated from; `make openapi` writes it.
    stored = Path(__file__).parents[3].joinpath("docs/openapi.json").read_text(encoding="utf-8")

    assert json.loads(stored) == openapi_document()


def test_the_document_has_the_routes_of_the_table_and_no_others() -> None:
    documented = {
        (method.upper(), path) for path, operations in openapi_document()["paths"].items() for method in operations
    }

    assert documented == {(route.method, route.path) for route in API_ROUTES}


@pytest.mark.parametrize("route", API_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_tells_its_errors_and_who_may_call(route: ApiRoute) -> None:
    told = operation(route)

    assert told.get("security", []) == ([] if route.is_open else [{"bearer": []}])
    failures = {code: answer["content"] for code, answer in told["responses"].items() if int(code) >= 400}
    assert set(failures) >= {"413", "500", "503"}
    assert "DATABASE_UNAVAILABLE" in told["responses"]["503"]["description"]
    if "{" in route.path:
        assert "NOT_FOUND" in told["responses"]["404"]["description"], "what is no identifier names nothing"
    for answer in (told["responses"][code] for code in failures):
        examples = answer["content"]["application/json"].pop("examples")
        of_gateway = examples.pop(GATEWAY, None)
        codes = {example["value"]["error"] for example in examples.values()}
        assert codes == {word for word in re.findall("[A-Z_]+", answer["description"]) if word in get_args(ErrorCode)}
        assert codes or of_gateway
        assert all(ErrorAnswer.model_validate(example["value"]) for example in examples.values())
        schemas = [OURS] * bool(codes) + [GATEWAYS] * (of_gateway is not None)
        assert answer["content"]["application/json"] == {
            "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        }
        # The gateway knows no pages.
        assert ("text/html" in answer["content"]) == (route.is_page and bool(codes))


def test_the_readme_names_every_code_that_a_client_can_get() -> None:
    readme = Path(__file__).parents[3].joinpath("README.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"Codes:\n(.*?)\n\n", readme, re.DOTALL)

    assert sorted(re.findall(r"`([A-Z_]+)`", listed)) == sorted(set(get_args(ErrorCode)) - {"RISK_LIMIT"})


def test_the_example_plan_is_one_that_can_trade() -> None:
    fields = openapi_document()["components"]["schemas"]["PlanRequest"]["properties"]

    example = {name: field["examples"][0] for name, field in fields.items() if "examples" in field}
    assert (example["buy_time"], example["sell_time"]) == ("09:30:00", "15:15:00")
    assert PlanRequest.model_validate(example).problems == ()


@pytest.mark.parametrize("route", API_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_the_gateway_answers_by_itself_is_told(route: ApiRoute) -> None:
    # As the local gateway says it (twin/gateway.py, twin/authorizer.py), word for word as in the cloud.
    said = {
        code: answer["content"]["application/json"]["examples"][GATEWAY]["value"]
        for code, answer in operation(route)["responses"].items()
        if GATEWAY in answer["content"]["application/json"].get("examples", {})
    }

    of_authorizer = {str(each.status): {"message": each.message} for each in (UNAUTHORIZED, FORBIDDEN)}
    assert said == {
        "413": {"message": "Request Entity Too Large"},
        "429": {"message": "Too Many Requests"},
        "500": {"message": "Internal Server Error"},
        "503": {"message": "Service Unavailable"},
        **({} if route.is_open else of_authorizer),
    }
    assert all(GatewayRefusal.model_validate(body) for body in said.values())


def test_neither_shape_is_taken_for_the_other() -> None:
    schemas = openapi_document()["components"]["schemas"]

    assert schemas["GatewayRefusal"]["additionalProperties"] is False
    assert schemas["GatewayRefusal"]["required"] == ["message"]
    assert set(schemas["ErrorAnswer"]["required"]) == {"error", "message", "details"}
    assert '401 `{"message": "Unauthorized"}`' in openapi_document()["info"]["description"]


def test_each_code_has_an_example_of_its_own() -> None:
    messages = dict[str, set[str]]()
    for route in API_ROUTES:
        for answer in operation(route)["responses"].values():
            for code, example in answer["content"]["application/json"].get("examples", {}).items():
                messages.setdefault(example["value"]["message"], set()).add(code)

    assert "what happened, and what to do about it" not in messages
    codes = {code for said in messages.values() for code in said}
    # An entry over a limit is refused in the executor; what an order was answered with is in the order; a known path
    # without the method is of no route.
    assert set(get_args(ErrorCode)) - codes == {"RISK_LIMIT", "ORDER_FAILED", "METHOD_NOT_ALLOWED"}
    assert all(len(said) == 1 for said in messages.values()), messages


def test_the_same_code_is_told_in_the_words_of_its_route(world: ApiWorld) -> None:
    token, nobody = world.register(), UUID(int=1)
    admin = world.clerk(Role.ADMIN)
    for method, path, template, body in (
        ("DELETE", f"/account/keys/{nobody}", "/account/keys/{id}", None),
        ("DELETE", f"/account/shared/{nobody}", "/account/shared/{id}", None),
        ("DELETE", f"/account/viewers/{nobody}", "/account/viewers/{id}", None),
        ("DELETE", f"/auth/devices/{nobody}", "/auth/devices/{id}", None),
        ("DELETE", f"/broker/accounts/{nobody}", "/broker/accounts/{id}", None),
        ("DELETE", "/notifications/webhook", "/notifications/webhook", None),
        ("DELETE", "/notifications/telegram", "/notifications/telegram", None),
        ("DELETE", "/notifications/sms", "/notifications/sms", None),
        ("GET", f"/admin/users/{nobody}", "/admin/users/{id}", None),
        ("GET", "/broker/callback", "/broker/callback", None),
        ("POST", "/auth/second-factor/confirm", "/auth/second-factor/confirm", {"code": "123456"}),
        ("POST", "/auth/second-factor/verify", "/auth/second-factor/verify", {"code": "123456"}),
        ("POST", "/strategy/square-off", "/strategy/square-off", {"strategy_id": world.create(token)}),
    ):
        answer = world.call(method, path, body, token=admin if "admin" in path else token)

        assert answer.body == examples_of(f"/api/v1{template}")[answer.error], path
        shown = operation(ROUTES[f"{method} /api/v1{template}"])["responses"][str(answer.status)]["content"]
        assert shown["application/json"]["examples"][answer.error]["value"] == answer.body


def test_the_examples_are_what_the_doors_say(world: ApiWorld) -> None:
    # Those that are asked for by one request or two; without what is another's each time.
    token = world.register()
    nowhere = f"/strategy/{UUID(int=1)}"
    [own] = [each["account_id"] for each in world.call("GET", "/broker/accounts", token=token).body["accounts"]]
    reset = {"token": "none of ours", "password": "a long passphrase"}
    key = {"Idempotency-Key": "one"}
    plan = world.call("POST", "/strategy/create", PLAN, token=token, headers=key).body["strategy_id"]
    refused = [
        world.call("POST", "/strategy/start", {"strategy_id": "TCS"}, token=token),
        world.call("POST", "/strategy/create", {**PLAN, "stop_loss": 3500.02}, token=token),
        world.call("POST", "/auth/password/reset", reset),
        world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "not the one"}),
        world.call("GET", "/account", token=world.token_for(world.user_of(token), hours=-1)),
        world.call("GET", "/account", token="forged"),
        world.call("GET", "/strategy", token=token, headers={"X-Account": str(UUID(int=1))}),
        world.call("GET", nowhere, token=token),
        world.call("DELETE", f"/broker/accounts/{own}", token=token),
        world.start(token, plan),
        world.call("PUT", "/risk/profile", LIMITS, token=token, headers={"If-Match": '"x"'}),
        world.call("POST", "/strategy/create", raw="x" * 40_000, token=token),
        world.call("POST", "/strategy/create", raw="x", token=token, headers={"Content-Type": "text/xml"}),
        world.call("POST", "/strategy/create", {**PLAN, "quantity": 1}, token=token, headers=key),
    ]

    seen = {answer.error: answer.body for answer in refused}
    assert len(seen) == len(refused), [answer.body for answer in refused]
    assert seen == {code: examples_of("")[code] for code in seen}


def test_every_instant_of_every_answer_is_written_alike() -> None:
    shown = json.dumps([content for _, content in contents_of_success(openapi_document())])
    instants = re.findall(r'(?<=[^\\]")20\d\d-\d\d-\d\dT[^"]*(?=")', shown)

    assert len(instants) > 100
    assert [each for each in instants if not re.fullmatch(r"[-\d]{10}T[:\d]{8}(\.\d{6})?Z", each)] == []


@pytest.mark.parametrize("status", ["400", "401", "404", "409", "503"])
def test_the_page_of_the_brokers_login_is_shown_with_its_errors(status: str) -> None:
    (route,) = (route for route in API_ROUTES if route.is_page)
    content = operation(route)["responses"][status]["content"]

    pages = {code: example["value"] for code, example in content["text/html"]["examples"].items()}
    bodies = {code: each["value"] for code, each in content["application/json"]["examples"].items() if code != GATEWAY}
    assert pages.keys() == bodies.keys()
    assert all(
        escape(bodies[code]["message"]) in page and "<h1>This did not work</h1>" in page for code, page in pages.items()
    )


@pytest.mark.parametrize("route", API_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_request_may_be_named(route: ApiRoute) -> None:
    name = openapi_document()["components"]["parameters"]["ClientRequestId"]

    assert name["name"] == "X-Client-Request-Id"
    assert {"$ref": "#/components/parameters/ClientRequestId"} in operation(route)["parameters"]


@pytest.mark.parametrize(
    "route", [route for route in API_ROUTES if route.method in {"POST", "PUT"}], ids=lambda route: route.path
)
def test_every_body_is_described(route: ApiRoute) -> None:
    assert operation(route)["requestBody"]["content"]["application/json"]["schema"]["$ref"]


def test_the_door_serves_document_and_page_in_dev() -> None:
    door = build_docs(DocsSettings(stage="dev"))
    context = SimpleNamespace(aws_request_id="1")

    document = door.resolve(http_event("GET", "/openapi.json"), context)
    page = door.resolve(http_event("GET", "/docs"), context)

    assert json.loads(document["body"]) == openapi_document()
    assert page["headers"]["Content-Type"].startswith("text/html")
    assert "SwaggerUIBundle" in page["body"]
    assert "<script src" not in page["body"]


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_no_other_stage_serves_it(stage: Any) -> None:
    with pytest.raises(ValueError, match="dev only"):
        build_docs(DocsSettings(stage=stage))
