"""The role matrix, door by door: who may do what, as whom."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.contracts.api_access import ACCESS
from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.domain.accounts import first_account_of
from algotrading.domain.audit import DEPLOYMENT, AuditKind
from algotrading.domain.roles import STAFF, Role
from algotrading.entrypoints.http import HttpDoor
from tests.http_events import http_event
from tests.unit.api.test_hostile_bodies import WITH_BODY, good_body
from tests.unit.api.world import Answer, ApiWorld

GUARDED = [route for route in API_ROUTES if not route.is_open]
QUERIES = {"GET /api/v1/instruments": {"query": "TCS"}}
REFUSED = {"ACCESS_DENIED", "SECOND_FACTOR_REQUIRED"}


def key_of(route: ApiRoute) -> str:
    return route.key


def ask(world: ApiWorld, route: ApiRoute, token: str, thing: str, account: UUID | None = None) -> Answer:
    """The route with a body that would be accepted, of the account that a header names. `thing` is a strategy's id; a
    route of broker accounts is asked for the first account of the strategy's owner."""
    named = thing
    if route.path.startswith("/api/v1/broker/accounts/"):
        named = str(first_account_of(world.database.strategies[UUID(thing)].user_id))
    return world.call(
        route.method,
        route.path.removeprefix("/api/v1").replace("{id}", named),
        good_body(route, thing) if route in WITH_BODY else None,
        token=token,
        headers={} if account is None else {"X-Account": str(account)},
        query=QUERIES.get(route.key),
    )


def is_let_in(answer: Answer) -> bool:
    """Whether the door opened, whatever became of the request after."""
    return answer.status not in {401, 403} or answer.error not in REFUSED | {"TOKEN_INVALID", "ACCOUNT_LOCKED"}


def share(world: ApiWorld, owner: str, viewer: str) -> UUID:
    """Let one read the other's account, whose id is answered."""
    token = world.call("POST", "/account/viewers", {"name": "accountant"}, token=owner).body["invitation"]
    answer = world.call("POST", "/account/shared/accept", {"invitation": token}, token=viewer)
    assert answer.status == 200, answer.body
    return UUID(answer.body["account_id"])


@pytest.fixture
def shared(world: ApiWorld) -> tuple[str, str, UUID, str]:
    """A viewer, the owner of the account that they read, the account, and a strategy of it."""
    owner, viewer = world.register(), world.register("viewer@example.com")
    return viewer, owner, share(world, owner, viewer), world.create(owner)


# --- the table --------------------------------------------------------------------------------------


def test_every_route_has_its_row_and_no_row_is_without_a_route() -> None:
    assert set(ACCESS) == {route.key for route in GUARDED}


def test_a_viewer_only_reads() -> None:
    assert {key.split()[0] for key, access in ACCESS.items() if Role.VIEWER in access.roles} == {"GET"}


def test_a_viewer_is_shown_nothing_that_its_owner_is_not() -> None:
    assert all(Role.TRADER in access.roles for access in ACCESS.values() if Role.VIEWER in access.roles)


def test_support_does_nothing_that_an_administrator_may_not_and_only_looks() -> None:
    of_support = {key: access.roles for key, access in ACCESS.items() if Role.SUPPORT in access.roles}

    assert all(roles == STAFF for roles in of_support.values())
    assert all(key.startswith("GET ") for key in of_support)


def test_what_is_a_traders_is_no_business_of_staff() -> None:
    assert not [key for key, access in ACCESS.items() if Role.TRADER in access.roles and access.roles & STAFF]


def test_what_has_no_row_is_nobodys(world: ApiWorld) -> None:
    # A route that somebody adds to a function and to nothing else.
    event = http_event("POST", "/api/v1/account/forgotten")
    event["requestContext"]["authorizer"] = {"lambda": {"user_id": str(world.user_of(world.register()))}}

    answer = world.doors["auth"].resolve(event, None)

    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (403, "ACCESS_DENIED")


def test_a_door_that_was_given_nobody_to_ask_lets_nobody_in(world: ApiWorld) -> None:
    event = http_event("GET", "/api/v1/account")
    event["requestContext"]["authorizer"] = {"lambda": {"user_id": str(world.user_of(world.register()))}}

    answer = HttpDoor().resolve(event, None)

    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (403, "ACCESS_DENIED")


# --- door by door -----------------------------------------------------------------------------------


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_a_trader_is_let_in_where_the_table_says(world: ApiWorld, route: ApiRoute) -> None:
    token = world.register()
    world.give_second_factor(world.user_of(token))
    thing, before = world.create(token), world.snapshot()

    answer = ask(world, route, token, thing)

    assert is_let_in(answer) == (Role.TRADER in ACCESS[route.key].roles), answer.body
    if not is_let_in(answer):
        assert (answer.error, world.snapshot()) == ("ACCESS_DENIED", before)


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_a_viewer_is_let_in_where_the_table_says_and_changes_nothing(
    world: ApiWorld, shared: tuple[str, str, UUID, str], route: ApiRoute
) -> None:
    viewer, owner, account, strategy_id = shared
    before, own = world.snapshot(), ask(world, route, owner, strategy_id) if route.method == "GET" else None

    answer = ask(world, route, viewer, strategy_id, account)

    if Role.VIEWER in ACCESS[route.key].roles:
        assert own is not None
        assert (answer.status, answer.body) == (200, as_viewers_see(route, own.body))
    else:
        assert (answer.status, answer.error) == (403, "ACCESS_DENIED")
    assert world.snapshot() == before


def as_viewers_see(route: ApiRoute, body: dict[str, Any]) -> dict[str, Any]:
    """The owner's own answer, without who gets into the account: here the notice of the viewer who joined."""
    return {**body, "notices": [], "unread": 0} if route.key == "GET /api/v1/notifications" else body


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_a_stranger_who_names_an_account_is_told_nothing_of_it(
    world: ApiWorld, shared: tuple[str, str, UUID, str], route: ApiRoute
) -> None:
    _, _, account, strategy_id = shared
    stranger = world.register("stranger@example.com")
    before = world.snapshot()

    answer = ask(world, route, stranger, strategy_id, account)
    nobodys = ask(world, route, stranger, strategy_id, uuid4())

    assert (answer.status, answer.error) == (403, "ACCESS_DENIED")
    assert (answer.status, answer.body) == (nobodys.status, nobodys.body)
    assert world.snapshot() == before


@pytest.mark.parametrize("role", sorted(STAFF))
@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_staff_are_let_in_where_the_table_says(world: ApiWorld, route: ApiRoute, role: Role) -> None:
    own = world.register()
    thing = world.create(own)

    answer = ask(world, route, world.employed(own, role), thing)

    # Staff have an account of their own, like everybody.
    assert is_let_in(answer) == bool({Role.TRADER, role} & ACCESS[route.key].roles), answer.body


@pytest.mark.parametrize("role", sorted(STAFF))
@pytest.mark.parametrize("route", [route for route in GUARDED if Role.VIEWER in ACCESS[route.key].roles], ids=key_of)
def test_staff_read_nobodys_strategies(world: ApiWorld, route: ApiRoute, role: Role) -> None:
    trader, clerk = world.register(), world.register("clerk@example.com")
    thing = world.create(trader)

    answer = ask(world, route, world.employed(clerk, role), thing, world.user_of(trader))

    assert (answer.status, answer.error) == (403, "ACCESS_DENIED")


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_a_locked_account_is_closed_at_every_door(world: ApiWorld, route: ApiRoute) -> None:
    token = world.register()
    thing = world.create(token)
    world.database.locked[world.user_of(token)] = "a stranger had the password"
    before = world.snapshot()

    answer = ask(world, route, token, thing)

    assert (answer.status, answer.error) == (403, "ACCOUNT_LOCKED")
    assert "stranger" not in json.dumps(answer.body), "why is told by support"
    assert world.snapshot() == before


# --- locks, and who looked --------------------------------------------------------------------------


def test_a_locked_account_is_not_logged_in_to_and_a_guess_does_not_learn_that(world: ApiWorld) -> None:
    token = world.register()
    world.database.locked[world.user_of(token)] = "asked for"
    right: dict[str, Any] = {"email": "trader@example.com", "password": "good-old-horse"}

    assert world.call("POST", "/auth/login", {**right, "password": "bad-horse"}).error == "CREDENTIALS_INVALID"
    answer = world.call("POST", "/auth/login", right)

    assert (answer.status, answer.error) == (403, "ACCOUNT_LOCKED")


def test_a_locked_account_is_not_read_by_its_viewers_either(
    world: ApiWorld, shared: tuple[str, str, UUID, str]
) -> None:
    viewer, _, account, _ = shared
    world.database.locked[account] = "asked for"

    answer = world.call("GET", "/strategy", token=viewer, headers={"X-Account": str(account)})

    assert (answer.status, answer.error) == (403, "ACCESS_DENIED")


def test_each_look_at_anothers_account_is_written_down_there(
    world: ApiWorld, shared: tuple[str, str, UUID, str]
) -> None:
    viewer, owner, account, _ = shared

    world.call("GET", "/risk/profile", token=viewer, headers={"X-Account": str(account)})
    world.call("GET", "/risk/profile", token=viewer)
    world.call("GET", "/risk/profile", token=owner)

    looks = [(entry.user_id, entry.data) for entry in world.database.audit if entry.kind is AuditKind.ACCOUNT_READ]
    who = world.user_of(viewer)
    assert looks == [(account, {"by": who, "role": Role.VIEWER, "door": "GET /api/v1/risk/profile"})]


def test_whoever_names_their_own_account_is_its_owner(world: ApiWorld) -> None:
    token = world.register()
    named = {"X-Account": str(world.user_of(token))}

    assert world.call("POST", "/risk/kill", {}, token=token, headers=named).status == 200


@pytest.mark.parametrize("named", ["", "me", "7f1f3c1e7b8a4a529c3b0a1b2c3d4e5f", "*"])
def test_what_is_no_account_is_named_as_wrong(world: ApiWorld, named: str) -> None:
    answer = world.call("GET", "/strategy", token=world.register(), headers={"X-Account": named})

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")


def test_a_user_who_never_was_is_not_let_in(world: ApiWorld) -> None:
    answer = world.call("GET", "/strategy", token=world.token_for(uuid4()))

    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")


def test_nobody_is_in_the_deployments_trail_who_did_not_come_as_staff(world: ApiWorld) -> None:
    world.call("GET", "/strategy", token=world.register())

    assert not [entry for entry in world.database.audit if entry.user_id == DEPLOYMENT]
