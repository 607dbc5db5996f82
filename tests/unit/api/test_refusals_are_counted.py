"""What an attack brings is counted, and nothing else is."""

from __future__ import annotations

from algotrading.domain.metrics import CALLERS_HELD_UP, CREDENTIALS_REFUSED, TRIES_HELD_UP
from tests.unit.api.test_second_factor import PATH, PERSON, log_in, switch_on
from tests.unit.api.world import ApiWorld

ALL = (CREDENTIALS_REFUSED, TRIES_HELD_UP, CALLERS_HELD_UP)


def counted(world: ApiWorld) -> tuple[int, ...]:
    return tuple(world.meter.counts.get(name, 0) for name in ALL)


def test_wrong_passwords_are_counted_and_so_are_tries_that_were_not_looked_at(world: ApiWorld) -> None:
    world.register()

    for _ in range(7):
        world.call("POST", "/auth/login", {**PERSON, "password": "a wrong one"})

    assert counted(world) == (5, 2, 0)


def test_wrong_codes_are_counted_and_the_question_for_one_is_not(world: ApiWorld) -> None:
    token, _, _ = switch_on(world)
    assert log_in(world).error == "SECOND_FACTOR_NEEDED"
    assert counted(world) == (0, 0, 0)

    log_in(world, code="000000")
    world.call("POST", f"{PATH}/verify", {"code": "000000"}, token=token)

    assert counted(world) == (2, 0, 0)


def test_requests_beyond_a_callers_allowance_are_counted(world: ApiWorld) -> None:
    world.requests_per_minute = 3
    token = world.register()

    for _ in range(5):
        world.call("GET", "/account", token=token)

    assert counted(world) == (0, 0, 2)


def test_what_is_no_sign_of_an_attack_is_not_counted(world: ApiWorld) -> None:
    token = world.register()
    for answer in (
        world.call("GET", "/account", token="no token"),
        world.call("GET", "/nowhere", token=token),
        world.call("POST", "/strategy/create", {}, token=token),
        world.call("POST", "/admin/kill", {}, token=token),
    ):
        assert answer.status >= 400

    assert counted(world) == (0, 0, 0)
