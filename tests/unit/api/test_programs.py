"""Keys for programs: made with a second factor, shown once, good within their scopes, and taken back at once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from algotrading.contracts.api_access import ACCESS
from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.domain.api_keys import MOST_KEYS, PATTERN, Scope, read_key, write_key
from algotrading.domain.audit import AuditKind
from algotrading.domain.roles import Role
from tests.unit.api.test_roles import ask, share
from tests.unit.api.test_second_factor import shown, switch_on, wait_a_step
from tests.unit.api.world import Answer, ApiWorld

GUARDED = [route for route in API_ROUTES if not route.is_open]
SECURITY = (
    "/auth/",
    "/account",
    "/admin/",
    "/broker/connect",
    "/broker/login",
    "/broker/accounts",
    "/notifications/webhook",
)


class Owner:
    """A trader with a phone, who lets programs in."""

    def __init__(self, world: ApiWorld) -> None:
        self.world = world
        self.token, self.secret, _ = switch_on(world)
        self.user_id = world.user_of(self.token)

    def create(self, scopes: Sequence[str] = ("read",), **changes: Any) -> Answer:
        """Ask for a key with what the phone shows."""
        wait_a_step(self.world)
        body = {"name": "my script", "scopes": list(scopes), "code": shown(self.world, self.secret), **changes}
        return self.world.call("POST", "/account/keys", body, token=self.token)

    def key(self, *scopes: str, **changes: Any) -> str:
        """A new key."""
        answer = self.create(scopes or ("read",), **changes)
        assert answer.status == 201, answer.body
        return str(answer.body["key"])

    def keys(self) -> list[dict[str, Any]]:
        """What the owner is shown of them."""
        listed: list[dict[str, Any]] = self.world.call("GET", "/account/keys", token=self.token).body["keys"]
        return listed


@pytest.fixture
def owner(world: ApiWorld) -> Owner:
    return Owner(world)


# --- the table --------------------------------------------------------------------------------------


def test_a_key_opens_nothing_but_a_traders_own_trading() -> None:
    opened = {key: access for key, access in ACCESS.items() if access.scope is not None}

    assert all(Role.TRADER in access.roles for access in opened.values())
    assert not [key for key in opened if any(path in key for path in SECURITY)]


def test_the_scope_to_read_only_reads_and_the_others_only_write() -> None:
    methods = {scope: {key.split()[0] for key, access in ACCESS.items() if access.scope is scope} for scope in Scope}

    assert methods[Scope.READ] == {"GET"}
    assert "GET" not in methods[Scope.STRATEGIES_WRITE] | methods[Scope.RISK_WRITE]


@pytest.mark.parametrize("scope", list(Scope))
def test_each_scope_opens_its_doors_and_no_other(world: ApiWorld, owner: Owner, scope: Scope) -> None:
    key, thing = owner.key(scope), world.create(owner.token)
    opened = set[str]()

    for route in GUARDED:
        if route.path not in {"/api/v1/strategy/{id}"} or route.method != "DELETE":
            before, answer = world.snapshot(), ask(world, route, key, thing)
            if (answer.status, answer.body.get("error")) == (403, "ACCESS_DENIED"):
                assert world.snapshot() == before
            else:
                opened.add(route.key)

    wanted = {route.key for route in GUARDED if ACCESS[route.key].scope is scope}
    assert opened == wanted - {"DELETE /api/v1/strategy/{id}"}


# --- a key's life -----------------------------------------------------------------------------------


def test_a_program_trades_in_its_owners_name(world: ApiWorld, owner: Owner) -> None:
    key = owner.key("read", "strategies:write")

    strategy_id = world.create(key)

    listed = world.call("GET", "/strategy", token=owner.token).body["strategies"]
    assert [each["strategy_id"] for each in listed] == [strategy_id]


def test_a_key_is_shown_once_and_kept_as_a_hash(world: ApiWorld, owner: Owner) -> None:
    answer = owner.create(("read", "risk:write"), name="My spreadsheet", expires_in_days=30)

    key = answer.body["key"]
    assert re.fullmatch(PATTERN, key)
    assert key not in repr(world.database)
    assert bytes.fromhex(key[len("algt_") + 32 :][:64]) not in world.database.api_keys
    [shown_again] = owner.keys()
    assert "key" not in shown_again
    assert (shown_again["name"], shown_again["scopes"]) == ("My spreadsheet", ["read", "risk:write"])
    assert shown_again["expires_at"] > shown_again["created_at"]
    [record] = [each for each in world.database.audit if each.kind is AuditKind.API_KEY_CREATED]
    assert key not in repr(record)


def test_no_key_without_a_second_factor(world: ApiWorld) -> None:
    token = world.register()
    body = {"name": "my script", "scopes": ["read"], "code": "123456"}

    answer = world.call("POST", "/account/keys", body, token=token)

    assert (answer.status, answer.error) == (403, "SECOND_FACTOR_REQUIRED")


def test_no_key_without_its_code_and_guesses_are_slowed_down(world: ApiWorld, owner: Owner) -> None:
    body = {"name": "my script", "scopes": ["read"], "code": "000000"}

    answers = [world.call("POST", "/account/keys", body, token=owner.token).error for _ in range(6)]

    assert answers == ["CREDENTIALS_INVALID"] * 5 + ["TOO_MANY_TRIES"]
    assert not world.database.api_keys


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["admin"]},
        {"scopes": ["read", "read"]},
        {"scopes": "read"},
        {"expires_in_days": 0},
        {"expires_in_days": 366},
        {"expires_in_days": 1.5},
        {"name": " "},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(owner: Owner, wrong: dict[str, Any]) -> None:
    answer = owner.create(**wrong)

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")
    assert [field.split(".")[0] for field in answer.fields] == list(wrong)


def test_a_scope_that_is_none_is_told_those_there_are(owner: Owner) -> None:
    answer = owner.create(("admin",))

    [problem] = answer.body["details"]
    assert problem == {"field": "scopes.0", "problem": "must be one of read, strategies:write, risk:write"}


def test_a_key_is_over_at_its_time(world: ApiWorld, owner: Owner) -> None:
    key = owner.key(expires_in_days=1)
    world.clock.sleep(timedelta(days=1).total_seconds() - 1)
    assert world.call("GET", "/strategy", token=key).status == 200

    world.clock.sleep(1)

    assert world.call("GET", "/strategy", token=key).error == "TOKEN_EXPIRED"


def test_a_revoked_key_opens_nothing_from_the_next_request_on(world: ApiWorld, owner: Owner) -> None:
    key, other = owner.key(), owner.key()
    assert world.call("GET", "/strategy", token=key).status == 200

    world.call("DELETE", f"/account/keys/{owner.keys()[0]['key_id']}", token=owner.token)

    assert world.call("GET", "/strategy", token=key).error == "TOKEN_INVALID"
    assert world.call("GET", "/strategy", token=other).status == 200
    assert AuditKind.API_KEY_REVOKED in [each.kind for each in world.database.audit]


def test_when_a_key_was_used_last_is_known_to_the_minute(world: ApiWorld, owner: Owner) -> None:
    key = owner.key()
    assert owner.keys()[0]["last_used_at"] is None
    begun = world.clock.now()

    for seconds in (0, 59, 1):
        world.clock.sleep(seconds)
        world.call("GET", "/strategy", token=key)

    used = owner.keys()[0]["last_used_at"]
    assert used.startswith((begun + timedelta(minutes=1)).isoformat()[:19])


def test_a_key_of_a_locked_account_is_locked_out(world: ApiWorld, owner: Owner) -> None:
    key = owner.key()
    world.database.locked[owner.user_id] = "asked for"

    assert world.call("GET", "/strategy", token=key).error == "ACCOUNT_LOCKED"


def test_a_key_goes_with_its_account(world: ApiWorld, owner: Owner) -> None:
    key = owner.key()
    wait_a_step(world)
    body = {"password": "good-old-horse", "code": shown(world, owner.secret)}
    assert world.call("POST", "/account/delete", body, token=owner.token).status == 200

    assert world.call("GET", "/strategy", token=key).error == "TOKEN_INVALID"
    assert not world.database.api_keys


def test_a_key_reads_nobody_elses_account(world: ApiWorld, owner: Owner) -> None:
    # Given one who may read another's account, as a person
    other = world.register("other@example.com")
    account = share(world, other, owner.token)
    key, named = owner.key(), {"X-Account": str(account)}
    assert world.call("GET", "/strategy", token=owner.token, headers=named).status == 200

    assert world.call("GET", "/strategy", token=key, headers=named).error == "ACCESS_DENIED"


def test_a_key_of_an_administrator_opens_no_door_of_the_staff(world: ApiWorld, owner: Owner) -> None:
    world.database.roles[owner.user_id] = {Role.ADMIN}
    key = owner.key(*Scope)

    assert world.call("GET", "/admin/users", token=key).error == "ACCESS_DENIED"


def test_an_account_has_so_many_keys_and_no_more(owner: Owner) -> None:
    for _ in range(MOST_KEYS):
        owner.key()

    assert owner.create().error == "CONFLICT"


# --- what is no key ---------------------------------------------------------------------------------


def test_what_was_never_a_key_is_refused_before_anything_is_looked_up(world: ApiWorld, owner: Owner) -> None:
    key = owner.key()
    wrong = [key[:-1] + ("0" if key[-1] != "0" else "1"), key[:-1], key.upper(), "algt_", "algt_" + "0" * 104]

    for each in wrong:
        verdict = world.authorizer.judge({"headers": {"authorization": f"Bearer {each}"}})
        assert verdict["context"] == {"error": "TOKEN_INVALID"}, each


def test_whoever_shows_a_wrong_key_is_told_of_a_key_and_of_no_login(world: ApiWorld, owner: Owner) -> None:
    wrong = world.call("GET", "/strategy", token=owner.key()[:-1])
    forged = world.call("GET", "/strategy", token="x.y.z")

    assert (wrong.status, wrong.error) == (forged.status, forged.error) == (401, "TOKEN_INVALID")
    assert wrong.body["message"].startswith("this key is not valid")
    assert "log in again" in forged.body["message"]


def test_the_authorizer_passes_a_key_on_as_a_hash_and_as_nobody(world: ApiWorld, owner: Owner) -> None:
    key = owner.key()

    context = world.authorizer.judge({"headers": {"authorization": f"Bearer {key}"}})["context"]

    read = read_key(key)
    assert read is not None
    assert context == {"key_owner": str(owner.user_id), "key_hash": read[1].hex()}
    assert key not in json.dumps(context)


def test_guessed_keys_are_slowed_down_and_a_right_one_is_not(world: ApiWorld, owner: Owner) -> None:
    right = owner.key()
    guessed = [write_key(owner.user_id, bytes([number]) * 32)[0] for number in range(21)]

    answers = [world.call("GET", "/strategy", token=key).error for key in guessed]

    assert answers == ["TOKEN_INVALID"] * 20 + ["TOO_MANY_TRIES"]
    assert world.call("GET", "/strategy", token=right).status == 200


def test_a_right_secret_in_another_users_name_is_no_key(world: ApiWorld, owner: Owner) -> None:
    secret = bytes.fromhex(owner.key()[len("algt_") + 32 :][:64])
    stranger = world.user_of(world.register("stranger@example.com"))

    assert world.call("GET", "/strategy", token=write_key(stranger, secret)[0]).error == "TOKEN_INVALID"


@pytest.mark.parametrize("route", [r for r in GUARDED if ACCESS[r.key].scope is None], ids=lambda route: route.key)
def test_a_key_with_every_scope_opens_nothing_of_an_accounts_security(
    world: ApiWorld, owner: Owner, route: ApiRoute
) -> None:
    key, thing = owner.key(*Scope), world.create(owner.token)
    before = world.snapshot()

    answer = ask(world, route, key, thing)

    assert (answer.status, answer.error) == (403, "ACCESS_DENIED")
    assert world.snapshot() == before
