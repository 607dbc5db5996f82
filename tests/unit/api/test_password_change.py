"""Another password by the old one: who may, what ends by it, and what is told."""

from __future__ import annotations

import pytest

from algotrading.adapters.passwords import Argon2Passwords
from algotrading.domain.logins import CODE_IS_FRESH
from tests.unit.api.test_account_links import NEW, PERSON, log_in, reset, sent_link
from tests.unit.api.test_logins import device_of
from tests.unit.api.test_second_factor import PATH, shown, switch_on, wait_a_step
from tests.unit.api.world import Answer, ApiWorld

OLD = PERSON["password"]


def change(world: ApiWorld, token: str, old: str = OLD, new: str = NEW) -> Answer:
    return world.call("POST", "/auth/password", {"old_password": old, "new_password": new}, token=token)


def notices(world: ApiWorld, token: str) -> list[tuple[str, str]]:
    found = world.call("GET", "/notifications", token=token).body["notices"]
    return [(each["kind"], each["text"]) for each in found]


def test_the_new_password_is_good_from_then_on_and_the_old_one_is_not(world: ApiWorld) -> None:
    token = world.register()

    answer = change(world, token)

    assert (answer.status, answer.body) == (200, {"status": "changed", "ended": 0})
    assert log_in(world, OLD).error == "CREDENTIALS_INVALID"
    assert log_in(world, NEW).status == 200


def test_every_other_login_ends_and_this_one_goes_on(world: ApiWorld) -> None:
    token = world.register()
    others = [log_in(world, OLD).body for _ in range(2)]
    stranger = world.register("stranger@example.com")

    assert change(world, token).body["ended"] == 2

    for other in others:
        assert world.call("GET", "/account", token=other["token"]).error == "TOKEN_INVALID"
        assert world.call("POST", "/auth/refresh", {"refresh_token": other["refresh_token"]}).status == 401
    assert world.call("GET", "/account", token=token).status == 200
    assert world.call("GET", "/account", token=stranger).status == 200


def test_its_owner_is_told_by_mail_whatever_was_switched_off(world: ApiWorld) -> None:
    token = world.register()
    switched_off = world.call(
        "PUT", "/notifications/preferences", {"kinds": {"password_changed": ["push"]}}, token=token
    )
    assert switched_off.error == "REQUEST_INVALID"

    change(world, token)

    kind, text = notices(world, token)[0]
    assert kind == "password_changed"
    assert text.startswith("your password was changed on a device that was logged in, by the old one, and every other")
    preferences = world.call("GET", "/notifications/preferences", token=token).body
    assert "email" in preferences["kinds"]["password_changed"]


def test_a_link_for_a_new_password_that_was_mailed_before_is_void(world: ApiWorld) -> None:
    token = world.register()
    link = sent_link(world)

    change(world, token)

    assert reset(world, link, "a horse of somebody else").error == "LINK_INVALID"


def test_a_wrong_old_password_changes_nothing(world: ApiWorld) -> None:
    token = world.register()
    before = world.snapshot()

    answer = change(world, token, "wrong-horse")

    assert (answer.status, answer.error) == (401, "CREDENTIALS_INVALID")
    assert world.snapshot() == before


def test_guesses_at_it_count_with_those_at_logins_and_wait_as_they_do(world: ApiWorld) -> None:
    token = world.register()

    statuses = [change(world, token, f"wrong-horse {number}").status for number in range(6)]

    assert statuses == [401] * 5 + [429]
    assert change(world, token).error == "TOO_MANY_TRIES"
    # Those on devices that the account knows, for this is one.
    assert log_in(world, OLD, known_device=device_of(world, token)).error == "TOO_MANY_TRIES"
    assert log_in(world, OLD).status == 200


@pytest.mark.parametrize("new", ["qwerty123456", PERSON["email"], "Trader", "short", OLD, "x" * 129])
def test_a_bad_new_one_is_refused_by_name_and_changes_nothing(world: ApiWorld, new: str) -> None:
    token = world.register()
    before = world.snapshot()

    answer = change(world, token, new=new)

    assert (answer.status, answer.fields) == (400, ["new_password"])
    assert world.snapshot() == before


def test_whoever_has_a_second_factor_shows_a_fresh_code_first(world: ApiWorld) -> None:
    token, secret, _ = switch_on(world)
    world.clock.sleep(CODE_IS_FRESH.total_seconds())
    assert change(world, token).error == "FRESH_CODE_NEEDED"

    assert world.call("POST", f"{PATH}/verify", {"code": shown(world, secret)}, token=token).status == 200

    assert change(world, token).status == 200
    wait_a_step(world)
    assert log_in(world, NEW).error == "SECOND_FACTOR_NEEDED"


def test_a_password_that_was_reset_while_the_old_one_was_checked_stays(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a stranger at a trader's phone who knows the old password, and the link that the trader is about to use
    token = world.register()
    link = sent_link(world)
    matches = Argon2Passwords.matches

    def slow(passwords: Argon2Passwords, password: str, password_hash: str | None) -> bool:
        is_right = matches(passwords, password, password_hash)
        assert reset(world, link).status == 200
        return is_right

    monkeypatch.setattr(Argon2Passwords, "matches", slow)

    # When the stranger's change comes after the trader's
    answer = change(world, token, new="a horse of a stranger")

    # Then the trader's password is the one that holds
    monkeypatch.undo()
    assert answer.error == "CREDENTIALS_INVALID"
    assert log_in(world, NEW).status == 200
