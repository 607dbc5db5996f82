"""A forgotten password and an address to confirm: what a link of an e-mail does, and what it never tells."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from algotrading.adapters.passwords import Argon2Passwords
from algotrading.domain.api_keys import ApiKey, Scope
from algotrading.domain.email_links import LASTS, WRONG_OWNER, LinkPurpose
from algotrading.domain.mail import Mail
from algotrading.domain.roles import INVITATION_LASTS, ViewerGrant
from tests.fakes.access import MemoryApiKeys, MemoryViewerGrants
from tests.unit.api.test_logins import device_of, guess
from tests.unit.api.test_second_factor import shown, switch_on, wait_a_step
from tests.unit.api.world import Answer, ApiWorld

PERSON = {"email": "trader@example.com", "password": "good-old-horse"}
NEW = "a better horse"
TOKEN = re.compile(r"[0-9a-f]{32}\.[A-Za-z0-9_-]{43}")


def token_in(mail: Mail) -> str:
    """The link's token, which the mail holds twice: in the link and for typing."""
    first, second = TOKEN.findall(mail.text)
    assert first == second
    return str(first)


def forget(world: ApiWorld, email: str = PERSON["email"]) -> Answer:
    return world.call("POST", "/auth/password/forgot", {"email": email})


def reset(world: ApiWorld, token: str, password: str = NEW) -> Answer:
    return world.call("POST", "/auth/password/reset", {"token": token, "password": password})


def verify(world: ApiWorld, token: str, password: str = PERSON["password"]) -> Answer:
    return world.call("POST", "/auth/email/verify", {"token": token, "password": password})


def log_in(world: ApiWorld, password: str, **code: str) -> Answer:
    return world.call("POST", "/auth/login", {"email": PERSON["email"], "password": password, **code})


def sent_link(world: ApiWorld, email: str = PERSON["email"]) -> str:
    """The token that somebody who forgot the password is sent."""
    world.deliver_mails()
    assert forget(world, email).status == 202
    [mail] = world.deliver_mails()
    assert mail.to == email
    return token_in(mail)


# --- a forgotten password -------------------------------------------------------------------------


def test_somebody_who_forgot_chooses_a_new_password_by_the_link_of_a_mail(world: ApiWorld) -> None:
    world.register()
    token = sent_link(world)

    answer = reset(world, token)

    assert (answer.status, answer.body) == (200, {"status": "changed"})
    assert log_in(world, NEW).status == 200
    assert log_in(world, PERSON["password"]).error == "CREDENTIALS_INVALID"


COMPOSED, DECOMPOSED = "caf\u00e9 with cold milk", "cafe\u0301 with cold milk"


def test_an_accent_is_the_same_on_every_keyboard_wherever_a_password_is_typed(world: ApiWorld) -> None:
    # Registered and confirmed
    world.call("POST", "/auth/register", {"email": PERSON["email"], "password": COMPOSED})
    [mail] = world.deliver_mails()
    link = mail.text.partition("/confirm#")[2].split()[0]
    opened = world.call("POST", "/auth/register/confirm", {"token": link, "password": DECOMPOSED})
    assert opened.status == 200, opened.body
    # Logged in
    token = log_in(world, DECOMPOSED).body["token"]
    assert log_in(world, COMPOSED).status == 200
    # Changed: the same one is no other
    both = {"old_password": DECOMPOSED, "new_password": COMPOSED}
    assert world.call("POST", "/auth/password", both, token=token).fields == ["new_password"]
    changed = {"old_password": DECOMPOSED, "new_password": f"{DECOMPOSED} again"}
    assert world.call("POST", "/auth/password", changed, token=token).status == 200
    assert log_in(world, f"{COMPOSED} again").status == 200
    # Reset
    assert reset(world, sent_link(world), DECOMPOSED).status == 200
    token = log_in(world, COMPOSED).body["token"]
    # And asked for at a deletion
    assert world.call("POST", "/account/delete", {"password": DECOMPOSED}, token=token).status == 200


@pytest.mark.parametrize("password", ["e\u0301" * 6, "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44" * 2])
def test_a_new_password_is_counted_and_judged_as_it_is_hashed(world: ApiWorld, password: str) -> None:
    asked = world.call("POST", "/auth/register", {"email": PERSON["email"], "password": password})

    assert (asked.status, asked.fields) == (400, ["password"])


def test_the_answer_is_the_same_whoever_has_an_account_and_so_is_the_work(world: ApiWorld) -> None:
    world.register("known@example.com")
    world.errands.asked.clear()
    before = world.snapshot()

    known, unknown = forget(world, "known@example.com"), forget(world, "nobody@example.com")

    # The same is put into the queue for both, and nothing else is touched; who has an account is looked at elsewhere.
    assert (known.status, known.body) == (unknown.status, unknown.body) == (202, {"status": "asked"})
    assert [each.model_dump() for each in world.errands.asked] == [
        {"kind": "reset_password", "email": "known@example.com"},
        {"kind": "reset_password", "email": "nobody@example.com"},
    ]
    assert {**world.snapshot(), "errands": before["errands"]} == before
    assert [mail.to for mail in world.deliver_mails()] == ["known@example.com"]


def test_the_mail_goes_to_the_address_as_it_is_stored(world: ApiWorld) -> None:
    world.register("Trader@Example.com")
    world.deliver_mails()

    forget(world, "TRADER@example.COM")

    assert [mail.to for mail in world.deliver_mails()] == ["Trader@Example.com"]


def test_a_link_is_good_once(world: ApiWorld) -> None:
    world.register()
    token = sent_link(world)
    assert reset(world, token).status == 200

    again = reset(world, token, "an even better horse")

    assert (again.status, again.error) == (400, "LINK_INVALID")
    assert log_in(world, NEW).status == 200


def test_a_link_is_good_for_half_an_hour(world: ApiWorld) -> None:
    world.register()
    token = sent_link(world)
    world.clock.sleep(timedelta(minutes=30).total_seconds())

    late = reset(world, token)

    assert LASTS[LinkPurpose.RESET_PASSWORD] == timedelta(minutes=30)
    assert (late.status, late.error) == (400, "LINK_INVALID")
    assert log_in(world, PERSON["password"]).status == 200


def test_every_device_is_logged_out(world: ApiWorld) -> None:
    world.register()
    refresh_token = log_in(world, PERSON["password"]).body["refresh_token"]

    reset(world, sent_link(world))

    assert world.call("POST", "/auth/refresh", {"refresh_token": refresh_token}).error == "TOKEN_EXPIRED"


def test_a_new_password_ends_the_wait_of_the_owners_own_device(world: ApiWorld) -> None:
    # Given an owner who has forgotten the password, and tried until their device has to wait
    device = device_of(world, world.register())
    while guess(world, known_device=device) != 429:
        pass

    assert reset(world, sent_link(world)).status == 200

    assert log_in(world, NEW, known_device=device).status == 200


def test_the_second_factor_is_asked_for_after_a_reset_as_before(world: ApiWorld) -> None:
    _, secret, _ = switch_on(world)
    reset(world, sent_link(world))
    wait_a_step(world)

    assert log_in(world, NEW).error == "SECOND_FACTOR_NEEDED"
    assert log_in(world, NEW, code=shown(world, secret)).status == 200


@pytest.mark.parametrize("password", ["qwerty123456", "short", "trader@example.com", "Trader@example.com"])
def test_a_bad_new_password_is_refused_and_the_link_stays_good(world: ApiWorld, password: str) -> None:
    world.register()
    token = sent_link(world)

    refused = reset(world, token, password)

    assert (refused.status, refused.fields) == (400, ["password"])
    assert reset(world, token).status == 200


@pytest.mark.parametrize("is_known", [True, False], ids=["of an account", "of none"])
def test_a_password_is_neither_judged_nor_hashed_for_somebody_without_a_link(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    world.register()
    [user_id] = world.database.users
    made_up = f"{user_id.hex if is_known else '0' * 32}.{'x' * 43}"
    hashed: list[str] = []
    monkeypatch.setattr(Argon2Passwords, "hash", lambda _, password: hashed.append(password))
    monkeypatch.setattr(Argon2Passwords, "matches", lambda _, password, __: hashed.append(password))

    assert reset(world, made_up, "qwerty123456").error == "LINK_INVALID"
    assert reset(world, made_up).error == "LINK_INVALID"
    assert verify(world, made_up, "wrong-horse").error == "LINK_INVALID"
    assert hashed == []


@pytest.mark.parametrize("token", ["x", "no.token", f"{'0' * 32}.{'x' * 44}", f"{'g' * 32}.{'x' * 43}"])
def test_what_cannot_be_a_link_is_none(world: ApiWorld, token: str) -> None:
    assert reset(world, token).error == "LINK_INVALID"
    assert verify(world, token).error == "LINK_INVALID"


def test_anothers_secret_is_worth_nothing_under_my_name(world: ApiWorld) -> None:
    world.register()
    world.register("other@example.com")
    mine, hers = sent_link(world), sent_link(world, "other@example.com")
    forged = f"{mine.partition('.')[0]}.{hers.partition('.')[2]}"

    assert reset(world, forged).error == "LINK_INVALID"
    assert reset(world, mine).status == 200


def test_tokens_are_stored_as_hashes_only(world: ApiWorld) -> None:
    world.register()
    token = sent_link(world)
    secret = token.partition(".")[2]

    assert world.database.email_links
    assert secret not in str(world.database.email_links)
    assert secret not in str(world.errands.asked)
    assert secret not in repr(world.mailer.sent)


def test_asking_again_and_again_is_slowed_down_for_an_account_that_is_there_and_one_that_is_not(
    world: ApiWorld,
) -> None:
    world.register()
    for email in (PERSON["email"], "nobody@example.com"):
        statuses = [forget(world, email).status for _ in range(5)]
        assert statuses == [202, 202, 202, 429, 429]


def test_strangers_who_ask_for_an_owner_do_not_keep_the_owners_device_waiting(world: ApiWorld) -> None:
    # Given strangers who have asked for the owner's mailbox until they wait
    world.register()
    device = str(log_in(world, PERSON["password"]).body["device_id"])
    while forget(world).status == 202:
        pass

    # Then the owner's device is sent a link, a few times, and whoever knows none waits
    def ask(known: str) -> int:
        body = {"email": PERSON["email"], "known_device": known}
        return world.call("POST", "/auth/password/forgot", body).status

    assert ask(str(uuid4())) == 429
    assert [ask(device) for _ in range(4)] == [202, 202, 202, 429]


def test_guessing_at_links_is_slowed_down(world: ApiWorld) -> None:
    answers = [reset(world, f"{number:032x}.{'x' * 43}") for number in range(25)]

    assert [answer.status for answer in answers[:20]] == [400] * 20
    assert answers[-1].error == "TOO_MANY_TRIES"
    assert "Retry-After" in answers[-1].headers


def test_a_reset_lifts_the_wait_that_somebody_elses_guesses_had_brought(world: ApiWorld) -> None:
    world.register()
    token = sent_link(world)
    for _ in range(6):
        log_in(world, "wrong-horse")
    assert log_in(world, PERSON["password"]).error == "TOO_MANY_TRIES"

    reset(world, token)

    assert log_in(world, NEW).status == 200


def test_a_reset_that_revokes_access_ends_keys_and_viewers(world: ApiWorld) -> None:
    world.register()
    world.deliver_mails()
    user_id = next(iter(world.database.users))
    key = ApiKey(uuid4(), user_id, "script", frozenset({Scope.READ}), world.clock.now(), world.clock.now())
    MemoryApiKeys(world.database).add(key, bytes(32))
    ask = {"token": sent_link(world), "password": NEW, "revoke_access": True}

    answer = world.call("POST", "/auth/password/reset", ask)

    assert answer.status == 200
    assert not world.database.api_keys


# --- an address to confirm ------------------------------------------------------------------------


def is_verified(world: ApiWorld, token: str) -> bool:
    return bool(world.call("GET", "/account", token=token).body["email_verified"])


def link_of_before(world: ApiWorld, token: str) -> str:
    """The link that somebody is sent who has had an account since before addresses were confirmed first."""
    assert world.call("POST", "/auth/email/resend", token=token).body == {"status": "asked"}
    [mail] = world.deliver_mails()
    assert mail.to == PERSON["email"]
    assert f"https://app/verify#{token_in(mail)}" in mail.text
    return token_in(mail)


def test_an_account_of_before_confirms_its_address_by_a_link(world: ApiWorld) -> None:
    token = world.register_as_before()
    assert not is_verified(world, token)
    link = link_of_before(world, token)

    answer = verify(world, link)

    assert (answer.status, answer.body) == (200, {"status": "verified"})
    assert is_verified(world, token)
    assert verify(world, link).error == "LINK_INVALID"


def test_the_mail_for_an_account_of_before_is_not_taken_for_the_one_that_opens_an_account(world: ApiWorld) -> None:
    # Given a stranger who is logged in to an account with somebody's address, which was never confirmed
    world.call("POST", "/auth/email/resend", token=world.register_as_before())
    [strangers] = world.deliver_mails()

    # When the owner registers with an address that has no account
    world.call("POST", "/auth/register", {"email": "new@example.com", "password": NEW})
    [owners] = world.deliver_mails()

    # Then the mails differ at first sight, and the stranger's says what to do instead of following its link
    assert owners.subject == "Confirm your e-mail"
    assert strangers.subject == "Confirm the e-mail of an account that is open"
    assert "do not open the link" in strangers.text
    assert "https://app/forgot" in strangers.text


def test_a_link_that_a_stranger_has_sent_confirms_nothing_for_an_owner_who_follows_it(world: ApiWorld) -> None:
    # Given a stranger in an account with somebody's address, who has its owner sent the link
    strangers = world.register_as_before()
    link = link_of_before(world, strangers)

    # When the owner follows it, and enters the own password
    answer = verify(world, link, NEW)

    # Then nothing is confirmed, and the words say what to do instead
    assert (answer.status, answer.error, answer.body["message"]) == (401, "CREDENTIALS_INVALID", WRONG_OWNER)
    assert not is_verified(world, strangers)

    # And that ends the stranger's ways in
    user_id, now = next(iter(world.database.users)), world.clock.now()
    viewer = ViewerGrant(uuid4(), user_id, "stranger", PERSON["email"], now, now + INVITATION_LASTS)
    MemoryViewerGrants(world.database).invite(viewer, bytes(32))
    assert reset(world, sent_link(world)).status == 200
    assert log_in(world, PERSON["password"]).error == "CREDENTIALS_INVALID"
    assert not world.database.viewers
    assert all(not login.is_alive(world.clock.now()) for login in world.database.logins.values())


def test_a_wrong_password_leaves_the_link_good(world: ApiWorld) -> None:
    token = world.register_as_before()
    link = link_of_before(world, token)
    assert verify(world, link, "wrong-horse").status == 401
    assert verify(world, link).status == 200


def test_guesses_at_the_password_beside_a_link_are_slowed_down(world: ApiWorld) -> None:
    link = link_of_before(world, world.register_as_before())
    answers = [verify(world, link, f"wrong horse {number}") for number in range(21)]
    assert [each.status for each in answers] == [401] * 20 + [429]


def test_the_link_can_be_sent_again_until_the_address_is_confirmed(world: ApiWorld) -> None:
    token = world.register_as_before()
    link_of_before(world, token)
    verify(world, link_of_before(world, token))

    again = world.call("POST", "/auth/email/resend", {}, token=token)
    assert (again.status, again.body) == (202, {"status": "verified"})
    assert world.deliver_mails() == []


def test_sending_again_is_slowed_down(world: ApiWorld) -> None:
    token = world.register_as_before()

    statuses = [world.call("POST", "/auth/email/resend", token=token).status for _ in range(5)]

    assert statuses == [202, 202, 202, 429, 429]


def test_a_link_for_one_thing_does_not_do_the_other(world: ApiWorld) -> None:
    assert reset(world, link_of_before(world, world.register_as_before())).error == "LINK_INVALID"

    assert verify(world, sent_link(world)).error == "LINK_INVALID"


def test_a_mail_that_the_service_refuses_for_good_is_given_up(world: ApiWorld) -> None:
    world.register()
    world.mailer.refuses = True
    forget(world)

    assert world.deliver_mails() == []


# --- where it is real money -----------------------------------------------------------------------


def test_a_broker_is_connected_only_with_a_confirmed_address(world: ApiWorld) -> None:
    world.needs_verified_email = True
    token = world.register_as_before()
    link = link_of_before(world, token)
    keys = {"api_key": "key00001", "api_secret": "secret00001"}

    refused = world.call("POST", "/broker/connect", keys, token=token)
    login = world.call("GET", "/broker/login", token=token)

    assert (refused.status, refused.error) == (403, "EMAIL_UNVERIFIED")
    assert (login.status, login.error) == (403, "EMAIL_UNVERIFIED")
    assert not world.database.broker_accounts

    verify(world, link)
    world.connect(token)


def test_where_it_is_play_money_an_address_need_not_be_confirmed(world: ApiWorld) -> None:
    token = world.register_as_before()

    world.connect(token)

    assert not is_verified(world, token)


def test_a_login_with_the_old_password_does_not_outlive_a_reset_that_comes_while_it_is_checked(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a trader whose password a stranger knows, and the link by which the trader is about to change it
    world.register()
    world.deliver_mails()
    link = sent_link(world)
    matches = Argon2Passwords.matches

    def slow(passwords: Argon2Passwords, password: str, password_hash: str | None) -> bool:
        is_right = matches(passwords, password, password_hash)
        assert reset(world, link).status == 200
        return is_right

    # When the stranger logs in, and the reset is over before the password has been checked
    monkeypatch.setattr(Argon2Passwords, "matches", slow)
    answer = log_in(world, PERSON["password"])

    # Then whoever knew the old password is not to stay
    assert answer.status == 401
