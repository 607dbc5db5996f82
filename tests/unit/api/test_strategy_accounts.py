"""Which broker account a strategy trades in: the default one of its first moment, or the one that its owner names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.domain.accounts import ConnectionStatus
from algotrading.domain.cycle import CycleState
from tests.fakes.accounts import MemoryBrokerAccounts
from tests.unit.api.test_broker_accounts import change, first_of, remove
from tests.unit.api.world import PLAN, Answer, ApiWorld


@pytest.fixture
def trader(world: ApiWorld) -> str:
    """A trader with two accounts, both connected; the token."""
    token = world.register()
    world.connect(token)
    world.connect(token, world.open_account(token))
    return token


def second_of(world: ApiWorld, token: str) -> str:
    (second,) = (key for key, each in world.database.named_accounts.items() if each.name == "HUF")
    return str(second)


def put(world: ApiWorld, token: str, strategy_id: str, **changes: Any) -> Answer:
    return world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, **changes}, token=token)


def account_of(world: ApiWorld, token: str, strategy_id: str) -> str:
    """The account, as every answer shows it."""
    shown = {
        world.call("GET", f"/strategy/{strategy_id}", token=token).body["account_id"],
        world.status(token, strategy_id).body["account_id"],
        *(
            each["account_id"]
            for each in world.call("GET", "/strategy", token=token).body["strategies"]
            if each["strategy_id"] == strategy_id
        ),
    }
    (account_id,) = shown
    assert world.database.strategies[UUID(strategy_id)].account_id == UUID(account_id)
    return str(account_id)


def log_out(world: ApiWorld, account_id: str) -> None:
    key, stored = UUID(account_id), world.database.broker_accounts
    stored[key] = replace(stored[key], access_token=None, status=ConnectionStatus.LOGIN_REQUIRED, token_at=None)


def test_a_strategy_is_put_into_the_default_account_of_its_moment(world: ApiWorld, trader: str) -> None:
    second = second_of(world, trader)
    before = world.create(trader)
    change(world, trader, second, is_default=True)
    after = world.create(trader)

    assert account_of(world, trader, before) == first_of(world, trader)
    assert account_of(world, trader, after) == second


def test_a_strategy_is_put_into_the_account_that_is_named(world: ApiWorld, trader: str) -> None:
    second = second_of(world, trader)

    answer = world.call("POST", "/strategy/create", {**PLAN, "account_id": second}, token=trader)

    assert (answer.status, answer.body["account_id"]) == (201, second)
    assert account_of(world, trader, answer.body["strategy_id"]) == second


@pytest.mark.parametrize("which", ["nobodys", "another-users", "removed"])
def test_an_account_that_is_not_the_owners_is_named_among_every_other_problem(
    world: ApiWorld, trader: str, which: str
) -> None:
    strategy_id = world.create(trader)
    if which == "another-users":
        account_id = world.open_account(world.register("other@example.com"))
    else:
        account_id = str(uuid4()) if which == "nobodys" else world.open_account(trader, "gone")
        remove(world, trader, account_id)
    before = world.snapshot()

    wrong = {"account_id": account_id, "quantity": 0}
    answers = [
        world.call("POST", "/strategy/create", {**PLAN, **wrong}, token=trader),
        put(world, trader, strategy_id, **wrong),
        put(world, trader, strategy_id, account_id=account_id),
    ]

    assert [(each.status, each.error) for each in answers] == [(400, "STRATEGY_INVALID")] * 3
    assert [set(each.fields) for each in answers] == [{"account_id", "quantity"}] * 2 + [{"account_id"}]
    assert world.snapshot() == before


@pytest.mark.parametrize("value", ["mine", 5, [], True])
def test_what_is_no_account_id_is_named(world: ApiWorld, trader: str, value: object) -> None:
    answer = world.call("POST", "/strategy/create", {**PLAN, "account_id": value, "quantity": 0}, token=trader)

    assert (answer.status, answer.error) == (400, "STRATEGY_INVALID")
    assert set(answer.fields) == {"account_id", "quantity"}


def test_a_strategy_is_moved_and_stays_where_no_account_is_named(world: ApiWorld, trader: str) -> None:
    strategy_id, second = world.create(trader), second_of(world, trader)

    moved = put(world, trader, strategy_id, account_id=second)
    stayed = put(world, trader, strategy_id, quantity=20)

    assert [(each.status, each.body["account_id"]) for each in (moved, stayed)] == [(200, second)] * 2
    assert account_of(world, trader, strategy_id) == second


@pytest.mark.parametrize("state", [CycleState.ENTERING, CycleState.LONG, CycleState.EXITING])
def test_a_strategy_is_not_moved_while_its_cycle_is_not_settled(
    world: ApiWorld, trader: str, state: CycleState
) -> None:
    strategy_id, second = world.create(trader), second_of(world, trader)
    world.hold(strategy_id, state)
    before = world.snapshot()

    answer = put(world, trader, strategy_id, account_id=second)

    assert (answer.status, answer.error, answer.fields) == (409, "CONFLICT", ["account_id"])
    assert world.snapshot() == before
    # Naming the account where it is, is no move.
    assert put(world, trader, strategy_id, account_id=first_of(world, trader)).status == 200


def test_a_running_strategy_is_moved_only_to_where_it_could_be_started(world: ApiWorld, trader: str) -> None:
    strategy_id, second = world.create(trader), second_of(world, trader)
    assert world.start(trader, strategy_id).status == 200
    log_out(world, second)
    before = world.snapshot()

    refused = put(world, trader, strategy_id, account_id=second)

    assert (refused.status, refused.error) == (400, "BROKER_AUTH_FAILED")
    assert "HUF" in refused.body["message"]
    assert world.snapshot() == before
    # One that does not run may wait there for the login.
    world.stop(trader, strategy_id)
    assert put(world, trader, strategy_id, account_id=second).status == 200


def test_a_running_strategy_is_not_moved_to_an_account_that_carries_prices(world: ApiWorld) -> None:
    token = world.register("feed@example.com")
    world.connect(token)
    world.connect(token, second := world.open_account(token))
    strategy_id = world.create(token, account_id=second)
    assert world.start(token, strategy_id).status == 200

    answer = put(world, token, strategy_id, account_id=first_of(world, token))

    assert (answer.status, answer.error) == (409, "CONFLICT")


def test_a_strategy_is_not_moved_onto_another_that_runs_in_the_same_symbol(world: ApiWorld, trader: str) -> None:
    second = second_of(world, trader)
    here, there = world.create(trader), world.create(trader, account_id=second)
    assert [world.start(trader, each).status for each in (here, there)] == [200, 200], "they never meet"

    answer = put(world, trader, here, account_id=second)

    assert (answer.status, answer.error) == (409, "STRATEGY_OVERLAP")


@pytest.mark.parametrize("is_out", ["first", "second"])
def test_a_strategy_is_started_by_the_login_of_its_own_account(world: ApiWorld, trader: str, is_out: str) -> None:
    first, second = first_of(world, trader), second_of(world, trader)
    here, there = world.create(trader), world.create(trader, account_id=second)
    log_out(world, first if is_out == "first" else second)

    answers = {"first": world.start(trader, here), "second": world.start(trader, there)}

    refused = answers.pop(is_out)
    assert (refused.status, refused.error) == (400, "BROKER_AUTH_FAILED")
    assert ("Main account" if is_out == "first" else "HUF") in refused.body["message"]
    assert [each.status for each in answers.values()] == [200]


def test_who_has_one_account_is_not_told_its_name(world: ApiWorld) -> None:
    token = world.register()

    refused = world.start(token, world.create(token))

    assert refused.error == "BROKER_AUTH_FAILED"
    assert "Main account" not in refused.body["message"]


def test_a_preflight_looks_at_the_strategys_account_and_says_which_it_is(world: ApiWorld, trader: str) -> None:
    strategy_id = world.create(trader, account_id=second_of(world, trader))
    log_out(world, second_of(world, trader))

    looked = world.call("GET", f"/strategy/{strategy_id}/preflight", token=trader).body["checks"]

    (login,) = [check for check in looked if check["name"] == "broker_login"]
    assert (login["is_green"], login["text"]) == (False, "account HUF: the broker login is over")
    assert "HUF" not in login["remedy"]
    assert not [check for check in looked if check["name"] == "plan" and "HUF" in check["text"]]


def test_a_preflight_of_who_has_one_account_names_none(world: ApiWorld) -> None:
    token = world.register()

    looked = world.call("GET", f"/strategy/{world.create(token)}/preflight", token=token).body["checks"]

    assert "Main account" not in str(looked)


def test_the_timeline_tells_that_it_was_moved(world: ApiWorld, trader: str) -> None:
    strategy_id = world.create(trader)
    put(world, trader, strategy_id, account_id=second_of(world, trader))

    lines = world.call("GET", f"/strategy/{strategy_id}/timeline", token=trader).body["lines"]

    assert [line["text"] for line in lines if "moved" in line["text"]] == [
        "moved to another broker account; changed: nothing"
    ]


def test_a_timeline_tells_of_logins_in_the_strategys_own_account_alone(world: ApiWorld, trader: str) -> None:
    # given a strategy in each account, and a login in the second that has to be made anew
    second = second_of(world, trader)
    here, there = world.create(trader), world.create(trader, account_id=second)
    keys = world.exchange.open_account()
    world.call("DELETE", "/broker", token=trader, query={"account_id": second})
    body = {"api_key": keys.api_key, "api_secret": keys.api_secret, "account_id": second}
    assert world.call("POST", "/broker/connect", body, token=trader).status == 200

    def told(strategy_id: str) -> str:
        lines = world.call("GET", f"/strategy/{strategy_id}/timeline", token=trader).body["lines"]
        return " | ".join(line["text"] for line in lines)

    accounts = MemoryBrokerAccounts(world.database)
    account = accounts.find(world.user_of(trader))
    assert account is not None
    assert account.token_at is not None
    accounts.mark_refused(account.user_id, account.account_id, token_at=account.token_at, now=world.clock.now())

    assert "logged in to the broker as MEM001" in told(here)
    assert "the broker does not take the login any more" in told(here)
    assert "the broker does not take the login any more" not in told(there)
    assert not any(word in told(here) for word in ("MEM003", "no login", "was removed"))
    assert all(word in told(there) for word in ("MEM003", "no login", "was removed"))
    assert "MEM001" not in told(there)
    # And of one that was deleted since.
    assert world.call("DELETE", f"/strategy/{there}", token=trader).status == 200
    assert "MEM001" not in told(there)


@pytest.mark.parametrize("is_connected", [True, False])
def test_who_has_several_accounts_is_led_to_the_one_that_is_logged_out(
    world: ApiWorld, trader: str, is_connected: bool
) -> None:
    # given a strategy in the account that is not the default
    second = second_of(world, trader)
    strategy_id = world.create(trader, account_id=second)
    if is_connected:
        accounts = MemoryBrokerAccounts(world.database)
        account = accounts.find(world.user_of(trader), UUID(second))
        assert account is not None
        assert account.token_at is not None
        now = world.clock.now()
        accounts.mark_refused(account.user_id, account.account_id, token_at=account.token_at, now=now)
    else:
        world.call("DELETE", "/broker", token=trader, query={"account_id": second})

    refused = world.start(trader, strategy_id)
    checks = world.call("GET", f"/strategy/{strategy_id}/preflight", token=trader).body["checks"]

    (remedy,) = (check["remedy"] for check in checks if check["name"] == "broker_login")
    if is_connected:
        assert f"log in at the broker first (GET /broker/login?account_id={second})" in refused.body["message"]
        assert remedy == f"log in at the broker (GET /broker/login?account_id={second})"
    else:
        assert f"enter your keys first (POST /broker/connect with account_id {second})" in refused.body["message"]
        assert remedy == f"enter your keys (POST /broker/connect with account_id {second})"
