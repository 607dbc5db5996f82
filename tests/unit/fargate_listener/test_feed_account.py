"""Whose token carries the feed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, first_account_of
from fargate_listener.feed_account import FeedAccount, FeedCredentials, FeedCredentialsMissing, TraderAccounts
from tests.fakes.accounts import MemoryBrokerAccounts, MemoryUsers
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryVault
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import MOMENT, make_user

EMAIL = "feed@example.com"


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

    assert credentials == FeedCredentials("the-key", "the-token", owner)
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

    assert traders.credentials(trader) == FeedCredentials("the-key", "the-token", trader)


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
        traders.credentials(trader)


def test_a_stranger_has_no_socket(traders: TraderAccounts) -> None:
    with pytest.raises(FeedCredentialsMissing):
        traders.credentials(uuid4())
