"""Each answer of success is shown by an example, which is what a door answers."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from algotrading.contracts.api_routes import API_ROUTES
from algotrading.domain.api_keys import PREFIX, read_key
from algotrading.entrypoints.api.answer_examples import FILE, contents_of_success, with_answer_examples
from algotrading.entrypoints.api.docs import openapi_document
from tests.unit.api.answer_examples import answer_examples
from tests.unit.api.test_recorded_day import closed
from tests.unit.api.told_day import ACCOUNTANT, ADMIN, TRADER

DOCUMENT = openapi_document()
SHOWN = [
    pytest.param(media, id=f"{key} {kind}")
    for key, content in contents_of_success(DOCUMENT)
    for kind, media in content.items()
]
TEXT = FILE.read_text(encoding="utf-8")


def test_every_route_has_an_answer_of_success() -> None:
    assert {key for key, _ in contents_of_success(DOCUMENT)} == {route.key for route in API_ROUTES}


@pytest.mark.parametrize("media", SHOWN)
def test_every_answer_of_success_is_shown_by_what_its_schema_allows(media: dict[str, Any]) -> None:
    schema = {**closed(media["schema"]), "components": closed(DOCUMENT["components"])}

    assert "example" in media, "ask for it in told_day.py, then: make openapi"
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [f"{each.json_path}: {each.message}" for each in validator.iter_errors(media["example"])] == []


def test_the_examples_are_what_the_doors_answer_now() -> None:
    kept, told = json.loads(TEXT), answer_examples()

    assert kept.keys() == told.keys()
    assert [key for key in told if told[key] != kept[key]] == [], "the API answers otherwise now: make openapi"


def test_an_answer_without_an_example_is_left_as_it_is() -> None:
    content: dict[str, Any] = {"application/json": {"schema": {}}}
    document = {"paths": {"/new": {"get": {"responses": {"200": {"content": content}, "204": {}}}}}}

    assert with_answer_examples(document)["paths"]["/new"]["get"]["responses"]["200"]["content"] == {
        "application/json": {"schema": {}}
    }


def test_the_examples_tell_of_one_trader_and_one_strategy() -> None:
    assert set(re.findall(r"[\w.]+@[\w.]+", unquote(TEXT))) == {TRADER, ACCOUNTANT, ADMIN}
    assert len(set(re.findall(r'"strategy_id": "([^"]+)"', TEXT))) == 1
    assert set(re.findall(r'"symbol": "([^"]+)"', TEXT)) == {"TCS"}
    assert set(re.findall(r'"(?:trading_day|day)": "([^"]+)"', TEXT)) == {"2026-11-20"}


def test_no_example_holds_what_could_be_a_secret() -> None:
    assert "eyJ" not in TEXT, "a token of ours, or the state of a broker's login"
    assert [key for key in re.findall(PREFIX + "[0-9a-f]+", TEXT) if read_key(key)] == []
    login = json.loads(TEXT)["POST /api/v1/auth/login"]["application/json"]
    assert login["token"] == "header.payload.signature"
    secrets = re.findall(r'secret(?:": "|=)([^"&]+)', TEXT)
    assert set(secrets) == {"NOTASECRET" * 3, "whsec_" + "NOTASECRET" * 3}
