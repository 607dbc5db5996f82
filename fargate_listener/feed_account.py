"""Whose broker connection carries the price feed, and its token of this moment."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.accounts import first_account_of
from algotrading.domain.errors import AlgotradingError
from algotrading.ports import BrokerAccounts, Clock, Vault


class FeedCredentialsMissing(AlgotradingError):
    """The feed account has no broker connection, or has to log in to the broker first."""


@dataclass(frozen=True, slots=True, repr=False)
class FeedCredentials:
    """What the socket's address needs. Never logged: `repr` shows neither."""

    api_key: str
    access_token: str
    user_id: UUID | None = None
    """Whose they are among us, where order updates are to be passed on."""

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
        return FeedCredentials(**self._vault.unseal(account.user_id, sealed), user_id=account.user_id)


class TraderAccounts:
    """Reads any trader's socket credentials, those of the first account: only
    where the environment lets the watcher open them."""

    def __init__(self, *, accounts: BrokerAccounts, vault: Vault, clock: Clock) -> None:
        self._accounts = accounts
        self._vault = vault
        self._clock = clock

    def credentials(self, user_id: UUID) -> FeedCredentials:
        """Blocking. Raises FeedCredentialsMissing; whatever the stores raise passes through."""
        account = self._accounts.find(user_id, first_account_of(user_id))
        if account is None or account.access_token is None or not account.is_connected(self._clock.now()):
            raise FeedCredentialsMissing("the trader has no broker login")
        sealed = {"api_key": account.api_key, "access_token": account.access_token}
        return FeedCredentials(**self._vault.unseal(user_id, sealed), user_id=user_id)
