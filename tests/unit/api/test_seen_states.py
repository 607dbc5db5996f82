"""Two devices of one owner: of two changes to the same limits, notices or broker account the second is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from algotrading.entrypoints.api.docs import openapi_document
from tests.unit.api.test_second_factor import switch_on
from tests.unit.api.world import Answer, ApiWorld

LIMITS = {
    "daily_loss_limit": 5000,
    "weekly_loss_limit": None,
    "position_size_limit": None,
    "symbol_exposure_limit": None,
    "orders_per_minute": None,
    "open_strategies": None,
    "square_off_on_loss": False,
}


@dataclass(frozen=True)
class Thing:
    """Something with a state: where it is read and changed, and two changes of it."""

    read: str
    path: Callable[[ApiWorld, str], str]
    changes: tuple[dict[str, Any], dict[str, Any]]
    tag: Callable[[Answer], str]
    state: Callable[[ApiWorld], Any]


def _of_header(answer: Answer) -> str:
    return answer.headers["ETag"]


THINGS = {
    "limits": Thing(
        "/risk/profile",
        lambda *_: "/risk/profile",
        (LIMITS, {**LIMITS, "daily_loss_limit": 4000}),
        _of_header,
        lambda world: dict(world.database.risk_limits),
    ),
    "notices": Thing(
        "/notifications/preferences",
        lambda *_: "/notifications/preferences",
        ({"kinds": {"bought": ["email"]}}, {"kinds": {"bought": []}}),
        _of_header,
        lambda world: dict(world.database.wishes),
    ),
    "account": Thing(
        "/broker/accounts",
        lambda world, token: f"/broker/accounts/{first_account(world, token)['account_id']}",
        ({"name": "HUF"}, {"name": "Mother"}),
        lambda answer: str(answer.body["accounts"][0]["etag"]),
        lambda world: dict(world.database.named_accounts),
    ),
}


def first_account(world: ApiWorld, token: str) -> dict[str, Any]:
    account: dict[str, Any] = world.call("GET", "/broker/accounts", token=token).body["accounts"][0]
    return account


@pytest.fixture(params=sorted(THINGS))
def thing(request: pytest.FixtureRequest) -> Thing:
    return THINGS[request.param]


def read(world: ApiWorld, token: str, thing: Thing) -> str:
    return thing.tag(world.call("GET", thing.read, token=token))


def change(world: ApiWorld, token: str, thing: Thing, number: int, seen: str | None) -> Answer:
    headers = {} if seen is None else {"If-Match": seen}
    return world.call("PUT", thing.path(world, token), thing.changes[number], token=token, headers=headers)


def test_a_change_of_what_was_seen_is_made_and_answers_the_new_state(world: ApiWorld, thing: Thing) -> None:
    token = world.register()
    before = read(world, token, thing)

    answer = change(world, token, thing, 0, before)

    assert answer.status == 200, answer.body
    assert answer.headers["ETag"] == read(world, token, thing) != before


def test_of_two_devices_that_saw_the_same_only_the_first_changes_it(world: ApiWorld, thing: Thing) -> None:
    token = world.register()
    seen = read(world, token, thing)
    assert change(world, token, thing, 0, seen).status == 200
    stored = thing.state(world)

    second = change(world, token, thing, 1, seen)

    assert (second.status, second.error) == (412, "PRECONDITION_FAILED")
    assert thing.state(world) == stored
    assert change(world, token, thing, 1, read(world, token, thing)).status == 200


@pytest.mark.parametrize("seen", [None, "*"])
def test_without_a_tag_whatever_is_there_is_changed(world: ApiWorld, thing: Thing, seen: str | None) -> None:
    token = world.register()
    change(world, token, thing, 0, None)

    assert change(world, token, thing, 1, seen).status == 200


@pytest.mark.parametrize("seen", ["W/{}", "{}, {}", '"v1"', '""'])
def test_a_tag_that_is_not_the_states_own_names_nothing(world: ApiWorld, thing: Thing, seen: str) -> None:
    token = world.register()
    present = read(world, token, thing)

    answer = change(world, token, thing, 0, seen.format(present, present))

    assert (answer.status, answer.error) == (412, "PRECONDITION_FAILED")


def test_what_is_no_tag_is_refused(world: ApiWorld, thing: Thing) -> None:
    answer = change(world, world.register(), thing, 0, "v1")

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")


def test_what_is_the_same_again_has_the_same_tag(world: ApiWorld, thing: Thing) -> None:
    token = world.register()
    first = change(world, token, thing, 0, None).headers["ETag"]
    change(world, token, thing, 1, None)

    assert change(world, token, thing, 0, None).headers["ETag"] == first


def test_a_limit_is_the_same_however_it_is_written(world: ApiWorld) -> None:
    token, thing = world.register(), THINGS["limits"]
    seen = change(world, token, thing, 0, None).headers["ETag"]

    written = world.call("PUT", thing.read, {**LIMITS, "daily_loss_limit": 5000.00}, token=token)

    assert written.headers["ETag"] == seen


def test_what_is_used_of_limits_changes_no_tag(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    before = read(world, token, THINGS["limits"])

    world.hold(strategy_id)
    world.call("POST", "/risk/kill", {}, token=token)

    assert read(world, token, THINGS["limits"]) == before


def test_a_code_that_is_owed_is_asked_for_before_the_state_is_looked_at(world: ApiWorld) -> None:
    # RFC 9110, section 13.2.1: what is refused without a condition is refused with one as well.
    token, _, _ = switch_on(world)
    change(world, token, THINGS["limits"], 0, None)
    world.clock.sleep(600)

    answer = world.call(
        "PUT", "/risk/profile", {**LIMITS, "daily_loss_limit": 9000}, token=token, headers={"If-Match": '"x"'}
    )

    assert answer.error == "FRESH_CODE_NEEDED"


def test_an_account_that_another_device_has_named_is_not_removed(world: ApiWorld) -> None:
    token = world.register()
    path = f"/broker/accounts/{world.open_account(token)}"
    seen = world.call("GET", "/broker/accounts", token=token).body["accounts"][1]["etag"]
    renamed = world.call("PUT", path, {"name": "Mother"}, token=token)

    refused = world.call("DELETE", path, token=token, headers={"If-Match": seen})

    assert (refused.status, refused.error) == (412, "PRECONDITION_FAILED")
    assert renamed.body["etag"] == renamed.headers["ETag"]
    assert world.call("DELETE", path, token=token, headers={"If-Match": renamed.body["etag"]}).status == 200


def test_a_name_that_is_taken_is_told_before_the_state_is(world: ApiWorld) -> None:
    token = world.register()
    world.open_account(token, "HUF")

    assert change(world, token, THINGS["account"], 0, '"x"').error == "CONFLICT"


def test_whoever_changes_nothing_is_told_too_that_it_is_not_as_it_was_seen(world: ApiWorld) -> None:
    token, thing = world.register(), THINGS["account"]
    change(world, token, thing, 0, None)

    assert change(world, token, thing, 0, '"x"').error == "PRECONDITION_FAILED"


def test_every_put_of_a_state_that_can_be_read_takes_a_tag() -> None:
    conditional = {
        f"{method.upper()} {path}"
        for path, operations in openapi_document()["paths"].items()
        for method, operation in operations.items()
        if "If-Match" in {one.get("name") for one in operation.get("parameters", [])}
    }
    puts = {f"PUT {path}" for path, operations in openapi_document()["paths"].items() if "put" in operations}

    assert puts - conditional == {
        # Channels: a new address and its new secret, code or token; nothing of the former one is taken over.
        "PUT /api/v1/notifications/webhook",
        "PUT /api/v1/notifications/telegram",
        "PUT /api/v1/notifications/sms",
        "PUT /api/v1/notifications/push/{id}",
    }
    assert conditional - puts == {"DELETE /api/v1/strategy/{id}", "DELETE /api/v1/broker/accounts/{id}"}
