"""How much one caller may ask in a minute, and that each answer says what is left."""

from __future__ import annotations

import pytest

from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.domain.roles import Role
from tests.unit.api.test_programs import Owner
from tests.unit.api.test_roles import share
from tests.unit.api.world import Answer, ApiWorld

LESSENING = [route for route in API_ROUTES if route.is_repeatable]


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld(requests_per_minute=60)


def use_up(world: ApiWorld, token: str, requests: int = 60) -> list[Answer]:
    return [world.call("GET", "/strategy", token=token) for _ in range(requests)]


def test_every_answer_says_how_many_requests_are_left(world: ApiWorld) -> None:
    token = world.register()

    first, second = use_up(world, token, 2)
    world.clock.sleep(20)
    refused = world.call("POST", "/strategy/create", {}, token=token)

    assert first.headers["RateLimit-Policy"] == '"person";q=60;w=60'
    assert first.headers["RateLimit"] == '"person";r=59;t=60'
    assert second.headers["RateLimit"] == '"person";r=58;t=60'
    assert (refused.status, refused.headers["RateLimit"]) == (400, '"person";r=57;t=40')


def test_what_is_too_much_is_refused_with_the_time_to_wait(world: ApiWorld) -> None:
    token = world.register()
    assert {answer.status for answer in use_up(world, token)} == {200}
    world.clock.sleep(12.5)
    before = world.snapshot()

    answer = world.call("POST", "/strategy/create", {}, token=token)

    assert (answer.status, answer.error) == (429, "RATE_LIMITED")
    assert answer.headers["Retry-After"] == "48"
    assert answer.headers["RateLimit"] == '"person";r=0;t=48'
    assert world.snapshot() == before
    world.clock.sleep(48)
    assert world.call("GET", "/strategy", token=token).status == 200


def test_another_caller_is_undisturbed(world: ApiWorld) -> None:
    noisy, quiet = world.register(), world.register("quiet@example.com")
    use_up(world, noisy, 61)

    assert world.call("GET", "/strategy", token=quiet).headers["RateLimit"] == '"person";r=59;t=60'


@pytest.mark.parametrize("route", LESSENING, ids=lambda route: route.key)
def test_what_lessens_risk_is_never_held_up_and_not_counted(world: ApiWorld, route: ApiRoute) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    use_up(world, token, 61)
    body = {} if route.path.endswith("kill") else {"strategy_id": strategy_id}

    answer = world.call("POST", route.path.removeprefix("/api/v1"), body, token=token)

    assert answer.status == 200, answer.body
    assert "RateLimit" not in answer.headers


def test_a_key_has_an_allowance_of_its_own(world: ApiWorld) -> None:
    owner = Owner(world)
    key = owner.key()

    refused = [world.call("GET", "/strategy", token=key) for _ in range(121)][-1]

    assert (refused.error, refused.headers["RateLimit-Policy"]) == ("RATE_LIMITED", '"key";q=120;w=60')
    assert world.call("GET", "/strategy", token=owner.token).status == 200


def test_a_viewer_spends_their_own_allowance_and_not_the_owners(world: ApiWorld) -> None:
    owner, viewer = world.register(), world.register("viewer@example.com")
    account = share(world, owner, viewer)
    for _ in range(60):
        world.call("GET", "/strategy", token=viewer, headers={"X-Account": str(account)})

    assert world.call("GET", "/strategy", token=viewer).error == "RATE_LIMITED"
    assert world.call("GET", "/strategy", token=owner).status == 200


def test_what_asks_for_no_token_is_not_counted_here(world: ApiWorld) -> None:
    answer = world.call("POST", "/auth/register", {"email": "new@example.com", "password": "good-old-horse"})

    assert "RateLimit" not in answer.headers


def test_the_staff_have_no_more_than_others(world: ApiWorld) -> None:
    token = world.clerk(Role.ADMIN)
    answers = [world.call("GET", "/admin/users", token=token) for _ in range(61)]

    assert [answer.status for answer in answers] == [200] * 60 + [429]
