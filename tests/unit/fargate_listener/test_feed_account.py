"""Whose token carries the feed."""

from __future__ import annotations

import pytest

from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount
from fargate_listener.feed_account import FeedAccount, FeedCredentials, FeedCredentialsMissing
from tests.fakes.accounts import MemoryBrokerAccounts, MemoryUsers
from tests.fakes.cloud import MemoryVault
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import MOMENT, make_user

EMAIL = "feed@example.com"


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def account(database: MemoryDatabase) -> FeedAccount:
    return FeedAccount(accounts=MemoryBrokerAccounts(database), vault=MemoryVault(), email=EMAIL)


def connect(database: MemoryDatabase, *, access_token: str | None) -> None:
    """Store the feed account's broker connection."""
    user = make_user(EMAIL)
    MemoryUsers(database).add(user, "hash")
    secrets = {"api_key": "the-key", "api_secret": "the-secret", "access_token": access_token or ""}
    sealed = MemoryVault().seal(user.user_id, secrets)
    MemoryBrokerAccounts(database).save(
        SealedBrokerAccount(
            user_id=user.user_id,
            broker=BrokerName.KITE,
            api_key=sealed["api_key"],
            api_secret=sealed["api_secret"],
            access_token=None if access_token is None else sealed["access_token"],
            broker_user_id="AB1234",
            status=ConnectionStatus.CONNECTED if access_token else ConnectionStatus.LOGIN_REQUIRED,
            token_at=None,
            updated_at=MOMENT,
        )
    )


def test_the_feed_accounts_token_is_opened(database: MemoryDatabase, account: FeedAccount) -> None:
    connect(database, access_token="the-token")

    credentials = account.credentials()

    assert credentials == FeedCredentials("the-key", "the-token")
    assert "the-token" not in repr(credentials)


def test_an_account_without_a_connection_is_said_so(account: FeedAccount) -> None:
    with pytest.raises(FeedCredentialsMissing, match="has no broker connection"):
        account.credentials()


def test_an_account_that_has_to_log_in_is_said_so(database: MemoryDatabase, account: FeedAccount) -> None:
    connect(database, access_token=None)

    with pytest.raises(FeedCredentialsMissing, match="has to log in"):
        account.credentials()
