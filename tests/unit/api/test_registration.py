"""Opening an account: what a stranger does not learn by it, and what a stranger cannot prepare for somebody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from algotrading.adapters.passwords import Argon2Passwords
from algotrading.domain.accounts import NO_MATCH
from algotrading.domain.errors import DatabaseUnavailable
from algotrading.domain.mail import Mail
from algotrading.domain.registrations import KEPT_FOR, WRONG_PAIR
from algotrading.domain.throttle import REMEMBERED_SECONDS
from tests.fakes.registrations import MemoryRegistrations
from tests.unit.api.test_account_links import token_in
from tests.unit.api.world import PASSWORD, Answer, ApiWorld

NEW, TAKEN = "new@example.com", "taken@example.com"
STRANGERS = "a strangers passphrase"
REQUEST_IDS = {"X-Request-Id"}
"""Headers that are another one's in each answer."""


def ask(world: ApiWorld, email: str = NEW, password: str = PASSWORD) -> Answer:
    return world.call("POST", "/auth/register", {"email": email, "password": password})


def mailed(world: ApiWorld, email: str = NEW, password: str = PASSWORD) -> Mail:
    """The mail that comes of asking."""
    assert ask(world, email, password).status == 202
    [mail] = world.deliver_mails()
    return mail


def link(world: ApiWorld, email: str = NEW, password: str = PASSWORD) -> str:
    return token_in(mailed(world, email, password))


def confirm(world: ApiWorld, token: str, password: str = PASSWORD) -> Answer:
    return world.call("POST", "/auth/register/confirm", {"token": token, "password": password})


def log_in(world: ApiWorld, email: str = NEW, password: str = PASSWORD) -> Answer:
    return world.call("POST", "/auth/login", {"email": email, "password": password})


def bytes_of(answer: Answer) -> tuple[int, str, dict[str, str]]:
    """All that a client sees but what names the request."""
    return answer.status, json.dumps(answer.body), {k: v for k, v in answer.headers.items() if k not in REQUEST_IDS}


@contextmanager
def counted() -> Iterator[list[str]]:
    """What is done with passwords, in order."""
    done: list[str] = []
    hash_, matches = Argon2Passwords.hash, Argon2Passwords.matches

    def counting_hash(passwords: Argon2Passwords, password: str) -> str:
        done.append("hash")
        return hash_(passwords, password)

    def counting_matches(passwords: Argon2Passwords, password: str, password_hash: str | None) -> bool:
        done.append("match")
        return matches(passwords, password, password_hash)

    with (
        patch.object(Argon2Passwords, "hash", counting_hash),
        patch.object(Argon2Passwords, "matches", counting_matches),
    ):
        yield done


# --- the way that a new trader goes ---------------------------------------------------------------


def test_a_new_trader_follows_the_link_of_the_mail_and_logs_in(world: ApiWorld) -> None:
    # When somebody registers, with the specification's own request
    asked = ask(world, "user@gmail.com")

    # Then nobody is there yet, and a mail comes
    assert (asked.status, asked.body) == (202, {"status": "asked"})
    assert not world.database.users
    [mail] = world.deliver_mails()
    assert (mail.to, mail.subject) == ("user@gmail.com", "Confirm your e-mail")
    assert f"https://app/confirm#{token_in(mail)}" in mail.text

    # And its link opens the account, with the password that was chosen; who did that logs in then
    opened = confirm(world, token_in(mail))
    assert (opened.status, set(opened.body)) == (200, {"status", "user_id", "email"})
    assert (opened.body["status"], opened.body["email"]) == ("confirmed", "user@gmail.com")
    token = log_in(world, "user@gmail.com").body["token"]
    account = world.call("GET", "/account", token=token).body
    assert (account["user_id"], account["email_verified"]) == (opened.body["user_id"], True)
    assert not world.database.registrations


def test_a_link_opens_one_account_once(world: ApiWorld) -> None:
    token = link(world)
    assert confirm(world, token).status == 200
    before = world.snapshot()

    again = confirm(world, token)

    assert (again.status, again.error) == (400, "LINK_INVALID")
    assert world.snapshot() == before


def test_a_link_is_good_for_a_day_and_then_nothing_is_kept(world: ApiWorld) -> None:
    token = link(world)
    world.clock.sleep(KEPT_FOR.total_seconds())

    assert confirm(world, token).error == "LINK_INVALID"

    # Whoever asks next has it forgotten.
    link(world, "other@example.com")
    assert [asked.email for asked, _ in world.database.registrations.values()] == ["other@example.com"]


def test_a_mail_that_is_sent_twice_has_two_good_links(world: ApiWorld) -> None:
    ask(world)
    world.errands.asked.append(world.errands.asked[0])

    first, second = world.deliver_mails()

    assert token_in(first) != token_in(second)
    assert confirm(world, token_in(first)).status == 200
    assert confirm(world, token_in(second)).error == "LINK_INVALID"


@pytest.mark.parametrize("later", ["nothing", "another password", "gone"])
def test_who_tries_again_after_a_failure_between_opening_and_forgetting_is_told_that_the_account_is_open(
    world: ApiWorld, later: str
) -> None:
    # Given a confirmation that opened the account, and then failed
    token = link(world)
    with patch.object(MemoryRegistrations, "forget", side_effect=DatabaseUnavailable("gone")):
        assert confirm(world, token).status == 503
    [(user, password_hash)] = world.database.users.values()
    if later == "another password":
        world.database.users[user.user_id] = (user, "another hash")
    if later == "gone":
        world.database.closed.add(user.user_id)

    # When it is tried again
    wrong, again = confirm(world, token, STRANGERS), confirm(world, token)

    # Then it is answered as it would have been, where the account is as it was opened, and with its password alone
    assert wrong.error == "CREDENTIALS_INVALID"
    if later == "nothing":
        assert (again.status, again.body["user_id"]) == (200, str(user.user_id))
        assert list(world.database.users.values()) == [(user, password_hash)]
        assert log_in(world).status == 200
        assert not world.database.registrations
        assert confirm(world, token).error == "LINK_INVALID"
    else:
        assert again.error == "LINK_INVALID"


def test_who_gets_no_mail_asks_again(world: ApiWorld) -> None:
    ask(world)
    world.errands.asked.clear()

    assert confirm(world, link(world)).status == 200


def test_where_no_mail_can_be_asked_for_no_mail_is_promised(world: ApiWorld) -> None:
    world.errands.is_away = True

    assert ask(world).status == 500


def test_neither_links_nor_passwords_are_kept_or_shown(world: ApiWorld) -> None:
    secret = link(world).partition(".")[2]

    everything = f"{world.database.registrations} {world.errands.asked} {world.mailer.sent}"
    assert secret not in everything
    assert PASSWORD not in everything
    assert "$argon2id$" not in everything


@pytest.mark.parametrize("token", ["x", "no.token", f"{'0' * 32}.{'x' * 43}"])
def test_what_is_no_link_opens_nothing_and_nothing_slow_is_done_for_it(world: ApiWorld, token: str) -> None:
    with counted() as done:
        assert confirm(world, token).error == "LINK_INVALID"

    assert done == []


def test_the_secret_of_one_registration_does_not_open_another(world: ApiWorld) -> None:
    mine, hers = link(world), link(world, "other@example.com")

    assert confirm(world, f"{mine.partition('.')[0]}.{hers.partition('.')[2]}").error == "LINK_INVALID"
    assert confirm(world, mine).status == 200


def test_a_link_for_a_new_password_opens_no_account_and_the_other_way_round(world: ApiWorld) -> None:
    world.register(TAKEN)
    world.call("POST", "/auth/password/forgot", {"email": TAKEN})
    [reset] = world.deliver_mails()

    assert confirm(world, token_in(reset)).error == "LINK_INVALID"
    for path, more in (
        ("/auth/email/verify", {"password": PASSWORD}),
        ("/auth/password/reset", {"password": STRANGERS}),
    ):
        assert world.call("POST", path, {"token": link(world), **more}).error == "LINK_INVALID"


# --- who has an account is not told ---------------------------------------------------------------


@pytest.mark.parametrize("email", [TAKEN, "TAKEN@Example.com"])
def test_nothing_of_the_answer_tells_whether_there_is_an_account(world: ApiWorld, email: str) -> None:
    world.register(TAKEN)

    assert bytes_of(ask(world, email)) == bytes_of(ask(world, NEW))


def test_the_same_is_done_for_an_address_with_an_account_and_one_without(world: ApiWorld) -> None:
    world.register(TAKEN)
    untouched = {**world.snapshot(), "registrations": None, "errands": None}
    asked = []
    for email in (TAKEN, NEW):
        before = world.snapshot()
        with counted() as done:
            ask(world, email)
        # One hash, one row, one errand that says no more than which row; what there was is not even looked at.
        assert done == ["hash"]
        [user_id] = set(world.database.registrations) - set(before["registrations"])
        [errand] = world.errands.asked[len(before["errands"]) :]
        assert errand.model_dump() == {"kind": "registration", "user_id": user_id}
        asked.append(world.database.registrations[user_id])
    assert {**world.snapshot(), "registrations": None, "errands": None} == untouched
    assert [(each.email, links) for each, links in asked] == [(TAKEN, frozenset()), (NEW, frozenset())]

    # And for both one mail goes out.
    assert [mail.to for mail in world.deliver_mails()] == [TAKEN, NEW]


def test_the_owner_of_an_account_is_told_and_nothing_of_it_changes(world: ApiWorld) -> None:
    world.register("Taken@Example.com")
    before = world.snapshot()

    mail = mailed(world, TAKEN, STRANGERS)

    assert (mail.to, mail.subject) == ("Taken@Example.com", "You have an account already")
    for way in ("https://app/login", "https://app/forgot"):
        assert way in mail.text
    # No link with it, no trace of the registration, and the password is the owner's.
    assert "#" not in mail.text
    assert world.snapshot() == before
    assert log_in(world, TAKEN, STRANGERS).error == "CREDENTIALS_INVALID"
    assert log_in(world, TAKEN).status == 200


def test_an_account_of_before_whose_address_was_never_confirmed_is_left_alone_too(world: ApiWorld) -> None:
    token = world.register_as_before(TAKEN)

    assert mailed(world, TAKEN, STRANGERS).subject == "You have an account already"

    assert world.call("GET", "/account", token=token).body["email_verified"] is False
    assert log_in(world, TAKEN).status == 200


def test_logging_in_with_the_chosen_password_tells_nothing_either(world: ApiWorld) -> None:
    # Given an account, and an address that was asked for with a password of the caller's
    world.register(TAKEN)
    for email in (TAKEN, NEW):
        ask(world, email, STRANGERS)
    world.deliver_mails()

    # When the caller tries that password at both, and at an address that nobody has heard of
    for email in (TAKEN, NEW, "nobody@example.com"):
        with counted() as done:
            answers = [log_in(world, email, STRANGERS) for _ in range(6)]

        # Then answers, work and waits are the same, and the words name both reasons
        assert [(each.status, each.error) for each in answers] == [
            *[(401, "CREDENTIALS_INVALID")] * 5,
            (429, "TOO_MANY_TRIES"),
        ], email
        assert answers[0].body["message"] == NO_MATCH
        assert done == ["match"] * 5
    assert "not opened yet" in NO_MATCH


def test_a_new_password_cannot_be_asked_for_before_there_is_an_account(world: ApiWorld) -> None:
    link(world)

    assert world.call("POST", "/auth/password/forgot", {"email": NEW}).status == 202
    assert world.deliver_mails() == []


# --- accounts that a stranger prepares ------------------------------------------------------------


def test_a_strangers_registration_gets_nothing_when_the_owner_registers_later(world: ApiWorld) -> None:
    # Given a stranger who has registered with somebody's address
    strangers = link(world, NEW, STRANGERS)

    # When its owner registers, and follows the link of the own mail
    assert confirm(world, link(world)).status == 200

    # Then the owner's password is the account's, and the stranger's registration is worth nothing
    assert log_in(world).status == 200
    assert log_in(world, NEW, STRANGERS).error == "CREDENTIALS_INVALID"
    assert confirm(world, strangers, STRANGERS).error == "LINK_INVALID"


def test_a_strangers_registration_after_the_owners_takes_nothing_away(world: ApiWorld) -> None:
    owners = link(world)
    link(world, NEW, STRANGERS)

    assert confirm(world, owners).status == 200

    assert log_in(world).status == 200
    assert log_in(world, NEW, STRANGERS).error == "CREDENTIALS_INVALID"


def test_an_owner_who_follows_the_link_of_a_strangers_registration_opens_nothing_for_the_stranger(
    world: ApiWorld,
) -> None:
    # Given two mails, of a registration of the owner's and of one of a stranger's
    owners, strangers = link(world), link(world, NEW, STRANGERS)

    # When the owner follows the wrong one, and enters the own password
    answer = confirm(world, strangers)

    # Then nothing is opened, and the words say why
    assert (answer.status, answer.error, answer.body["message"]) == (401, "CREDENTIALS_INVALID", WRONG_PAIR)
    assert not world.database.users
    assert log_in(world, NEW, STRANGERS).error == "CREDENTIALS_INVALID"

    # And the right one is good still
    assert confirm(world, owners).status == 200
    assert log_in(world).status == 200


def test_a_password_that_was_asked_for_before_does_not_open_the_account_later(world: ApiWorld) -> None:
    first = link(world, NEW, "the first passphrase")
    assert confirm(world, link(world), PASSWORD).status == 200

    assert confirm(world, first, "the first passphrase").error == "LINK_INVALID"
    assert log_in(world, NEW, "the first passphrase").error == "CREDENTIALS_INVALID"


def test_nobody_is_logged_in_before_the_account_is_theirs(world: ApiWorld) -> None:
    # A session from before the owner came would outlive whatever the owner does (USENIX Security 2022, section 4.2).
    opened = confirm(world, link(world))

    assert not {"token", "refresh_token"} & set(opened.body)
    assert not world.database.logins


# --- floods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("email", [NEW, TAKEN])
def test_a_mailbox_is_not_flooded_with_or_without_an_account(world: ApiWorld, email: str) -> None:
    world.register(TAKEN)
    world.clock.sleep(REMEMBERED_SECONDS)

    answers = [ask(world, email) for _ in range(5)]

    assert [each.status for each in answers] == [202, 202, 202, 429, 429]
    assert "Retry-After" in answers[-1].headers
    assert len(world.deliver_mails()) == 3


def test_a_wait_tells_nobody_that_an_account_was_opened_meanwhile(world: ApiWorld) -> None:
    # Given an address that somebody asks for until there is a wait
    token = link(world)
    assert [ask(world).status for _ in range(3)] == [202, 202, 429]

    # When its owner opens the account
    assert confirm(world, token).status == 200

    # Then the wait goes on
    assert ask(world).status == 429


def test_one_place_does_not_write_to_many_mailboxes(world: ApiWorld) -> None:
    statuses = [ask(world, f"person-{number}@example.com").status for number in range(22)]

    assert statuses == [202] * 20 + [429] * 2


def test_many_who_open_their_accounts_from_one_place_do_not_wait(world: ApiWorld) -> None:
    for number in range(30):
        world.register(f"person-{number}@example.com")

    assert len(world.database.users) == 30


def test_guesses_at_the_password_of_a_registration_are_slowed_down(world: ApiWorld) -> None:
    token = link(world)

    answers = [confirm(world, token, f"wrong horse {number}") for number in range(21)]

    assert [each.status for each in answers] == [401] * 20 + [429]
