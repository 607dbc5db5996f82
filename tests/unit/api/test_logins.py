"""Staying logged in, logging out here and everywhere, and what a copied refresh token is worth."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from algotrading.domain.logins import GRACE, LOGIN_LASTS
from algotrading.services.accounts import API_AUDIENCE
from tests.unit.api.world import ACCESS_LASTS, Answer, ApiWorld

NOBODY = UUID(int=7)
PERSON = {"email": "trader@example.com", "password": "good-old-horse"}


def log_in(world: ApiWorld, device: str) -> Answer:
    answer = world.call("POST", "/auth/login", {**PERSON, "device": device})
    assert answer.status == 200
    return answer


def refresh(world: ApiWorld, token: str) -> Answer:
    return world.call("POST", "/auth/refresh", {"refresh_token": token})


def device_of(world: ApiWorld, token: str) -> str:
    return str(world.tokens.read(token, audience=API_AUDIENCE).device_id)


def devices(world: ApiWorld, token: str) -> list[str]:
    return [each["name"] for each in world.call("GET", "/auth/devices", token=token).body["devices"]]


def wait(world: ApiWorld, how_long: timedelta) -> None:
    world.clock.sleep(how_long.total_seconds())


def test_a_trader_stays_logged_in_without_the_password(world: ApiWorld) -> None:
    # Given a bearer token that has expired
    world.register()
    first = log_in(world, "phone").body
    wait(world, ACCESS_LASTS)
    assert world.call("GET", "/account", token=first["token"]).error == "TOKEN_EXPIRED"

    # When the client refreshes
    answer = refresh(world, first["refresh_token"])

    # Then it goes on, on the same device
    assert answer.status == 200
    assert (answer.body["device_id"], answer.body["expires_in"]) == (first["device_id"], ACCESS_LASTS.total_seconds())
    assert world.call("GET", "/account", token=answer.body["token"]).status == 200


def test_a_copied_token_ends_the_login_of_both(world: ApiWorld) -> None:
    world.register()
    copied = log_in(world, "phone").body["refresh_token"]
    owners = refresh(world, copied).body["refresh_token"]
    wait(world, GRACE + timedelta(seconds=1))

    thief = refresh(world, copied)

    assert (thief.status, thief.error) == (401, "TOKEN_INVALID")
    assert (refresh(world, owners).status, refresh(world, owners).error) == (401, "TOKEN_EXPIRED")


def test_a_token_that_comes_again_at_once_brings_the_very_same_one(world: ApiWorld) -> None:
    # An answer was lost, or two requests of one device have crossed.
    world.register()
    first = log_in(world, "phone").body["refresh_token"]
    second = refresh(world, first).body["refresh_token"]
    wait(world, GRACE)

    again = refresh(world, first)

    assert (again.status, again.body["refresh_token"]) == (200, second)
    assert len({first, second, refresh(world, second).body["refresh_token"]}) == 3


@pytest.mark.parametrize("first_to_go_on", ["owner", "thief"])
def test_who_copies_a_token_and_uses_it_at_once_gets_no_login_beside_the_owners(
    world: ApiWorld, first_to_go_on: str
) -> None:
    # Given a thief who refreshes with a copy within the grace of the owner's use
    world.register()
    copied = log_in(world, "phone").body["refresh_token"]
    held = {"owner": refresh(world, copied).body["refresh_token"]}
    wait(world, GRACE - timedelta(seconds=1))
    held["thief"] = refresh(world, copied).body["refresh_token"]

    # When each goes on later, whoever comes first
    wait(world, ACCESS_LASTS)
    second_to_go_on = "thief" if first_to_go_on == "owner" else "owner"
    went_on = refresh(world, held[first_to_go_on])
    assert went_on.status == 200
    wait(world, GRACE + timedelta(seconds=1))
    met = refresh(world, held[second_to_go_on])

    # Then the login ends for both, and its owner is told
    assert (met.status, met.error) == (401, "TOKEN_INVALID")
    assert refresh(world, went_on.body["refresh_token"]).error == "TOKEN_EXPIRED"
    assert world.call("GET", "/account", token=went_on.body["token"]).error == "TOKEN_INVALID"
    assert "login_copied" in told(world)


def test_after_thirty_days_the_password_is_asked_for(world: ApiWorld) -> None:
    world.register()
    token = log_in(world, "phone").body["refresh_token"]
    wait(world, LOGIN_LASTS)

    assert refresh(world, token).error == "TOKEN_EXPIRED"


@pytest.mark.parametrize(
    "token", ["", "nonsense", f"{NOBODY.hex}.{'x' * 43}", f"{NOBODY}.{'x' * 43}", f"{NOBODY.hex}.{'é' * 43}"]
)
def test_what_is_no_token_of_ours_is_refused(world: ApiWorld, token: str) -> None:
    before = world.snapshot()

    assert (refresh(world, token).status, refresh(world, token).error) == (401, "TOKEN_INVALID")
    assert world.snapshot() == before


def test_a_token_in_another_users_name_is_refused(world: ApiWorld) -> None:
    world.register()
    _, secret = log_in(world, "phone").body["refresh_token"].split(".")
    other = world.user_of(world.register("other@example.com"))

    assert refresh(world, f"{other.hex}.{secret}").error == "TOKEN_INVALID"


def test_who_logs_out_is_out_on_that_device_only(world: ApiWorld) -> None:
    world.register()
    phone, desk = log_in(world, "phone").body, log_in(world, "desk").body

    for _ in range(2):
        assert world.call("POST", "/auth/logout", {"refresh_token": phone["refresh_token"]}).status == 200

    assert refresh(world, phone["refresh_token"]).error == "TOKEN_EXPIRED"
    assert refresh(world, desk["refresh_token"]).status == 200


def test_devices_are_listed_and_ended_one_by_one(world: ApiWorld) -> None:
    world.register()
    wait(world, timedelta(seconds=1))
    phone = log_in(world, "phone").body
    wait(world, timedelta(seconds=1))
    desk = log_in(world, "desk").body
    assert devices(world, desk["token"])[:2] == ["desk", "phone"]

    ended = world.call("DELETE", f"/auth/devices/{phone['device_id']}", token=desk["token"])

    assert ended.status == 200
    assert "phone" not in devices(world, desk["token"])
    assert refresh(world, phone["refresh_token"]).error == "TOKEN_EXPIRED"
    again = world.call("DELETE", f"/auth/devices/{phone['device_id']}", token=desk["token"])
    assert (again.status, again.error) == (404, "NOT_FOUND")


def test_everywhere_is_everywhere(world: ApiWorld) -> None:
    world.register()
    phone, desk = log_in(world, "phone").body, log_in(world, "desk").body

    answer = world.call("DELETE", "/auth/devices", token=desk["token"])

    # `register` logged a device in, too.
    assert (answer.status, answer.body) == (200, {"ended": 3})
    assert {refresh(world, each["refresh_token"]).error for each in (phone, desk)} == {"TOKEN_EXPIRED"}
    again = log_in(world, "again").body
    assert devices(world, again["token"]) == ["again"]


def test_no_token_is_stored_as_it_is(world: ApiWorld) -> None:
    world.register()
    _, secret = log_in(world, "phone").body["refresh_token"].split(".")

    assert secret not in repr(world.database)


def test_guessing_a_password_is_slowed_down_and_the_owner_comes_in_again(world: ApiWorld) -> None:
    # Given somebody who guesses
    world.register()
    wrong = {**PERSON, "password": "a wrong one"}
    answers = [world.call("POST", "/auth/login", wrong) for _ in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]

    # Then also the right password is not looked at until the wait is over
    refused = world.call("POST", "/auth/login", PERSON)
    assert (refused.error, refused.headers["Retry-After"]) == ("TOO_MANY_TRIES", "1")
    wait(world, timedelta(seconds=1))
    assert world.call("POST", "/auth/login", PERSON).status == 200
    assert [world.call("POST", "/auth/login", wrong).status for _ in range(5)] == [401] * 5


def guess_on(world: ApiWorld, email: str, times: int) -> None:
    """Wrong passwords, each as soon as it is looked at."""
    for _ in range(times):
        answer = world.call("POST", "/auth/login", {"email": email, "password": "a wrong one"})
        while answer.status == 429:
            wait(world, timedelta(seconds=int(answer.headers["Retry-After"])))
            answer = world.call("POST", "/auth/login", {"email": email, "password": "a wrong one"})
        assert answer.status == 401


def told(world: ApiWorld) -> list[str]:
    world.deliver_mails()
    return [each.kind for each in world.database.notices]


def test_who_guesses_for_long_has_the_owner_told_once_a_day_whoever_the_account_belongs_to(world: ApiWorld) -> None:
    # Given an account at which somebody guesses, and slips of its owner's: nobody is told of those
    world.register()
    world.deliver_mails()
    guess_on(world, PERSON["email"], 11)
    assert told(world) == []

    # When the guesses go on, at an e-mail that has no account, too
    for email in (PERSON["email"].upper(), "nobody@example.com"):
        guess_on(world, email, 13)
        # Then as much is asked for both, and looked up elsewhere
        assert {each.model_dump()["email"] for each in world.errands.asked} == {email}
        assert told(world) == ["logins_held_up"]

    # And on the next day once more
    wait(world, timedelta(days=1))
    guess_on(world, PERSON["email"], 13)
    assert told(world) == ["logins_held_up"] * 2


def test_of_guesses_at_others_from_the_same_place_nobody_is_told(world: ApiWorld) -> None:
    world.register()
    world.deliver_mails()
    guess = [f"nobody{number // 4}@example.com" for number in range(107)]
    for email in guess:
        guess_on(world, email, 1)

    answer = world.call("POST", "/auth/login", PERSON)

    assert (answer.status, int(answer.headers["Retry-After"]) > 60) == (429, True)
    assert world.errands.asked == []


def test_a_login_is_refused_all_the_same_when_nobody_can_be_asked_to_tell(world: ApiWorld) -> None:
    world.register()
    guess_on(world, PERSON["email"], 12)
    world.errands.is_away = True

    assert world.call("POST", "/auth/login", PERSON).error == "TOO_MANY_TRIES"


@pytest.mark.parametrize("places", [1, 50], ids=["from one place", "from fifty"])
def test_fewer_than_a_hundred_guesses_an_hour_are_looked_at_for_one_account(world: ApiWorld, places: int) -> None:
    world.register()
    looked_at: list[datetime] = []

    # Given somebody who guesses for two hours, every five seconds, from wherever they can
    for number in range(2 * 720):
        answer = world.request(
            "POST",
            "/api/v1/auth/login",
            text=json.dumps({**PERSON, "password": f"wrong-horse-{number}"}),
            headers={"Content-Type": "application/json"},
            query=None,
            address=f"203.0.113.{number % places}",
        )
        assert answer.status in {401, 429}
        looked_at += [world.clock.now()] if answer.status == 401 else []
        wait(world, timedelta(seconds=5))

    # Then in no hour a hundred of them are held against the password
    hour = timedelta(hours=1)
    assert max(sum(first <= each < first + hour for each in looked_at) for first in looked_at) < 100


def test_an_unknown_email_is_slowed_down_as_a_known_one(world: ApiWorld) -> None:
    world.register()
    for email in (PERSON["email"], "nobody@example.com"):
        guesses = [world.call("POST", "/auth/login", {"email": email, "password": "a wrong one"}) for _ in range(6)]
        assert [answer.status for answer in guesses] == [401] * 5 + [429], email


@pytest.mark.parametrize("end", ["log out", "end the device", "end all devices", "use a token again"])
def test_a_bearer_token_ends_with_its_login_and_not_with_another(world: ApiWorld, end: str) -> None:
    world.register("user@example.com")
    person = {"email": "user@example.com", "password": "good-old-horse"}
    phone, desk = (world.call("POST", "/auth/login", {**person, "device": name}).body for name in ("phone", "desk"))
    assert world.call("GET", "/strategy", token=phone["token"]).status == 200

    if end == "log out":
        world.call("POST", "/auth/logout", {"refresh_token": phone["refresh_token"]})
    elif end == "end the device":
        world.call("DELETE", f"/auth/devices/{phone['device_id']}", token=desk["token"])
    elif end == "end all devices":
        world.call("DELETE", "/auth/devices", token=desk["token"])
    else:
        refresh = {"refresh_token": phone["refresh_token"]}
        world.call("POST", "/auth/refresh", refresh)
        world.clock.sleep(60)
        assert world.call("POST", "/auth/refresh", refresh).error == "TOKEN_INVALID"

    assert world.call("GET", "/strategy", token=phone["token"]).error == "TOKEN_INVALID"
    others = world.call("GET", "/strategy", token=desk["token"])
    assert others.status == (401 if end == "end all devices" else 200)


def test_a_bearer_token_of_anothers_login_is_none(world: ApiWorld) -> None:
    # Signed by us all the same: what names a login that is not its user's opens nothing.
    token, other = world.register(), world.register("other@example.com")
    [device] = world.call("GET", "/auth/devices", token=other).body["devices"]
    lifetime = timedelta(hours=1)
    mixed = world.tokens.issue(
        world.user_of(token), audience="api", lifetime=lifetime, device_id=UUID(device["device_id"])
    )

    assert world.call("GET", "/strategy", token=mixed).error == "TOKEN_INVALID"


def log_in_as(world: ApiWorld, name: str, known_device: str | None = None) -> dict[str, str]:
    body = {**PERSON, "device": name, **({} if known_device is None else {"known_device": known_device})}
    answer = world.call("POST", "/auth/login", body)
    assert answer.status == 200, answer.body
    return {str(key): str(value) for key, value in answer.body.items()}


def test_a_login_on_a_device_that_was_not_seen_before_is_told_to_its_owner(world: ApiWorld) -> None:
    token = world.register()
    assert told(world) == []

    login = log_in_as(world, 'a "phone"')

    [notice] = world.database.notices
    assert notice.kind == "new_device"
    assert 'not seen before, which calls itself "a "phone"". If that was not you' in notice.text
    # And it goes by mail, whoever would switch that off.
    assert world.call("PUT", "/notifications/preferences", {"kinds": {"new_device": []}}, token=token).status == 400
    assert (
        world.call("PUT", "/notifications/preferences", {"kinds": {"new_device": ["email"]}}, token=token).status == 200
    )
    kinds = world.call("GET", "/notifications/preferences", token=token).body["kinds"]
    assert kinds["new_device"] == ["email"]
    # A device that says which login was its own is known from then on, also after it has logged out.
    again = log_in_as(world, "a phone", login["device_id"])
    world.call("POST", "/auth/logout", {"refresh_token": again["refresh_token"]})
    log_in_as(world, "a phone", again["device_id"])
    log_in_as(world, "a desk", device_of(world, token))
    assert told(world) == ["new_device"]


@pytest.mark.parametrize("how", ["made up", "another user's", "ended from elsewhere", "ended everywhere"])
def test_what_is_no_device_of_the_owners_any_more_is_told(world: ApiWorld, how: str) -> None:
    token = world.register()
    first, other = device_of(world, token), device_of(world, world.register("other@example.com"))
    known = {"made up": str(NOBODY), "another user's": other}.get(how, first)
    if how == "ended from elsewhere":
        world.call("DELETE", f"/auth/devices/{first}", token=token)
    if how == "ended everywhere":
        world.call("DELETE", "/auth/devices", token=token)

    log_in_as(world, "a phone", known)

    assert told(world) == ["new_device"]


def test_a_refused_login_tells_of_no_device(world: ApiWorld) -> None:
    world.register()

    assert world.call("POST", "/auth/login", {**PERSON, "password": "a wrong one"}).status == 401

    assert told(world) == []


# --- while strangers guess -------------------------------------------------------------------------


def guess(world: ApiWorld, **more: str) -> int:
    return world.call("POST", "/auth/login", {**PERSON, "password": "a wrong one", **more}).status


def test_strangers_guesses_do_not_hold_up_the_owners_device(world: ApiWorld) -> None:
    # Given strangers who have guessed at an account until everybody waits for it
    world.register()
    device = log_in(world, "phone").body["device_id"]
    while guess(world) != 429:
        pass
    assert world.call("POST", "/auth/login", PERSON).status == 429

    # When the owner logs in on a device that was logged in before
    answer = world.call("POST", "/auth/login", {**PERSON, "known_device": device})

    # Then that is no try of theirs; and they wait as before
    assert answer.status == 200
    assert (guess(world), world.call("POST", "/auth/login", PERSON).status) == (429, 429)


def test_a_device_that_the_account_knows_has_no_more_tries_than_the_account(world: ApiWorld) -> None:
    world.register()
    device = log_in(world, "phone").body["device_id"]

    assert [guess(world, known_device=device) for _ in range(6)] == [401] * 5 + [429]
    right = {**PERSON, "known_device": device}
    assert world.call("POST", "/auth/login", right).status == 429
    # And its owner is told once it waits for long.
    waits = 0
    while not world.errands.asked and waits < 20:
        world.clock.sleep(60.0 * waits)
        guess(world, known_device=device)
        guess(world, known_device=device)
        waits += 1
    assert [each.kind for each in world.errands.asked] == ["logins_held_up"]


def test_many_devices_that_the_account_knows_have_no_more_tries_than_one(world: ApiWorld) -> None:
    world.register()
    devices = [log_in(world, f"phone {number}").body["device_id"] for number in range(6)]

    assert [guess(world, known_device=device) for device in devices] == [401] * 5 + [429]


@pytest.mark.parametrize("device", ["made up", "another user's", "ended from elsewhere"])
def test_a_device_that_is_not_the_accounts_is_counted_by_the_account(world: ApiWorld, device: str) -> None:
    token = world.register()
    first, others = device_of(world, token), device_of(world, world.register("other@example.com"))
    if device == "ended from elsewhere":
        world.call("DELETE", f"/auth/devices/{first}", token=token)
    known = {"made up": str(NOBODY), "another user's": others}.get(device, first)
    while guess(world) != 429:
        pass

    # The same answer as without one, of an account that is there and of one that is not.
    assert guess(world, known_device=known) == 429
    nobody = {"email": "nobody@example.com", "password": "x", "known_device": known}
    answers = [world.call("POST", "/auth/login", nobody) for _ in range(6)]
    assert [each.status for each in answers] == [401] * 5 + [429]
