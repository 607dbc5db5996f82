"""A login with a second factor: the phone's digits, good once, or a recovery code."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest

from algotrading.domain.second_factor import RECOVERY_SALT_BYTES, STEP_SECONDS, unsalted_hash
from algotrading.services.second_factor import digits_of
from tests.unit.api.test_logins import device_of, guess
from tests.unit.api.world import Answer, ApiWorld

PERSON = {"email": "trader@example.com", "password": "good-old-horse"}
PATH = "/auth/second-factor"


def shown(world: ApiWorld, secret: str, *, steps_later: int = 0) -> str:
    """What the phone shows now, or some steps later."""
    step = int(world.clock.now().timestamp()) // STEP_SECONDS + steps_later
    return digits_of(base64.b32decode(secret), step)


def begin(world: ApiWorld, token: str, password: str = PERSON["password"]) -> Answer:
    """Ask for a secret, by the password."""
    return world.call("POST", PATH, {"password": password}, token=token)


def log_in(world: ApiWorld, **code: str) -> Answer:
    return world.call("POST", "/auth/login", {**PERSON, **code})


def wait_a_step(world: ApiWorld) -> None:
    world.clock.sleep(timedelta(seconds=STEP_SECONDS).total_seconds())


def switch_on(world: ApiWorld) -> tuple[str, str, list[str]]:
    """A trader with a second factor: token, secret and recovery codes."""
    token = world.register()
    secret = begin(world, token).body["secret"]
    answer = world.call("POST", f"{PATH}/confirm", {"code": shown(world, secret)}, token=token)
    assert answer.status == 200, answer.body
    return token, secret, answer.body["recovery_codes"]


@pytest.mark.parametrize(
    ("seconds", "digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
    ],
)
def test_the_digits_are_those_of_the_standard(seconds: int, digits: str) -> None:
    # RFC 6238, appendix B, SHA-1; the last six of its eight digits.
    assert digits_of(b"12345678901234567890", seconds // STEP_SECONDS) == digits[-6:]


def test_a_login_needs_the_code_from_the_confirmation_on(world: ApiWorld) -> None:
    token = world.register()
    enrolment = begin(world, token)
    assert enrolment.status == 201
    assert enrolment.body["uri"].startswith("otpauth://totp/Algotrading%3Atrader%40example.com?secret=")
    assert log_in(world).status == 200

    secret = enrolment.body["secret"]
    confirmed = world.call("POST", f"{PATH}/confirm", {"code": shown(world, secret)}, token=token)
    assert (confirmed.status, len(set(confirmed.body["recovery_codes"]))) == (200, 10)
    assert world.call("GET", PATH, token=token).body == {"is_on": True, "recovery_codes_left": 10}

    assert (log_in(world).status, log_in(world).error) == (401, "SECOND_FACTOR_NEEDED")
    wait_a_step(world)
    assert log_in(world, code=shown(world, secret)).status == 200


def test_digits_are_good_once_even_within_their_time(world: ApiWorld) -> None:
    _, secret, _ = switch_on(world)
    wait_a_step(world)
    code = shown(world, secret)

    assert log_in(world, code=code).status == 200
    again = log_in(world, code=code)
    assert (again.status, again.error) == (401, "CREDENTIALS_INVALID")
    assert "wait for the next ones" in again.body["message"]
    # Whoever does not know the password is not told that they were right.
    stranger = world.call("POST", "/auth/login", {**PERSON, "password": "a wrong one", "code": code})
    nobody = world.call("POST", "/auth/login", {**PERSON, "email": "nobody@example.com", "code": code})
    assert stranger.body["message"] == nobody.body["message"]
    assert "digits" not in stranger.body["message"]


@pytest.mark.parametrize(("steps", "status"), [(-1, 200), (1, 200), (-2, 401), (2, 401)])
def test_a_phones_clock_may_be_off_by_one_step(world: ApiWorld, steps: int, status: int) -> None:
    _, secret, _ = switch_on(world)
    for _ in range(5):
        wait_a_step(world)

    assert log_in(world, code=shown(world, secret, steps_later=steps)).status == status


def test_a_recovery_code_is_good_once(world: ApiWorld) -> None:
    _, _, codes = switch_on(world)

    assert log_in(world, code=codes[0].upper()).status == 200
    assert log_in(world, code=codes[0]).error == "CREDENTIALS_INVALID"
    assert log_in(world, code=codes[1].replace("-", "")).status == 200


def test_a_right_code_does_not_make_up_for_a_wrong_password(world: ApiWorld) -> None:
    _, secret, _ = switch_on(world)
    wait_a_step(world)

    answer = world.call("POST", "/auth/login", {**PERSON, "password": "a wrong one", "code": shown(world, secret)})

    assert answer.error == "CREDENTIALS_INVALID"
    # And the code was not used up by it.
    assert log_in(world, code=shown(world, secret)).status == 200


def test_guessing_codes_is_slowed_down(world: ApiWorld) -> None:
    token, _, _ = switch_on(world)

    logins = [log_in(world, code="000000").status for _ in range(6)]
    removals = [world.call("POST", f"{PATH}/remove", {"code": "000000"}, token=token).status for _ in range(6)]

    assert logins == [401] * 5 + [429]
    assert removals == [401] * 5 + [429]


def test_guessing_at_the_code_that_confirms_it_is_slowed_down(world: ApiWorld) -> None:
    token = world.register()
    secret = begin(world, token).body["secret"]

    tries = [world.call("POST", f"{PATH}/confirm", {"code": "00000"}, token=token).status for _ in range(6)]

    assert tries == [401] * 5 + [429]
    assert world.call("POST", f"{PATH}/confirm", {"code": shown(world, secret)}, token=token).status == 429
    assert world.call("GET", PATH, token=token).body["is_on"] is False


def test_it_is_taken_away_with_a_code_only(world: ApiWorld) -> None:
    token, secret, _ = switch_on(world)
    assert world.call("POST", f"{PATH}/remove", {"code": "000000"}, token=token).error == "CREDENTIALS_INVALID"
    assert begin(world, token).error == "CONFLICT"
    wait_a_step(world)

    removed = world.call("POST", f"{PATH}/remove", {"code": shown(world, secret)}, token=token)

    assert removed.body == {"is_on": False, "recovery_codes_left": None}
    assert log_in(world).status == 200


def test_a_wrong_code_confirms_nothing(world: ApiWorld) -> None:
    token = world.register()
    assert world.call("POST", f"{PATH}/confirm", {"code": "123456"}, token=token).error == "CONFLICT"
    begin(world, token)

    assert world.call("POST", f"{PATH}/confirm", {"code": "12345"}, token=token).error == "CREDENTIALS_INVALID"
    assert log_in(world).status == 200


def test_nothing_of_it_is_stored_in_clear(world: ApiWorld) -> None:
    _, _, codes = switch_on(world)

    assert not [code for code in codes if code in repr(world.database) or code.replace("-", "") in repr(world.database)]


def test_where_it_is_real_money_a_broker_account_is_connected_with_a_second_factor_only(world: ApiWorld) -> None:
    world.needs_second_factor = True
    token, account = world.register(), world.exchange.open_account()
    keys = {"api_key": account.api_key, "api_secret": account.api_secret}
    refused = world.call("POST", "/broker/connect", keys, token=token)
    assert (refused.status, refused.error) == (403, "SECOND_FACTOR_REQUIRED")
    assert world.database.broker_accounts == {}

    secret = begin(world, token).body["secret"]
    world.call("POST", f"{PATH}/confirm", {"code": shown(world, secret)}, token=token)

    assert world.call("POST", "/broker/connect", keys, token=token).status == 200
    wait_a_step(world)
    world.call("POST", f"{PATH}/remove", {"code": shown(world, secret)}, token=token)
    assert world.call("GET", "/broker/login", token=token).error == "SECOND_FACTOR_REQUIRED"


def test_recovery_codes_are_shown_although_the_login_ended_meanwhile(world: ApiWorld) -> None:
    token = world.register()
    secret = begin(world, token).body["secret"]
    (login,) = world.database.logins.values()
    accounts = world._accounts()
    accounts.end_all_devices(login.user_id)

    codes = accounts.confirm_second_factor(login.user_id, login.device_id, shown(world, secret))

    assert len(codes) == 10


def told(world: ApiWorld) -> list[str]:
    return [each.kind for each in world.database.notices if each.kind == "code_reused"]


def test_a_code_that_was_used_before_is_told_to_its_owner_and_a_wrong_one_is_not(world: ApiWorld) -> None:
    token, secret, _ = switch_on(world)
    wait_a_step(world)
    earlier = shown(world, secret)
    wait_a_step(world)
    code = shown(world, secret)
    assert log_in(world, code=code).status == 200
    assert log_in(world, code="000000").error == "CREDENTIALS_INVALID"
    assert told(world) == []

    # Somebody who read it over a shoulder, at whatever asks for one; and one that is older than what was used.
    for again in (code, earlier):
        assert world.call("POST", f"{PATH}/verify", {"code": again}, token=token).error == "CREDENTIALS_INVALID"
        assert told(world) == ["code_reused"]
    # Without the password nothing is said of it.
    world.clock.sleep(timedelta(days=1).total_seconds())
    wrong = {**PERSON, "password": "a wrong one", "code": shown(world, secret)}
    assert world.call("POST", "/auth/login", wrong).status == 401
    assert told(world) == ["code_reused"]


@pytest.mark.parametrize("seconds", [0, 29, 59])
def test_digits_that_switched_it_on_alarm_nobody_while_the_phone_shows_them(world: ApiWorld, seconds: int) -> None:
    # Given an owner who has just switched it on, and logs in with the digits that are still on the screen
    token = world.register()
    secret = begin(world, token).body["secret"]
    code = shown(world, secret)
    assert world.call("POST", f"{PATH}/confirm", {"code": code}, token=token).status == 200
    world.clock.sleep(seconds)

    # When they are refused, it is said why, and nobody is said to have read them
    answer = log_in(world, code=code)
    assert (answer.status, answer.error) == (401, "CREDENTIALS_INVALID")
    assert "these digits were used already: wait for the next ones" in answer.body["message"]
    assert told(world) == []
    assert "code_reused" not in [entry.kind for entry in world.database.audit]

    # Then the next ones let in, and those of a login are told as ever
    wait_a_step(world)
    code = shown(world, secret)
    assert log_in(world, code=code).status == 200
    assert log_in(world, code=code).error == "CREDENTIALS_INVALID"
    assert told(world) == ["code_reused"]


def test_a_stolen_token_alone_sets_no_second_factor_up(world: ApiWorld) -> None:
    token = world.register()

    refused = begin(world, token, "a wrong one")

    assert (refused.status, refused.error) == (401, "CREDENTIALS_INVALID")
    assert refused.body["message"] == "the password is not right"
    for body in ({}, {"password": ""}):
        assert world.call("POST", PATH, body, token=token).error == "REQUEST_INVALID"
    assert world.database.second_factors == {}
    assert begin(world, token).status == 201


def test_guesses_at_the_password_count_with_those_at_logins(world: ApiWorld) -> None:
    # Given somebody who holds a token, and guesses at the password that would lock the owner out
    token = world.register()
    assert [begin(world, token, "a wrong one").status for _ in range(6)] == [401] * 5 + [429]

    # Then the right one is not looked at either until the wait is over, here and at a login
    refused = begin(world, token)
    assert (refused.error, refused.headers["Retry-After"]) == ("TOO_MANY_TRIES", "1")
    assert log_in(world, known_device=device_of(world, token)).error == "TOO_MANY_TRIES"
    world.clock.sleep(1)
    assert begin(world, token).status == 201


def test_strangers_guesses_do_not_keep_whoever_is_logged_in_from_it(world: ApiWorld) -> None:
    token = world.register()
    while guess(world) != 429:
        pass

    assert begin(world, token).status == 201


def test_how_many_recovery_codes_are_left_is_shown(world: ApiWorld) -> None:
    token = world.register()
    assert world.call("GET", PATH, token=token).body == {"is_on": False, "recovery_codes_left": None}
    secret = begin(world, token).body["secret"]
    assert world.call("GET", PATH, token=token).body == {"is_on": False, "recovery_codes_left": None}
    confirmed = world.call("POST", f"{PATH}/confirm", {"code": shown(world, secret)}, token=token)

    for code in confirmed.body["recovery_codes"][:3]:
        assert log_in(world, code=code).status == 200

    assert world.call("GET", PATH, token=token).body == {"is_on": True, "recovery_codes_left": 7}


def test_what_is_told_where_a_code_is_missing_names_every_way_in(world: ApiWorld) -> None:
    switch_on(world)

    message = log_in(world).body["message"]

    for way in ("authenticator app", "recovery code", "whoever runs the service"):
        assert way in message


def test_recovery_codes_are_stored_with_a_salt_of_their_own(world: ApiWorld) -> None:
    _, _, codes = switch_on(world)
    [(user_id, stored)] = world.database.recovery_codes.items()

    assert len(stored) == len(codes)
    assert not stored & {unsalted_hash(code.replace("-", "")) for code in codes}
    salt = world.database.second_factors[user_id].recovery_salt
    assert salt is not None
    assert len(salt) == RECOVERY_SALT_BYTES


def test_two_sets_have_two_salts(world: ApiWorld) -> None:
    for email in ("one@example.com", "two@example.com"):
        assert begin(world, world.register(email)).status == 201

    one, two = (factor.recovery_salt for factor in world.database.second_factors.values())
    assert one != two


def test_a_set_from_before_there_were_salts_stays_good(world: ApiWorld) -> None:
    switch_on(world)
    [(user_id, factor)] = world.database.second_factors.items()
    world.database.second_factors[user_id] = replace(factor, recovery_salt=None)
    world.database.recovery_codes[user_id] = {unsalted_hash("0123456789")}

    assert log_in(world, code="01234-56780").error == "CREDENTIALS_INVALID"
    assert log_in(world, code="01234-56789").status == 200
    assert log_in(world, code="01234-56789").error == "CREDENTIALS_INVALID"


def test_a_phone_that_was_lost_is_out_at_once_by_a_recovery_code(world: ApiWorld) -> None:
    # Given a phone with the second factor on it, which is logged in, and is lost
    lost, secret, codes = switch_on(world)
    here = log_in(world, code=codes[0]).body["token"]

    # When its owner switches the second factor off elsewhere, by a recovery code
    assert world.call("POST", f"{PATH}/remove", {"code": codes[1]}, token=here).status == 200

    # Then the phone is logged out, and its digits are worth nothing, also once there is another second factor
    assert world.call("GET", "/account", token=lost).error == "TOKEN_INVALID"
    assert world.call("GET", "/account", token=here).status == 200
    another = begin(world, here).body["secret"]
    assert world.call("POST", f"{PATH}/confirm", {"code": shown(world, another)}, token=here).status == 200
    wait_a_step(world)
    assert log_in(world, code=shown(world, secret)).error == "CREDENTIALS_INVALID"
    assert log_in(world, code=shown(world, another)).status == 200
