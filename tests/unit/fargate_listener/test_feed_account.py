"""Whose token carries the feed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, first_account_of
from algotrading.domain.named_accounts import NamedAccount
from fargate_listener.feed_account import Account, FeedAccount, FeedCredentials, FeedCredentialsMissing, TraderAccounts
from tests.fakes.accounts import MemoryBrokerAccounts, MemoryUsers
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryVault
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import MOMENT, make_user
from tests.fakes.named_accounts import MemoryNamedAccounts

EMAIL = "feed@example.com"


def first_of(user_id: UUID) -> Account:
    return Account(user_id, first_account_of(user_id))


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def account(database: MemoryDatabase) -> FeedAccount:
    clock = VirtualClock(MOMENT)
    return FeedAccount(accounts=MemoryBrokerAccounts(database), vault=MemoryVault(), clock=clock, email=EMAIL)


def connect(database: MemoryDatabase, *, access_token: str | None, token_at: datetime | None = MOMENT) -> None:
    """Store the feed account's broker connection."""
    user = make_user(EMAIL)
    MemoryUsers(database).add(user, "hash")
    secrets = {"api_key": "the-key", "api_secret": "the-secret", "access_token": access_token or ""}
    sealed = MemoryVault().seal(user.user_id, secrets)
    MemoryBrokerAccounts(database).save(
        SealedBrokerAccount(
            user_id=user.user_id,
            account_id=first_account_of(user.user_id),
            broker=BrokerName.KITE,
            api_key=sealed["api_key"],
            api_secret=sealed["api_secret"],
            access_token=None if access_token is None else sealed["access_token"],
            broker_user_id="AB1234",
            status=ConnectionStatus.CONNECTED if access_token else ConnectionStatus.LOGIN_REQUIRED,
            token_at=token_at,
            updated_at=MOMENT,
        )
    )


def test_the_feed_accounts_token_is_opened(database: MemoryDatabase, account: FeedAccount) -> None:
    connect(database, access_token="the-token")
    (owner,) = database.users

    credentials = account.credentials()

    assert credentials == FeedCredentials("the-key", "the-token", first_of(owner))
    assert "the-token" not in repr(credentials)


def test_an_account_without_a_connection_is_said_so(account: FeedAccount) -> None:
    with pytest.raises(FeedCredentialsMissing, match="has no broker connection"):
        account.credentials()


@pytest.mark.parametrize("token_at", [None, MOMENT - timedelta(days=2)])
def test_an_account_whose_login_is_over_has_to_log_in(
    database: MemoryDatabase, account: FeedAccount, token_at: datetime | None
) -> None:
    connect(database, access_token="the-token", token_at=token_at)

    with pytest.raises(FeedCredentialsMissing, match="has to log in"):
        account.credentials()


def test_an_account_that_has_to_log_in_is_said_so(database: MemoryDatabase, account: FeedAccount) -> None:
    connect(database, access_token=None)

    with pytest.raises(FeedCredentialsMissing, match="has to log in"):
        account.credentials()


@pytest.fixture
def traders(database: MemoryDatabase) -> TraderAccounts:
    return TraderAccounts(accounts=MemoryBrokerAccounts(database), vault=MemoryVault(), clock=VirtualClock(MOMENT))


def test_a_traders_token_is_opened_while_their_login_lives(database: MemoryDatabase, traders: TraderAccounts) -> None:
    connect(database, access_token="the-token")
    (trader,) = database.users
    database.broker_accounts[first_account_of(trader)] = replace(
        database.broker_accounts[first_account_of(trader)], token_at=MOMENT
    )

    assert traders.credentials(first_of(trader)) == FeedCredentials("the-key", "the-token", first_of(trader))
    assert list(traders.of_traders([trader, uuid4()])) == [first_of(trader)]


@pytest.mark.parametrize("token_at", [None, MOMENT - timedelta(days=2)])
def test_a_trader_whose_login_is_over_has_no_socket(
    database: MemoryDatabase, traders: TraderAccounts, token_at: datetime | None
) -> None:
    connect(database, access_token="the-token")
    (trader,) = database.users
    database.broker_accounts[first_account_of(trader)] = replace(
        database.broker_accounts[first_account_of(trader)], token_at=token_at
    )

    with pytest.raises(FeedCredentialsMissing):
        traders.credentials(first_of(trader))


def test_a_stranger_has_no_socket(traders: TraderAccounts) -> None:
    with pytest.raises(FeedCredentialsMissing):
        traders.credentials(first_of(uuid4()))


def test_each_account_of_a_trader_has_a_token_of_its_own(database: MemoryDatabase, traders: TraderAccounts) -> None:
    # given a trader with two accounts, both logged in, and a third that is not
    connect(database, access_token="the-token")
    (trader,) = database.users
    first = database.broker_accounts[first_account_of(trader)]
    held = [Account(trader, uuid4()), Account(trader, uuid4())]
    for account, name in zip(held, ("HUF", "mother's"), strict=True):
        named = NamedAccount(account.account_id, trader, name, is_default=False, created_at=MOMENT)
        MemoryNamedAccounts(database).add(named)
    sealed = MemoryVault().seal(trader, {"access_token": "the-second-token"})["access_token"]
    second = replace(first, account_id=held[0].account_id, access_token=sealed, broker_user_id="HUF001")
    third = replace(first, account_id=held[1].account_id, access_token=None, broker_user_id="MUM001")
    for connection in (second, third):
        MemoryBrokerAccounts(database).save(connection)

    assert set(traders.of_traders([trader])) == {first_of(trader), held[0]}
    assert traders.credentials(held[0]) == FeedCredentials("the-key", "the-second-token", held[0])
    with pytest.raises(FeedCredentialsMissing):
        traders.credentials(held[1])


def test_an_account_in_another_traders_name_is_not_opened(database: MemoryDatabase, traders: TraderAccounts) -> None:
    connect(database, access_token="the-token")
    (trader,) = database.users

    with pytest.raises(FeedCredentialsMissing):
        traders.credentials(Account(uuid4(), first_account_of(trader)))
