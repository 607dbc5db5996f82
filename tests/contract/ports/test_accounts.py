"""ports.Users and ports.BrokerAccounts."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from algotrading.domain.accounts import BrokerName, ConnectionStatus, Login, SealedBrokerAccount, User
from algotrading.domain.errors import EmailTaken, NotFound
from tests.contract.ports.conftest import Stores
from tests.fakes.examples import MOMENT, make_user


def make_account(user: User) -> SealedBrokerAccount:
    return SealedBrokerAccount(
        user.user_id, BrokerName.KITE, "key", "secret", "token", "AB1234", ConnectionStatus.CONNECTED, MOMENT, MOMENT
    )


def test_an_added_user_is_found_again(stores: Stores) -> None:
    user = make_user()
    stores.users.add(user, "its hash")

    assert stores.users.get(user.user_id) == user
    assert stores.users.find_login(user.email) == Login(user.user_id, "its hash")


def test_a_login_does_not_care_about_the_case_of_the_email(stores: Stores) -> None:
    user = stores.add_user("Trader@Example.com")

    assert stores.users.find_login("tRADER@example.COM") == Login(user.user_id, "hash")


def test_an_email_has_one_account_whatever_its_case(stores: Stores) -> None:
    stores.add_user("trader@example.com")

    with pytest.raises(EmailTaken):
        stores.add_user("TRADER@example.com")


def test_an_unknown_email_has_no_login(stores: Stores) -> None:
    assert stores.users.find_login("nobody@example.com") is None


@pytest.mark.parametrize("email", ["' or true --", "%", "", "trader@example.com' or 'a'='a"])
def test_an_email_is_never_a_pattern_or_a_piece_of_sql(stores: Stores, email: str) -> None:
    stores.add_user("trader@example.com")

    assert stores.users.find_login(email) is None


def test_an_unknown_user_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound):
        stores.users.get(uuid4())


def test_a_saved_connection_is_found_by_its_owner_and_by_email_for_the_system(stores: Stores) -> None:
    user = stores.add_user()
    account = make_account(user)
    stores.broker_accounts.save(account)

    assert stores.broker_accounts.find(user.user_id) == account
    assert stores.system_broker_accounts.find_by_email(user.email.upper()) == account


def test_saving_again_replaces_every_field(stores: Stores) -> None:
    user = stores.add_user()
    stores.broker_accounts.save(make_account(user))
    changed = replace(
        make_account(user),
        api_key="k2",
        api_secret="s2",
        access_token=None,
        broker_user_id=None,
        status=ConnectionStatus.LOGIN_REQUIRED,
        token_at=None,
    )

    stores.broker_accounts.save(changed)

    assert stores.broker_accounts.find(user.user_id) == changed


def test_a_removed_connection_is_gone_and_removing_it_again_is_fine(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    stores.broker_accounts.save(make_account(user))
    stores.broker_accounts.save(make_account(other))

    stores.broker_accounts.remove(user.user_id, now=MOMENT)
    stores.broker_accounts.remove(user.user_id, now=MOMENT)

    assert stores.broker_accounts.find(user.user_id) is None
    assert stores.broker_accounts.find(other.user_id) == make_account(other)


def test_a_user_without_a_connection_has_none(stores: Stores) -> None:
    assert stores.broker_accounts.find(stores.add_user().user_id) is None
    assert stores.system_broker_accounts.find_by_email("nobody@example.com") is None


def test_a_connection_has_a_postback_address_that_stays_until_it_is_removed(stores: Stores) -> None:
    user = stores.add_user()
    account = make_account(user)
    stores.broker_accounts.save(account)
    first = stores.broker_accounts.postback_id(user.user_id)
    stores.broker_accounts.save(replace(account, api_key="k2"))
    kept = stores.broker_accounts.postback_id(user.user_id)
    stores.broker_accounts.remove(user.user_id, now=MOMENT)
    removed = stores.broker_accounts.postback_id(user.user_id)
    stores.broker_accounts.save(account)

    assert first is not None
    assert first != user.user_id
    assert (kept, removed) == (first, None)
    assert stores.broker_accounts.postback_id(user.user_id) not in {None, first}


def test_a_postback_address_leads_to_its_own_connection_alone(stores: Stores) -> None:
    users = [stores.add_user() for _ in range(2)]
    for user in users:
        stores.broker_accounts.save(make_account(user))
    addresses = [stores.broker_accounts.postback_id(user.user_id) for user in users]

    found = [stores.broker_accounts.find_by_postback(address) for address in addresses if address is not None]

    assert found == [make_account(user) for user in users]
    assert stores.broker_accounts.find_by_postback(uuid4()) is None
    assert stores.broker_accounts.find_by_postback(users[0].user_id) is None
