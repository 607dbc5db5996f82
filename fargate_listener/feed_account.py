"""Whose broker connection carries the price feed, and its token of this moment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from algotrading.domain.errors import AlgotradingError
from algotrading.ports import BrokerAccounts, Clock, Vault


class FeedCredentialsMissing(AlgotradingError):
    """The feed account has no broker connection, or has to log in to the broker first."""


class Account(NamedTuple):
    """One broker account of one of our users."""

    user_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True, repr=False)
class FeedCredentials:
    """What the socket's address needs. Never logged: `repr` shows neither."""

    api_key: str
    access_token: str
    account: Account | None = None
    """The account that they open, where order updates are to be passed on."""

    def __repr__(self) -> str:
        return "FeedCredentials(hidden)"


class FeedAccount:
    """Reads the feed account's credentials from the stores, anew each time: tokens live a day at most."""

    def __init__(self, *, accounts: BrokerAccounts, vault: Vault, clock: Clock, email: str) -> None:
        self._accounts = accounts
        self._vault = vault
        self._clock = clock
        self._email = email

    def credentials(self) -> FeedCredentials:
        """Blocking. Raises FeedCredentialsMissing; whatever the stores raise passes through."""
        account = self._accounts.find_by_email(self._email)
        if account is None:
            raise FeedCredentialsMissing(f"the feed account {self._email} has no broker connection")
        if account.access_token is None or not account.is_connected(self._clock.now()):
            raise FeedCredentialsMissing(f"the feed account {self._email} has to log in to the broker")
        sealed = {"api_key": account.api_key, "access_token": account.access_token}
        opened = self._vault.unseal(account.user_id, sealed)
        return FeedCredentials(**opened, account=Account(account.user_id, account.account_id))


class TraderAccounts:
    """Reads the socket credentials of any trader's accounts: only where the environment lets the watcher open them."""

    def __init__(self, *, accounts: BrokerAccounts, vault: Vault, clock: Clock) -> None:
        self._accounts = accounts
        self._vault = vault
        self._clock = clock

    def of_traders(self, user_ids: Collection[UUID]) -> Collection[Account]:
        """Their accounts in which there is a broker login. Blocking; whatever the store raises passes through."""
        return [Account(*found) for found in self._accounts.with_login(user_ids)]

    def credentials(self, held: Account) -> FeedCredentials:
        """Blocking. Raises FeedCredentialsMissing; whatever the stores raise passes through."""
        account = self._accounts.find(held.user_id, held.account_id)
        if account is None or account.access_token is None or not account.is_connected(self._clock.now()):
            raise FeedCredentialsMissing("the trader has no broker login in this account")
        sealed = {"api_key": account.api_key, "access_token": account.access_token}
        return FeedCredentials(**self._vault.unseal(held.user_id, sealed), account=held)
