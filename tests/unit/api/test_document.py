"""The OpenAPI document: complete, valid, and true."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from openapi_spec_validator import validate

from algotrading.bootstrap import build_docs
from algotrading.contracts.api_common import ErrorAnswer
from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.contracts.api_strategy import PlanRequest
from algotrading.domain.errors import ErrorCode
from algotrading.entrypoints.api.docs import openapi_document
from algotrading.settings import DocsSettings
from tests.http_events import http_event

PAGE = {"text/html": {"schema": {"type": "string"}}}
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}


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
        codes = {example["value"]["error"] for example in examples.values()}
        assert codes == {word for word in re.findall("[A-Z_]+", answer["description"]) if word in get_args(ErrorCode)}
        assert codes
        assert all(ErrorAnswer.model_validate(example["value"]) for example in examples.values())
    assert all(content == {**ERROR, **(PAGE if route.is_page else {})} for content in failures.values())


def test_the_readme_names_every_code_that_a_client_can_get() -> None:
    readme = Path(__file__).parents[3].joinpath("README.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"Codes:\n(.*?)\n\n", readme, re.DOTALL)

    assert sorted(re.findall(r"`([A-Z_]+)`", listed)) == sorted(set(get_args(ErrorCode)) - {"RISK_LIMIT"})


def test_the_example_plan_is_one_that_can_trade() -> None:
    fields = openapi_document()["components"]["schemas"]["PlanRequest"]["properties"]

    example = {name: field["examples"][0] for name, field in fields.items() if "examples" in field}
    assert (example["buy_time"], example["sell_time"]) == ("09:30:00", "15:15:00")
    assert PlanRequest.model_validate(example).problems == ()


def test_the_one_answer_of_another_shape_is_told() -> None:
    refusals = [operation(route)["responses"]["401"]["description"] for route in API_ROUTES if not route.is_open]

    assert '401 `{"message": "Unauthorized"}`' in openapi_document()["info"]["description"]
    assert all('`{"message": "Unauthorized"}`' in refusal for refusal in refusals)


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
