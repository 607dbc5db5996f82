"""The day that pictures of the app show is what the API answers now: else they would show a product that is no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from algotrading.entrypoints.api.docs import openapi_document

BASE = "/api/v1"
DAY = json.loads((Path(__file__).parents[3] / "mobile/e2e/day.json").read_text("utf-8"))
DOCUMENT = openapi_document()


def closed(schema: Any) -> Any:
    """Fields that the document does not have are no answers of the API."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    narrowed = {name: closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        narrowed.setdefault("additionalProperties", False)
    return narrowed


def _schema_of(path: str) -> dict[str, Any]:
    asked = (BASE + path.partition("?")[0]).split("/")
    for template, methods in DOCUMENT["paths"].items():
        parts = template.split("/")
        if (
            "get" in methods
            and len(parts) == len(asked)
            and all(p in (a, "{id}") for p, a in zip(parts, asked, strict=True))
        ):
            return methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]  # type: ignore[no-any-return]
    raise AssertionError(f"the API has no {path}")


@pytest.mark.parametrize("path", DAY["answers"])
def test_every_recorded_answer_is_one_that_the_document_allows(path: str) -> None:
    schema = {**closed(_schema_of(path)), "components": closed(DOCUMENT["components"])}
    problems = [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(DAY["answers"][path])
    ]
    assert problems == [], (
        "write what is new into day.json, or record another day: make test-app RECORD=1 PICTURES=docs/app"
    )


def test_the_recording_is_as_wide_as_the_app() -> None:
    assert len(DAY["answers"]) >= 20
