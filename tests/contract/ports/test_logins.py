"""ports.Logins: a login goes on by tokens that are good once, and a token that comes again ends it."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from time import sleep
from uuid import UUID, uuid4

import pytest

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.logins import PostgresLogins
from algotrading.domain.errors import AccountLocked, AuthenticationFailed, NotFound, TokenExpired, TokenInvalid
from algotrading.domain.logins import CODE_IS_FRESH, GRACE, LOGIN_LASTS, Bearer, DeviceLogin
from algotrading.domain.second_factor import SecondFactor
from tests.contract.ports.conftest import Stores
from tests.fakes.examples import MOMENT
from tests.stores import PostgresStore

SECOND = timedelta(seconds=1)


def token(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def log_in(stores: Stores, first: str, *, user_id: UUID | None = None, at: datetime = MOMENT) -> DeviceLogin:
    user_id = user_id or stores.add_user().user_id
    login = DeviceLogin(uuid4(), user_id, "a phone", at, at, at + LOGIN_LASTS)
    stores.logins.begin(login, token(first), "hash")
    return login


def test_a_login_begins_only_upon_the_password_that_is_the_users_now(stores: Stores) -> None:
    user = stores.add_user()
    login = DeviceLogin(uuid4(), user.user_id, "a phone", MOMENT, MOMENT, MOMENT + LOGIN_LASTS)

    with pytest.raises(AuthenticationFailed):
        stores.logins.begin(login, token("first"), "the hash of before")
    with pytest.raises(AuthenticationFailed):
        stores.logins.begin(replace(login, user_id=uuid4()), token("first"), "hash")

    assert stores.logins.alive(user.user_id, MOMENT) == []


def test_nobody_gets_into_an_account_that_was_locked_or_closed_while_the_password_was_checked(stores: Stores) -> None:
    locked, closed = stores.add_user(), stores.add_user()
    stores.administration.lock(locked.user_id, by="support", reason="stolen", now=MOMENT)
    stores.records.close(closed.user_id, MOMENT)

    with pytest.raises(AccountLocked):
        log_in(stores, "first", user_id=locked.user_id)
    with pytest.raises(AuthenticationFailed):
        log_in(stores, "second", user_id=closed.user_id)

    assert stores.logins.alive(locked.user_id, MOMENT) == []


def test_a_token_brings_the_next_one(stores: Stores) -> None:
    login = log_in(stores, "first")

    for at, (old, new) in enumerate([("first", "second"), ("second", "third")], start=1):
        found = stores.logins.refresh(login.user_id, token(old), token(new), MOMENT + at * timedelta(hours=1))
        assert found.device_id == login.device_id

    (device,) = stores.logins.alive(login.user_id, MOMENT + timedelta(hours=3))
    assert (device.name, device.used_at) == ("a phone", MOMENT + timedelta(hours=2))


def test_a_token_that_comes_again_ends_its_login_for_whoever_holds_it(stores: Stores) -> None:
    # Given a thief's copy of a token that its owner has used
    login = log_in(stores, "first")
    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT)

    # When the copy is used
    later = MOMENT + GRACE + SECOND
    with pytest.raises(TokenInvalid, match="used before"):
        stores.logins.refresh(login.user_id, token("first"), token("stolen"), later)

    # Then nobody goes on with this login
    for name, error in (("second", TokenExpired), ("stolen", TokenInvalid)):
        with pytest.raises(error):
            stores.logins.refresh(login.user_id, token(name), token(f"{name} next"), later)
    assert stores.logins.alive(login.user_id, later) == []


def test_of_two_uses_of_one_token_side_by_side_the_later_one_sees_the_first(
    postgres_store: PostgresStore, in_postgres: Stores
) -> None:
    login, late = log_in(in_postgres, "first"), MOMENT + GRACE + SECOND

    def refresh(database: Database, successor: str, now: datetime) -> DeviceLogin:
        return PostgresLogins(database).refresh(login.user_id, token("first"), token(successor), now)

    # Both have begun before either has ended: something else holds the login's row.
    with (
        closing(postgres_store.open("app_role")) as here,
        closing(postgres_store.open("app_role")) as elsewhere,
        postgres_store.owner() as owner,
        ThreadPoolExecutor(2) as threads,
    ):
        with owner.transaction():
            owner.execute("select from logins where device_id = %s for update", (login.device_id,))
            first = threads.submit(refresh, here, "second", MOMENT)
            sleep(0.2)
            copy = threads.submit(refresh, elsewhere, "copied", late)
            sleep(0.2)
            assert not first.done()
            assert not copy.done()
        assert first.result(timeout=5).device_id == login.device_id
        with pytest.raises(TokenInvalid):
            copy.result(timeout=5)

    assert in_postgres.logins.alive(login.user_id, late) == []


def test_an_answer_that_was_lost_is_asked_for_again(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT)

    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT + GRACE)

    later = MOMENT + timedelta(hours=1)
    assert stores.logins.refresh(login.user_id, token("second"), token("third"), later).device_id == login.device_id


def test_a_successor_that_was_used_stays_used_when_the_token_before_it_comes_again(stores: Stores) -> None:
    # Given a token that was used, whose successor was used, too, all within a moment
    login = log_in(stores, "first")
    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT)
    stores.logins.refresh(login.user_id, token("second"), token("third"), MOMENT + SECOND)

    # When the first one comes again within its grace, and is answered with the same successor
    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT + GRACE)

    # Then that one's grace goes on counting from its first use
    last = MOMENT + SECOND + GRACE
    stores.logins.refresh(login.user_id, token("second"), token("third"), last)
    with pytest.raises(TokenInvalid, match="used before"):
        stores.logins.refresh(login.user_id, token("second"), token("third"), last + SECOND)
    assert stores.logins.alive(login.user_id, last + SECOND) == []


def test_two_repetitions_at_once_leave_one_successor(postgres_store: PostgresStore, in_postgres: Stores) -> None:
    login = log_in(in_postgres, "first")

    with ThreadPoolExecutor(4) as pool:
        uses = [
            pool.submit(in_postgres.logins.refresh, login.user_id, token("first"), token("second"), MOMENT)
            for _ in range(4)
        ]
        assert {each.result(timeout=10).device_id for each in uses} == {login.device_id}

    with postgres_store.app.tenant(login.user_id) as session:
        kept = session.execute("select count(*) as tokens from refresh_tokens").fetchone()
    assert kept == {"tokens": 2}


def test_the_grace_is_counted_from_the_first_use(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT)
    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT + GRACE)

    with pytest.raises(TokenInvalid, match="used before"):
        stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT + GRACE + SECOND)


def test_a_login_ends_at_its_age_however_often_it_was_refreshed(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT + LOGIN_LASTS - SECOND)

    with pytest.raises(TokenExpired):
        stores.logins.refresh(login.user_id, token("second"), token("third"), MOMENT + LOGIN_LASTS)
    assert stores.logins.alive(login.user_id, MOMENT + LOGIN_LASTS) == []


def test_a_token_is_worth_nothing_in_another_users_name(stores: Stores) -> None:
    log_in(stores, "first")

    with pytest.raises(TokenInvalid):
        stores.logins.refresh(stores.add_user().user_id, token("first"), token("second"), MOMENT)


def test_who_logs_out_is_out(stores: Stores) -> None:
    login = log_in(stores, "first")

    stores.logins.end_by_token(login.user_id, token("first"), MOMENT)
    stores.logins.end_by_token(login.user_id, token("first"), MOMENT)
    stores.logins.end_by_token(login.user_id, token("unknown"), MOMENT)

    with pytest.raises(TokenExpired):
        stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT)


def test_one_device_is_ended_from_another(stores: Stores) -> None:
    phone = log_in(stores, "phone")
    desk = log_in(stores, "desk", user_id=phone.user_id, at=MOMENT + SECOND)
    assert [each.device_id for each in stores.logins.alive(phone.user_id, MOMENT + SECOND)] == [
        desk.device_id,
        phone.device_id,
    ]

    stores.logins.end(phone.user_id, phone.device_id, MOMENT + SECOND)

    assert [each.device_id for each in stores.logins.alive(phone.user_id, MOMENT + SECOND)] == [desk.device_id]
    with pytest.raises(NotFound):
        stores.logins.end(phone.user_id, phone.device_id, MOMENT + SECOND)


def test_another_users_device_is_not_there(stores: Stores) -> None:
    login = log_in(stores, "first")

    with pytest.raises(NotFound):
        stores.logins.end(stores.add_user().user_id, login.device_id, MOMENT)
    assert len(stores.logins.alive(login.user_id, MOMENT)) == 1


def test_all_devices_are_ended_at_once_and_nobody_elses(stores: Stores) -> None:
    phone, other = log_in(stores, "phone"), log_in(stores, "other")
    log_in(stores, "desk", user_id=phone.user_id)

    assert stores.logins.end_all(phone.user_id, MOMENT) == 2

    assert stores.logins.alive(phone.user_id, MOMENT) == []
    assert len(stores.logins.alive(other.user_id, MOMENT)) == 1


def test_logins_and_their_ends_are_in_the_trail(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT)
    with pytest.raises(TokenInvalid):
        stores.logins.refresh(login.user_id, token("first"), token("third"), MOMENT + GRACE + SECOND)

    kinds = [record.kind for record, _ in stores.system_audit_trail.chains()]
    assert kinds == ["logged_in", "login_ended"]


def test_a_login_waits_for_a_new_password_that_is_being_stored_and_then_does_not_begin(
    postgres_store: PostgresStore, in_postgres: Stores
) -> None:
    user = in_postgres.add_user()
    elsewhere = postgres_store.open("app_role")

    with ThreadPoolExecutor(1) as pool:
        with elsewhere.tenant(user.user_id) as session:
            session.execute("update users set password_hash = 'another' where id = %s", (user.user_id,))
            waits = pool.submit(log_in, in_postgres, "first", user_id=user.user_id)
            with pytest.raises(TimeoutError):
                waits.result(timeout=0.3)
        with pytest.raises(AuthenticationFailed):
            waits.result(timeout=10)
    elsewhere.close()

    assert in_postgres.logins.alive(user.user_id, MOMENT) == []


def test_a_device_is_known_to_the_account_of_its_login_alone(stores: Stores) -> None:
    user, other = stores.add_user("Owner@example.com"), stores.add_user()
    login = log_in(stores, "first", user_id=user.user_id)

    assert stores.logins.is_known("owner@EXAMPLE.com", login.device_id)
    assert not stores.logins.is_known(other.email, login.device_id)
    assert not stores.logins.is_known("nobody@example.com", login.device_id)
    assert not stores.logins.is_known(user.email, uuid4())


def test_a_device_is_known_after_it_logged_out_and_not_once_it_was_ended_from_elsewhere(stores: Stores) -> None:
    user = stores.add_user()
    login, ended = (log_in(stores, name, user_id=user.user_id) for name in ("out", "ended"))

    stores.logins.end_by_token(user.user_id, token("out"), MOMENT)
    stores.logins.end(user.user_id, ended.device_id, MOMENT)

    assert [stores.logins.is_known(user.email, each.device_id) for each in (login, ended)] == [True, False]
    stores.records.close(user.user_id, MOMENT)
    assert not stores.logins.is_known(user.email, login.device_id)


# --- codes of the second factor -------------------------------------------------------------------


def owes_code(stores: Stores, login: DeviceLogin, at: datetime) -> bool:
    standing = stores.standings.read(Bearer(login.user_id, device_id=login.device_id), at)
    assert standing is not None
    return standing.owes_code


def with_second_factor(stores: Stores) -> UUID:
    user = stores.add_user()
    factor = SecondFactor(user.user_id, "sealed", MOMENT)
    stores.second_factors.begin(factor)
    stores.second_factors.confirm(factor, 1, [user.user_id.bytes * 2], MOMENT)
    return user.user_id


def test_who_has_a_second_factor_owes_a_code_until_this_login_shows_one_and_again_when_it_is_old(
    stores: Stores,
) -> None:
    user_id = with_second_factor(stores)
    login, other = log_in(stores, "first", user_id=user_id), log_in(stores, "second", user_id=user_id)
    assert owes_code(stores, login, MOMENT)

    stores.logins.show_code(user_id, login.device_id, MOMENT)

    last = MOMENT + CODE_IS_FRESH - SECOND
    assert [owes_code(stores, each, last) for each in (login, other)] == [False, True]
    assert owes_code(stores, login, MOMENT + CODE_IS_FRESH)


def test_a_login_that_began_with_a_code_has_shown_one(stores: Stores) -> None:
    user_id = with_second_factor(stores)
    login = DeviceLogin(uuid4(), user_id, "phone", MOMENT, MOMENT, MOMENT + LOGIN_LASTS, has_second_factor=True)
    stores.logins.begin(login, token("first"), "hash")

    assert not owes_code(stores, login, MOMENT)
    assert owes_code(stores, login, MOMENT + CODE_IS_FRESH)


def test_who_has_no_second_factor_owes_none(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.second_factors.begin(SecondFactor(login.user_id, "sealed", MOMENT))

    assert not owes_code(stores, login, MOMENT)


def test_a_code_is_shown_on_a_login_that_goes_on_and_is_the_users(stores: Stores) -> None:
    ended, other = log_in(stores, "first"), log_in(stores, "second")
    stores.logins.end(ended.user_id, ended.device_id, MOMENT)

    for login, user_id in ((ended, ended.user_id), (other, ended.user_id)):
        with pytest.raises(NotFound):
            stores.logins.show_code(user_id, login.device_id, MOMENT)


def inbox(stores: Stores, user_id: UUID) -> list[tuple[str, str]]:
    return [(each.kind, each.text) for each in stores.notifications.inbox(user_id, limit=9, before=None)]


def test_a_device_that_was_not_seen_before_is_told_and_one_that_was_is_not(stores: Stores) -> None:
    first = log_in(stores, "first")
    assert inbox(stores, first.user_id) == []

    other = replace(first, device_id=uuid4(), name="another phone", has_second_factor=True)
    stores.logins.begin(other, token("second"), "hash")

    [(kind, text)] = inbox(stores, first.user_id)
    assert kind == "new_device"
    assert 'calls itself "another phone", with a code of your second factor. If' in text
    stores.logins.end_by_token(first.user_id, token("second"), MOMENT)
    for number, known in enumerate((first, other)):
        login = replace(first, device_id=uuid4())
        stores.logins.begin(login, token(f"known {number}"), "hash", known_as=known.device_id)
    assert len(inbox(stores, first.user_id)) == 1


def test_an_owner_is_told_once_of_a_refresh_token_that_was_copied(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.logins.refresh(login.user_id, token("first"), token("next"), MOMENT)
    late = MOMENT + GRACE + SECOND
    with pytest.raises(TokenInvalid):
        stores.logins.refresh(login.user_id, token("first"), token("thief"), late)

    [(kind, text)] = inbox(stores, login.user_id)

    assert kind == "login_copied"
    assert f'calls itself "{login.name}" was ended' in text
    # The holder of the newer token is told that the login is over, and nothing more is written.
    for used in ("first", "next"):
        with pytest.raises(TokenExpired):
            stores.logins.refresh(login.user_id, token(used), token("later"), late)
    assert len(inbox(stores, login.user_id)) == 1


@pytest.mark.parametrize("how", ["unknown", "another user's", "revoked", "reused"])
def test_no_device_is_known_by_what_is_not_its_users_or_was_ended_from_elsewhere(stores: Stores, how: str) -> None:
    first, stranger = log_in(stores, "first"), log_in(stores, "stranger")
    known = {"unknown": uuid4(), "another user's": stranger.device_id}.get(how, first.device_id)
    if how == "revoked":
        stores.logins.end(first.user_id, first.device_id, MOMENT)
    if how == "reused":
        stores.logins.refresh(first.user_id, token("first"), token("next"), MOMENT)
        with pytest.raises(TokenInvalid):
            stores.logins.refresh(first.user_id, token("first"), token("thief"), MOMENT + GRACE + SECOND)

    stores.logins.begin(replace(first, device_id=uuid4()), token("again"), "hash", known_as=known)

    told = ["new_device", "login_copied"] if how == "reused" else ["new_device"]
    assert [kind for kind, _ in inbox(stores, first.user_id)] == told
    assert inbox(stores, stranger.user_id) == []
