"""ports.Registrations: an account that was asked for, until it is opened or a day is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import pytest

from algotrading.domain.accounts import User
from algotrading.domain.audit import AuditKind
from algotrading.domain.errors import Conflict
from algotrading.domain.registrations import KEPT_FOR, Registration
from tests.contract.ports.conftest import Stores
from tests.fakes.examples import MOMENT
from tests.stores import PostgresStore

LINK, OTHER = (sha256(name.encode()).digest() for name in ("link", "other"))
ALMOST = KEPT_FOR - timedelta(microseconds=1)


def ask(stores: Stores, email: str = "new@example.com", *, at: timedelta = timedelta(0)) -> Registration:
    asked = Registration(uuid4(), email, f"hash of {email}", MOMENT + at)
    stores.registrations.add(asked)
    return asked


def test_a_registration_is_found_by_its_links_alone(stores: Stores) -> None:
    asked = ask(stores)
    assert stores.registrations.by_link(asked.user_id, LINK, MOMENT) is None

    for link in (LINK, OTHER):
        stores.registrations.add_link(asked.user_id, link)

    assert stores.registrations.email_of(asked.user_id, MOMENT) == "new@example.com"
    for link in (LINK, OTHER):
        assert stores.registrations.by_link(asked.user_id, link, MOMENT) == asked
    assert stores.registrations.by_link(asked.user_id, bytes(32), MOMENT) is None


def test_an_address_is_asked_for_any_number_of_times_each_with_its_own_link(stores: Stores) -> None:
    first, second = ask(stores), ask(stores, "NEW@example.com")
    stores.registrations.add_link(first.user_id, LINK)
    stores.registrations.add_link(second.user_id, OTHER)

    assert stores.registrations.by_link(first.user_id, OTHER, MOMENT) is None
    assert stores.registrations.by_link(second.user_id, LINK, MOMENT) is None
    stores.registrations.forget(first.user_id)
    assert stores.registrations.by_link(first.user_id, LINK, MOMENT) is None
    assert stores.registrations.by_link(second.user_id, OTHER, MOMENT) == second


def test_an_address_that_has_an_account_is_stored_as_any_other(stores: Stores) -> None:
    user = stores.add_user("taken@example.com")

    asked = ask(stores, "taken@example.com")

    assert stores.registrations.email_of(asked.user_id, MOMENT) == "taken@example.com"
    login = stores.users.find_login("taken@example.com")
    assert login is not None
    assert (login.user_id, login.password_hash) == (user.user_id, "hash")


def test_it_is_over_after_a_day(stores: Stores) -> None:
    asked = ask(stores)
    stores.registrations.add_link(asked.user_id, LINK)

    assert stores.registrations.by_link(asked.user_id, LINK, MOMENT + ALMOST) == asked
    assert stores.registrations.email_of(asked.user_id, MOMENT + ALMOST) == asked.email
    assert stores.registrations.by_link(asked.user_id, LINK, MOMENT + KEPT_FOR) is None
    assert stores.registrations.email_of(asked.user_id, MOMENT + KEPT_FOR) is None


def test_what_is_over_is_forgotten_whoever_asked_and_nothing_else(stores: Stores) -> None:
    old, older, young = (
        ask(stores),
        ask(stores, "b@example.com", at=-timedelta(1)),
        ask(stores, at=timedelta(seconds=1)),
    )

    stores.registrations.forget_old(MOMENT + KEPT_FOR)

    # Asked at their own time, in which each was good.
    for gone in (old, older):
        assert stores.registrations.email_of(gone.user_id, gone.created_at) is None
    assert stores.registrations.email_of(young.user_id, MOMENT) == young.email


@pytest.mark.parametrize("until", ["infinity", "9999-12-31T00:00:00Z"])
def test_no_function_forgets_what_is_not_over_whatever_moment_it_names(
    postgres_store: PostgresStore, in_postgres: Stores, until: str
) -> None:
    now = datetime.now(UTC)
    asked = Registration(uuid4(), "new@example.com", "hash", now)
    in_postgres.registrations.add(asked)

    with postgres_store.app.system() as session:
        session.execute("select forget_registrations(%s)", (until,))

    assert in_postgres.registrations.email_of(asked.user_id, now) == asked.email


def test_what_is_gone_takes_no_link(stores: Stores) -> None:
    asked = ask(stores)
    for _ in range(2):
        stores.registrations.forget(asked.user_id)

    stores.registrations.add_link(asked.user_id, LINK)

    assert stores.registrations.by_link(asked.user_id, LINK, MOMENT) is None


def test_an_account_that_is_opened_has_its_address_confirmed_which_is_on_record(stores: Stores) -> None:
    asked = ask(stores)
    user = User(asked.user_id, asked.email, MOMENT, email_verified_at=MOMENT)

    stores.users.add(user, asked.password_hash)

    assert stores.users.get(asked.user_id) == user
    records = [each for each, _ in stores.system_audit_trail.chains() if each.user_id == asked.user_id]
    assert [record.kind for record in records] == [AuditKind.EMAIL_VERIFIED]


def test_of_two_registrations_of_one_address_one_is_opened(stores: Stores) -> None:
    first, second = ask(stores), ask(stores, "New@Example.com")
    stores.users.add(User(first.user_id, first.email, MOMENT, email_verified_at=MOMENT), first.password_hash)

    with pytest.raises(Conflict):
        stores.users.add(User(second.user_id, second.email, MOMENT, email_verified_at=MOMENT), second.password_hash)

    login = stores.users.find_login("new@example.com")
    assert login is not None
    assert (login.user_id, login.password_hash) == (first.user_id, first.password_hash)
