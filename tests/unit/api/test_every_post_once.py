"""Every POST of the API is done once under its Idempotency-Key, or is named with the reason why it takes none."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from algotrading.contracts.api_once import NOT_KEPT, SECRET_BODIES, UNKEYED
from algotrading.contracts.api_routes import API_ROUTES
from algotrading.domain.keyed_requests import hash_request
from algotrading.entrypoints.api.docs import openapi_document
from algotrading.entrypoints.api.risk import RiskRoutes
from algotrading.entrypoints.http import HttpDoor
from tests.unit.api.deeds import DEEDS, Request
from tests.unit.api.test_second_factor import switch_on
from tests.unit.api.world import Answer, ApiWorld

KEYED = sorted(route.key for route in API_ROUTES if route.is_keyed)
KEY = {"Idempotency-Key": "key-1"}
SECRET_ANSWERS = {"secret", "uri", "recovery_codes", "invitation", "key", "login_url", "token", "refresh_token"}
SECRET_FIELDS = {
    "password",
    "old_password",
    "new_password",
    "code",
    "api_secret",
    "access_token",
    "invitation",
    "token",
}
HARMLESS_TEXT = {
    *("name", "etag", "status", "by", "reason", "warnings", "effective_sell_time", "effective_sell_time_reason"),
    # Of the connection of a broker account, which has none when it was just opened.
    *("broker_user_id", "api_key", "addresses", "postback_url"),
}
OF_OTHERS = {"owner_email"}
"""Of somebody whose account may be deleted before a kept answer is."""
DOCS = Path(__file__).parents[3] / "docs" / "api.md"


def everything(world: ApiWorld) -> dict[str, Any]:
    """All that is stored and asked for, but for the trail, in which each request of the staff is written down."""
    tables = {each.name: getattr(world.database, each.name) for each in fields(world.database)}
    stored = {name: copy.deepcopy(table) for name, table in tables.items() if name not in {"turn", "audit"}}
    return {
        **stored,
        "mails": list(world.errands.asked),
        "notices": list(world.notice_errands.asked),
        "orders": world.commands(),
        "schedules": dict(world.schedules.alarms),
    }


def ask(world: ApiWorld, request: Request) -> Answer:
    path, body, token = request
    return world.call("POST", path, body, token=token, headers=KEY)


# --- which take one -----------------------------------------------------------------------------------


def test_every_post_of_the_document_takes_a_key_or_is_named_with_the_reason() -> None:
    posts = {f"POST {path}": each["post"] for path, each in openapi_document()["paths"].items() if "post" in each}
    taking = {
        door
        for door, post in posts.items()
        if "Idempotency-Key" in {one.get("name") for one in post.get("parameters", [])}
    }

    assert taking | set(UNKEYED) == set(posts)
    assert not taking & set(UNKEYED)
    assert taking == set(KEYED) == set(DEEDS)


def test_whoever_is_signed_in_has_a_key_for_everything() -> None:
    assert {route.key for route in API_ROUTES if route.key in UNKEYED} == set(UNKEYED)
    assert all(route.is_open for route in API_ROUTES if route.key in UNKEYED)


def test_the_guide_tells_what_takes_no_key_and_what_is_not_kept() -> None:
    once = DOCS.read_text(encoding="utf-8").partition("**Once.**")[2].partition("\n**")[0]
    told = dict(re.findall(r"^\| `(/[^`]+)` \| (.+) \|$", once, re.MULTILINE))

    assert told == {door.removeprefix("POST /api/v1"): why for door, why in {**UNKEYED, **NOT_KEPT}.items()}


# --- each is done once --------------------------------------------------------------------------------


@pytest.mark.parametrize("door", sorted(set(KEYED) - {"POST /api/v1/account/delete"}))
def test_a_repetition_does_nothing_and_gets_the_first_answer_or_a_way_on(world: ApiWorld, door: str) -> None:
    request = DEEDS[door](world)
    first = ask(world, request)
    assert first.status in {200, 201, 202}, first.body
    assert "Idempotency-Replayed" not in first.headers
    before = everything(world)

    again = ask(world, request)

    assert again.headers["Idempotency-Replayed"] == "true"
    assert everything(world) == before
    if door in NOT_KEPT:
        assert (again.status, again.error) == (409, "IDEMPOTENCY_ANSWER_NOT_KEPT")
        assert NOT_KEPT[door] in again.body["message"]
    else:
        assert (again.status, again.body) == (first.status, first.body)


@pytest.mark.parametrize("door", sorted(set(KEYED) - {"POST /api/v1/account/delete"}))
def test_the_same_key_is_no_key_for_another_request(world: ApiWorld, door: str) -> None:
    path, body, token = DEEDS[door](world)
    assert ask(world, (path, body, token)).status < 300
    before = everything(world)

    other = world.call(
        "POST", path, raw=json.dumps(body) + " ", token=token, headers=KEY | {"Content-Type": "application/json"}
    )

    assert (other.status, other.error) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert everything(world) == before


@pytest.mark.parametrize("door", KEYED)
def test_nothing_secret_is_kept_of_a_request_or_an_answer(world: ApiWorld, door: str) -> None:
    path, body, token = DEEDS[door](world)
    first = ask(world, (path, body, token))

    kept = list(world.database.kept_answers.values())
    hidden = [str(value) for name, value in {**body, **first.body}.items() if name in SECRET_ANSWERS | SECRET_FIELDS]
    assert bool(hidden) == (door in SECRET_BODIES or bool(SECRET_ANSWERS & set(first.body)))
    assert not [each for each in hidden for one in kept if each in repr(one)]
    fast = hash_request("POST", f"/api/v1{path}", json.dumps(body))
    assert (fast in {one.request.request_hash for one in kept}) == (door not in SECRET_BODIES)


def test_an_account_that_is_gone_answers_nobody_and_leaves_no_key(world: ApiWorld) -> None:
    request = DEEDS["POST /api/v1/account/delete"](world)
    assert ask(world, request).body == {"status": "deleted"}

    assert (ask(world, request).status, ask(world, request).error) == (401, "TOKEN_INVALID")
    assert world.database.kept_answers == {}


def test_who_is_turned_away_for_a_while_asks_again_with_the_same_key(world: ApiWorld) -> None:
    # Given too many wrong passwords, after which the right one is not looked at either
    token = world.register()
    wrong = {"old_password": "a wrong old horse", "new_password": "an even better old horse"}
    while world.call("POST", "/auth/password", wrong, token=token).status != 429:
        pass
    right = "/auth/password", {**wrong, "old_password": "good-old-horse"}, token
    away = ask(world, right)
    assert (away.status, away.error) == (429, "TOO_MANY_TRIES")

    # When it comes again under its key after the wait
    world.clock.sleep(int(away.headers["Retry-After"]))
    again = ask(world, right)

    # Then it is done
    assert (again.status, again.headers.get("Idempotency-Replayed")) == (200, None)


def test_a_wrong_code_is_refused_once_and_its_repetition_is_no_further_try(world: ApiWorld) -> None:
    token, _, _ = switch_on(world)
    wrong = "/auth/second-factor/remove", {"code": "000000"}, token
    answers = [ask(world, wrong) for _ in range(30)]

    assert {(each.status, each.error) for each in answers} == {(401, "CREDENTIALS_INVALID")}


def test_a_lost_answer_to_a_code_brings_no_notice_of_a_copied_code(world: ApiWorld) -> None:
    # Without a key the same digits again look like somebody's who has read them.
    path, body, token = DEEDS["POST /api/v1/auth/second-factor/verify"](world)
    ask(world, (path, body, token))
    ask(world, (path, body, token))
    told = [notice.kind for notice in world.database.notices]
    world.call("POST", path, body, token=token)

    assert "code_reused" not in told
    assert "code_reused" in [notice.kind for notice in world.database.notices]


def test_another_users_same_key_is_another_key(world: ApiWorld) -> None:
    answers = [
        world.call("POST", "/account/viewers", {"name": "A"}, token=world.register(email), headers=KEY)
        for email in ("one@example.com", "two@example.com")
    ]

    assert [(each.status, each.headers.get("Idempotency-Replayed")) for each in answers] == [(201, None)] * 2
    assert len(world.database.viewers) == 2


def test_a_door_that_keeps_no_keys_says_so_instead_of_doing_things_twice(world: ApiWorld) -> None:
    token = world.register()
    world.doors["strategy"] = HttpDoor(RiskRoutes(world._risk).router(), admission=world._admission)

    answer = world.call("POST", "/risk/kill", {}, token=token, headers=KEY)

    assert (answer.status, answer.error) == (500, "INTERNAL")
    assert world.database.kill_locks == {}


# --- the tables agree with the document -----------------------------------------------------------------


@pytest.mark.parametrize("door", KEYED)
def test_what_may_not_be_kept_of_an_answer_is_known_by_its_fields(door: str) -> None:
    shows = set(_texts(openapi_document(), _schema(door, "answer")))

    assert bool(shows & (SECRET_ANSWERS | OF_OTHERS)) == (door in NOT_KEPT)
    assert shows <= SECRET_ANSWERS | OF_OTHERS | HARMLESS_TEXT, "say of a new field whether its answer may be kept"


@pytest.mark.parametrize("door", KEYED)
def test_what_hides_in_a_body_is_known_by_its_fields(door: str) -> None:
    asked = set(_schema(door, "request").get("properties", {}))

    assert bool(asked & SECRET_FIELDS) == (door in SECRET_BODIES)


def _schema(door: str, part: str) -> dict[str, Any]:
    document = openapi_document()
    operation = document["paths"][door.removeprefix("POST ")]["post"]
    success = next(answer for status, answer in operation["responses"].items() if status < "300")
    where = success if part == "answer" else operation.get("requestBody", {"content": {}})
    return _resolve(document, where["content"].get("application/json", {"schema": {}})["schema"])


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema or "allOf" in schema:
        schema = (
            schema["allOf"][0]
            if "allOf" in schema
            else document["components"]["schemas"][schema["$ref"].split("/")[-1]]
        )
    return schema


def _texts(document: dict[str, Any], schema: dict[str, Any], name: str = "") -> Iterator[str]:
    """The fields that hold free text, at any depth: identifiers, instants and closed sets hide nothing."""
    schema = _resolve(document, schema)
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _texts(document, part, name)
    if "items" in schema:
        yield from _texts(document, schema["items"], name)
    for field, one in schema.get("properties", {}).items():
        yield from _texts(document, one, field)
    if schema.get("type") == "string" and not schema.keys() & {"format", "enum", "const"}:
        yield name
