"""Passwords, logging in, looking at the account."""

from __future__ import annotations

import pytest

from algotrading.adapters.passwords import Argon2Passwords
from tests.unit.api.world import PASSWORD, ApiWorld

LOGIN = {"token", "expires_in", "refresh_token", "device_id", "password_is_common"}


def test_a_trader_logs_in_and_the_token_opens_the_account(world: ApiWorld) -> None:
    token = world.register("user@gmail.com")

    account = world.call("GET", "/account", token=token)

    assert account.status == 200
    assert account.body["user_id"] == str(world.user_of(token))
    assert account.body["email"] == "user@gmail.com"
    assert account.body["email_verified"] is True
    assert account.body["created_at"] == "2026-11-20T02:30:00Z"
    assert account.body["broker"]["status"] == "not_connected"


def test_a_trader_logs_in_again_whatever_the_case_of_the_email(world: ApiWorld) -> None:
    world.register("Trader@Example.com")

    answer = world.call("POST", "/auth/login", {"email": "trader@example.COM", "password": "good-old-horse"})

    assert (answer.status, set(answer.body)) == (200, LOGIN)
    assert world.call("GET", "/account", token=answer.body["token"]).body["email"] == "Trader@Example.com"


@pytest.mark.parametrize(
    ("password", "words"),
    [("eleven char", "is too short: at least 12 characters"), ("x" * 129, "is too long: at most 128 characters")],
)
def test_a_password_of_the_wrong_length_is_told_the_right_one(world: ApiWorld, password: str, words: str) -> None:
    answer = world.call("POST", "/auth/register", {"email": "user@gmail.com", "password": password})

    assert (answer.status, answer.body["details"]) == (400, [{"field": "password", "problem": words}])


@pytest.mark.parametrize("password", ["qwerty123456", "QWERTY123456", "1qaz2wsx3edc"])
def test_a_password_that_everybody_tries_first_is_refused(world: ApiWorld, password: str) -> None:
    answer = world.call("POST", "/auth/register", {"email": "user@gmail.com", "password": password})

    words = "is one of those that everybody tries first: choose another"
    assert (answer.status, answer.body["details"]) == (400, [{"field": "password", "problem": words}])


@pytest.mark.parametrize("password", ["user@gmail.com", "USER@gmail.com"])
def test_the_email_as_a_password_is_refused_for_what_it_is(world: ApiWorld, password: str) -> None:
    answer = world.call("POST", "/auth/register", {"email": "user@gmail.com", "password": password})

    words = "is your e-mail address, which others know: choose another"
    assert (answer.status, answer.body["details"]) == (400, [{"field": "password", "problem": words}])


@pytest.mark.parametrize("password", ["passwordpassword", "111111111111", "arun.trader2024", "algotrading123"])
def test_a_password_that_is_guessed_early_is_refused(world: ApiWorld, password: str) -> None:
    answer = world.call("POST", "/auth/register", {"email": "arun.trader@gmail.com", "password": password})

    [problem] = answer.body["details"]
    assert (answer.status, problem["field"]) == (400, "password")
    assert problem["problem"].startswith("is guessed early")


def test_a_wrong_password_and_an_unknown_email_get_the_same_answer(world: ApiWorld) -> None:
    world.register("trader@example.com")

    wrong = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-house"})
    unknown = world.call("POST", "/auth/login", {"email": "nobody@example.com", "password": "good-old-horse"})

    assert (wrong.status, wrong.error) == (401, "CREDENTIALS_INVALID")
    assert wrong == unknown


def test_passwords_are_stored_as_argon2id_hashes_only(world: ApiWorld) -> None:
    world.call("POST", "/auth/register", {"email": "other@example.com", "password": PASSWORD})
    [(asked, _)] = world.database.registrations.values()
    user_id = world.user_of(world.register())

    for stored in (asked.password_hash, world.database.users[user_id][1]):
        assert stored.startswith("$argon2id$")
        assert PASSWORD not in stored


def test_the_account_tells_how_the_broker_connection_stands(world: ApiWorld) -> None:
    token = world.register()
    credentials = world.connect(token)

    connected = world.call("GET", "/account", token=token)
    assert connected.body["broker"]["status"] == "connected"
    assert connected.body["broker"]["token_expires_at"] == "2026-11-21T00:30:00Z"
    assert credentials.api_secret not in str(connected.body)
    assert [(each["name"], each["status"]) for each in connected.body["brokers"]] == [("Main account", "connected")]

    second = world.open_account(token)
    [first, other] = world.call("GET", "/account", token=token).body["brokers"]
    assert (first["is_default"], first["token_expires_at"]) == (True, "2026-11-21T00:30:00Z")
    assert (other["account_id"], other["is_default"], other["status"]) == (second, False, "not_connected")


@pytest.mark.parametrize("password", ["password1", "Trader@Example.com"])
def test_a_common_password_of_before_is_let_in_and_its_owner_is_asked_to_change_it(
    world: ApiWorld, password: str
) -> None:
    # Given a trader whose password was chosen before it was refused
    token = world.register()
    [(user_id, (user, _))] = world.database.users.items()
    world.database.users[user_id] = (user, Argon2Passwords(memory_kib=8, passes=1).hash(password))

    # When they log in with it
    login = {"email": "trader@example.com", "password": password}
    answer = world.call("POST", "/auth/login", login)

    # Then they are told; not so by what refreshes the login, and not after a change
    assert (answer.status, answer.body["password_is_common"]) == (200, True)
    again = world.call("POST", "/auth/refresh", {"refresh_token": answer.body["refresh_token"]})
    assert again.body["password_is_common"] is False
    change = {"old_password": password, "new_password": "good-old-horse"}
    assert world.call("POST", "/auth/password", change, token=token).status == 200
    better = world.call("POST", "/auth/login", {**login, "password": "good-old-horse"})
    assert (better.status, better.body["password_is_common"]) == (200, False)


def test_nothing_is_said_of_a_common_password_that_is_wrong(world: ApiWorld) -> None:
    world.register()

    answer = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "password1"})

    assert (answer.status, set(answer.body)) == (401, {"error", "message", "details"})
