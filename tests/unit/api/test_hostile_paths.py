"""Other users' ids, unknown paths and wrong methods: right status, right code, nothing changed."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.adapters.postgres.database import TransactionFailed
from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.domain.accounts import first_account_of
from algotrading.domain.roles import Role
from tests.unit.api.test_hostile_bodies import GOOD_BODIES
from tests.unit.api.world import PLAN, ApiWorld

WITH_ID = [route for route in API_ROUTES if "{id}" in route.path]
BODIES = {
    "/api/v1/strategy/{id}": PLAN,
    **{
        path: body
        for path, body in GOOD_BODIES.items()
        if "/admin/" in path or "/push/" in path or "/accounts/" in path
    },
}


def name_of(route: ApiRoute) -> str:
    """A readable test id."""
    return f"{route.method} {route.path.removeprefix('/api/v1')}"


def path_of(route: ApiRoute, strategy_id: str) -> str:
    """The route's path for one strategy."""
    return route.path.removeprefix("/api/v1").replace("{id}", strategy_id)


@pytest.fixture
def trader(world: ApiWorld) -> tuple[str, str]:
    """A trader with a strategy: token and strategy id."""
    token = world.register()
    return token, world.create(token)


@pytest.mark.parametrize("route", WITH_ID, ids=name_of)
@pytest.mark.parametrize("other", ["another-users", "nobodys", "no-uuid", "traversal", "nul"])
def test_another_users_strategy_does_not_exist(
    world: ApiWorld, trader: tuple[str, str], route: ApiRoute, other: str
) -> None:
    # Given somebody else's strategy, and ids that name nothing; neither is a user's
    _, theirs = trader
    token = world.clerk(Role.ADMIN, "me@example.com")
    before = world.snapshot()
    strategy_id = {
        "another-users": theirs,
        "nobodys": str(uuid4()),
        "no-uuid": "12345",
        "traversal": "..%2f..%2f",
        "nul": "\x00",
    }[other]
    if route.path.startswith("/api/v1/broker/accounts/") and other == "another-users":
        strategy_id = str(first_account_of(world.database.strategies[UUID(theirs)].user_id))
    body = BODIES.get(route.path)

    # When I ask for it
    answer = world.call(route.method, path_of(route, strategy_id), body, token=token)

    # Then there is no such thing; a deed of the staff asks for a code before it looks
    is_deed = route.function == "admin" and route.method == "POST" and other in {"another-users", "nobodys"}
    assert answer.error == ("CREDENTIALS_INVALID" if is_deed else "NOT_FOUND")
    assert answer.status == (401 if is_deed else 404)
    assert world.snapshot() == before


@pytest.mark.parametrize("command", ["start", "stop"])
def test_another_users_strategy_takes_no_commands(world: ApiWorld, trader: tuple[str, str], command: str) -> None:
    _, theirs = trader
    token = world.register("me@example.com")
    world.connect(token)
    before = world.snapshot()

    answer = world.call("POST", f"/strategy/{command}", {"strategy_id": theirs}, token=token)

    assert (answer.status, answer.error) == (404, "NOT_FOUND")
    assert world.snapshot() == before


@pytest.mark.parametrize("path", ["/", "/nothing", "/strategy/a/b/c", "/auth", "/auth/register/"])
def test_an_unknown_path_is_not_found(world: ApiWorld, path: str) -> None:
    answer = world.call("GET", path)

    assert (answer.status, answer.error, answer.body["details"]) == (404, "NOT_FOUND", [])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/auth/register", "POST"),
        ("DELETE", "/auth/login", "POST"),
        ("POST", "/account", "GET"),
        ("PATCH", "/broker", "DELETE, GET"),
        ("GET", "/strategy/create", "POST"),
        ("PUT", "/instruments", "GET"),
    ],
)
def test_a_wrong_method_is_told_which_are_right(world: ApiWorld, method: str, path: str, allowed: str) -> None:
    token = world.register()

    answer = world.call(method, path, token=token)

    assert (answer.status, answer.error) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("query", ["", "x" * 61, "nul\x00character"])
def test_an_instrument_search_needs_a_short_text(world: ApiWorld, query: str) -> None:
    token = world.register()

    answer = world.call("GET", "/instruments", token=token, query={"query": query})

    assert (answer.status, answer.error, answer.fields) == (400, "REQUEST_INVALID", ["query"])


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [(RuntimeError, 500, "INTERNAL"), (TransactionFailed, 503, "DATABASE_UNAVAILABLE")],
)
def test_a_fault_of_our_own_is_told_without_its_words(
    world: ApiWorld,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[Exception],
    status: int,
    code: str,
) -> None:
    # Given a fault deep inside
    def break_(*_: Any) -> None:
        raise fault("password=hunter2 at db.internal:5432")

    token = world.register()
    monkeypatch.setattr(world.ledger, "latest", break_)
    strategy_id = world.create(token)

    # When a request meets it
    answer = world.status(token, strategy_id)

    # Then the client learns the request's id, and the log everything else
    assert (answer.status, answer.error, answer.body["details"]) == (status, code, [])
    assert "request-1" in answer.body["message"]
    assert "hunter2" not in str(answer.body)
    assert "hunter2" in caplog.text
    assert "request-1" in caplog.text


def test_an_event_that_is_no_http_request_is_answered_all_the_same(world: ApiWorld) -> None:
    # What has no route of the table is nobody's to use, whatever else is in it.
    nothing = world.doors["auth"].resolve({}, None)
    unknown = world.doors["auth"].resolve({"routeKey": "$default", "body": {"not": "text"}}, None)

    assert (nothing["statusCode"], json.loads(nothing["body"])["error"]) == (401, "TOKEN_INVALID")
    assert (unknown["statusCode"], json.loads(unknown["body"])["error"]) == (400, "REQUEST_INVALID")
