"""Every endpoint survives a hostile body: right status, right code, nothing changed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.domain.roles import Role
from tests.unit.api.world import PLAN, ApiWorld

GOOD_BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/auth/register": {"email": "new@example.com", "password": "good-old-horse"},
    "/api/v1/auth/register/confirm": {"token": f"{'0' * 32}.{'x' * 43}", "password": "good-old-horse"},
    "/api/v1/auth/login": {"email": "trader@example.com", "password": "good-old-horse"},
    "/api/v1/auth/refresh": {"refresh_token": f"{'0' * 32}.{'x' * 43}"},
    "/api/v1/auth/logout": {"refresh_token": f"{'0' * 32}.{'x' * 43}"},
    "/api/v1/account/delete": {"password": "wrong-horse"},
    "/api/v1/account/keys": {"name": "My spreadsheet", "scopes": ["read"], "code": "123456"},
    "/api/v1/account/viewers": {"name": "My accountant"},
    "/api/v1/account/shared/accept": {"invitation": f"{'0' * 32}.{'x' * 43}"},
    "/api/v1/auth/password": {"old_password": "wrong-horse", "new_password": "better-horse"},
    "/api/v1/auth/password/forgot": {"email": "trader@example.com"},
    "/api/v1/auth/password/reset": {"token": f"{'0' * 32}.{'x' * 43}", "password": "better-horse"},
    "/api/v1/auth/email/verify": {"token": f"{'0' * 32}.{'x' * 43}", "password": "good-old-horse"},
    "/api/v1/auth/email/resend": {},
    "/api/v1/auth/second-factor": {"password": "good-old-horse"},
    "/api/v1/auth/second-factor/confirm": {"code": "123456"},
    "/api/v1/auth/second-factor/remove": {"code": "123456"},
    "/api/v1/auth/second-factor/verify": {"code": "123456"},
    "/api/v1/broker/connect": {"api_key": "key00001", "api_secret": "secret00001", "access_token": "token00002"},
    "/api/v1/broker/accounts": {"name": "HUF"},
    "/api/v1/broker/accounts/{id}": {"name": "My own"},
    "/api/v1/broker/postback/{account}": {
        "order_id": "2611200000012345678",
        "order_timestamp": "2026-11-20 09:30:01",
        "checksum": "0" * 64,
        "status": "COMPLETE",
        "exchange": "NSE",
        "tradingsymbol": "TCS",
    },
    "/api/v1/strategy/create": PLAN,
    "/api/v1/strategy/start": {"strategy_id": "ID"},
    "/api/v1/strategy/stop": {"strategy_id": "ID"},
    "/api/v1/strategy/square-off": {"strategy_id": "ID"},
    "/api/v1/strategy/{id}": PLAN,
    "/api/v1/notifications/read": {"notice_ids": [1]},
    "/api/v1/notifications/preferences": {"kinds": {"bought": ["email"]}},
    "/api/v1/notifications/webhook": {"url": "https://hooks.example.com/trades"},
    "/api/v1/notifications/telegram": {"chat_id": "123456789"},
    "/api/v1/notifications/telegram/confirm": {"code": "9f86d081884c7d65"},
    "/api/v1/notifications/sms": {"number": "+919876543210"},
    "/api/v1/notifications/sms/confirm": {"code": "204671"},
    "/api/v1/admin/users/{id}/lock": {"reason": "a phone was stolen", "code": "123456"},
    "/api/v1/admin/users/{id}/unlock": {"code": "123456"},
    "/api/v1/admin/users/{id}/roles": {"role": "support", "code": "123456"},
    "/api/v1/admin/users/{id}/roles/withdraw": {"role": "support", "code": "123456"},
    "/api/v1/admin/kill": {"reason": "exchange trouble", "code": "123456"},
    "/api/v1/admin/release": {"code": "123456"},
    "/api/v1/notifications/push/{id}": {"token": "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"},
    "/api/v1/risk/profile": {"daily_loss_limit": 5000},
    "/api/v1/risk/kill": {"reason": "enough"},
    "/api/v1/risk/release": {},
}
NEED_NO_BODY = {
    "/api/v1/notifications/read",
    "/api/v1/auth/email/resend",
    "/api/v1/risk/kill",
    "/api/v1/risk/release",
}
WITH_BODY = [route for route in API_ROUTES if route.method in {"POST", "PUT"}]
ACCOUNT = "6f1e9a52-3f6e-4c27-9f0b-7d2a1c6f5b11"
"""Nobody's."""
NUL, SURROGATE = "nul\x00character", "lone\ud800surrogate"


def name_of(route: ApiRoute) -> str:
    """A readable test id."""
    return f"{route.method} {route.path.removeprefix('/api/v1')}"


@pytest.fixture
def trader(world: ApiWorld) -> tuple[str, str]:
    """A trader with a strategy, who is an administrator, too: token and strategy id."""
    token = world.clerk(Role.ADMIN)
    return token, world.create(token)


def path_of(route: ApiRoute, strategy_id: str) -> str:
    """A path of the trader's own."""
    return route.path.removeprefix("/api/v1").replace("{id}", strategy_id).replace("{account}", ACCOUNT)


def good_body(route: ApiRoute, strategy_id: str) -> dict[str, Any]:
    """A body that would be accepted."""
    body = GOOD_BODIES[route.path]
    return {**body, "strategy_id": strategy_id} if "strategy_id" in body else dict(body)


@pytest.mark.parametrize(
    "raw",
    [
        "{",
        "nonsense",
        '{"symbol": }',
        "[" * 5000,
        '{"a":' * 3000 + "1" + "}" * 3000,
        '{"a": ' + "[" * 900 + "]" * 900 + "}",
        '{"a": ' + "[" * 16_000 + "]" * 16_000 + "}",
        '{"symbol": ' + "[" * 8 + "]" * 8 + "}",
        '{"symbol": "TCS", "symbol": "INFY"}',
        "9" * 5000,
        '{"quantity": ' + "9" * 5000 + "}",
        "[]",
        '[{"symbol": "TCS"}]',
        "null",
        "true",
        '"text"',
        "12",
        "   ",
        "\ufeff{}",
        "{" + SURROGATE + "}",
        '{"half\\ud800": 1}',
    ],
    ids=[
        "cut-off",
        "no-json",
        "no-value",
        "deep-list",
        "deep-object",
        "deep-field",
        "deepest-field",
        "just-too-deep-field",
        "name-twice",
        "huge-number",
        "huge-number-in-field",
        "list",
        "list-of-one-object",
        "null",
        "boolean",
        "string",
        "number",
        "blank",
        "byte-order-mark",
        "surrogate",
        "surrogate-in-a-name",
    ],
)
@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
def test_what_is_no_json_object_is_refused(world: ApiWorld, trader: tuple[str, str], route: ApiRoute, raw: str) -> None:
    token, strategy_id = trader
    before = world.snapshot()

    answer = world.call(route.method, path_of(route, strategy_id), raw=raw, token=token)

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")
    assert set(answer.body) == {"error", "message", "details"}
    assert world.snapshot() == before


@pytest.mark.parametrize("route", [r for r in WITH_BODY if r.path not in NEED_NO_BODY], ids=name_of)
def test_a_missing_body_is_refused(world: ApiWorld, trader: tuple[str, str], route: ApiRoute) -> None:
    token, strategy_id = trader
    before = world.snapshot()

    answer = world.call(route.method, path_of(route, strategy_id), raw="", token=token)

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")
    assert world.snapshot() == before


HOSTILE_VALUES = [None, True, 5, 1.5, [], {}, ["x"], {"x": 1}, NUL, SURROGATE, "x" * 5000]
GOOD_AFTER_ALL = {
    ("stop_loss", "5"),
    ("stop_loss", "1.5"),
    ("quantity", "5"),
    ("access_token", "None"),
    ("daily_loss_limit", "5"),
    ("daily_loss_limit", "1.5"),
    ("daily_loss_limit", "None"),
    ("reason", "None"),
    ("notice_ids", "None"),
    ("kinds", "{}"),
}
WRONG_KINDS = [
    pytest.param(route, field, value, id=f"{name_of(route)} {field}={str(value)[:12]!r}")
    for route in WITH_BODY
    for field in GOOD_BODIES[route.path]
    for value in HOSTILE_VALUES
    if (field, repr(value)) not in GOOD_AFTER_ALL
]


@pytest.mark.parametrize(("route", "field", "hostile"), WRONG_KINDS)
def test_a_field_of_the_wrong_kind_is_named(
    world: ApiWorld, trader: tuple[str, str], route: ApiRoute, field: str, hostile: Any
) -> None:
    token, strategy_id = trader
    before = world.snapshot()

    answer = world.call(
        route.method, path_of(route, strategy_id), {**good_body(route, strategy_id), field: hostile}, token=token
    )

    # Of a list or an object the place inside is named, too.
    assert (answer.status, {name.partition(".")[0] for name in answer.fields}) == (400, {field})
    assert world.snapshot() == before


@pytest.mark.parametrize("route", [route for route in WITH_BODY if not route.is_from_broker], ids=name_of)
def test_unknown_fields_are_named(world: ApiWorld, trader: tuple[str, str], route: ApiRoute) -> None:
    token, strategy_id = trader
    before = world.snapshot()

    answer = world.call(
        route.method,
        path_of(route, strategy_id),
        {**good_body(route, strategy_id), "is_admin": True, "\x00": 1, "y" * 9000: 1},
        token=token,
    )

    assert answer.status == 400
    assert "is_admin" in answer.fields
    assert world.snapshot() == before


OPTIONAL = {"access_token", "daily_loss_limit", "notice_ids"}


def needed_fields(route: ApiRoute) -> set[str]:
    """Fields without which a request is refused. A kill of one's own needs no reason."""
    left_out = {"reason"} if route.path == "/api/v1/risk/kill" else set()
    return set(GOOD_BODIES[route.path]) - OPTIONAL - left_out


WITH_NEEDED_FIELDS = [route for route in WITH_BODY if needed_fields(route)]


@pytest.mark.parametrize("route", WITH_NEEDED_FIELDS, ids=name_of)
def test_every_missing_field_is_named(world: ApiWorld, trader: tuple[str, str], route: ApiRoute) -> None:
    token, strategy_id = trader
    before = world.snapshot()

    answer = world.call(route.method, path_of(route, strategy_id), {}, token=token)

    assert answer.status == 400
    assert set(answer.fields) == needed_fields(route)
    assert world.snapshot() == before


@pytest.mark.parametrize("base64_encoded", [False, True])
@pytest.mark.parametrize("route", API_ROUTES, ids=name_of)
def test_a_huge_body_is_refused_unread(
    world: ApiWorld, trader: tuple[str, str], route: ApiRoute, base64_encoded: bool
) -> None:
    token, strategy_id = trader
    before = world.snapshot()
    huge = json.dumps({"symbol": "x" * 40_000})
    raw = {False: huge, True: base64.b64encode(huge.encode()).decode()}[base64_encoded]

    answer = world.call(route.method, path_of(route, strategy_id), raw=raw, token=token, base64_encoded=base64_encoded)

    assert (answer.status, answer.error) == (413, "PAYLOAD_TOO_LARGE")
    assert world.snapshot() == before


@pytest.mark.parametrize("raw", ["***", base64.b64encode(b"\xff\xfe{}").decode()], ids=["no-base64", "no-utf8"])
@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
def test_an_encoded_body_that_is_no_text_is_refused(
    world: ApiWorld, trader: tuple[str, str], route: ApiRoute, raw: str
) -> None:
    token, strategy_id = trader

    answer = world.call(route.method, path_of(route, strategy_id), raw=raw, token=token, base64_encoded=True)

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")


def test_a_body_in_base64_is_read(world: ApiWorld) -> None:
    raw = base64.b64encode(b'{"email": "user@gmail.com", "password": "good-old-horse"}').decode()

    answer = world.call("POST", "/auth/register", raw=raw, base64_encoded=True)

    assert answer.status == 202


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", " application/json ;"])
def test_json_may_be_declared_in_any_case(world: ApiWorld, content_type: str) -> None:
    answer = world.call(
        "POST",
        "/auth/register",
        {"email": "user@gmail.com", "password": "good-old-horse"},
        headers={"Content-Type": content_type},
    )

    assert answer.status == 202


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "text/xml", ""])
def test_other_kinds_of_body_are_refused_by_name(world: ApiWorld, content_type: str) -> None:
    answer = world.call("POST", "/auth/register", raw="email=user@gmail.com", headers={"Content-Type": content_type})

    assert (answer.status, answer.error) == (415, "CONTENT_TYPE_UNSUPPORTED")
    assert (content_type or "undeclared") in answer.body["message"]


def test_what_has_no_body_need_not_say_what_it_would_be(world: ApiWorld) -> None:
    token = world.register()

    answer = world.call("POST", "/risk/release", token=token, headers={"Content-Type": "text/plain"})

    assert answer.status == 200
