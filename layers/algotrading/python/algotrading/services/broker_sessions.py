"""Opens the session of a trader's broker account: stored connection -> vault -> broker."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.accounts import BrokerCredentials, SealedBrokerAccount
from algotrading.domain.errors import BrokerAuthFailed
from algotrading.ports import Broker, BrokerAccounts, Brokers, Clock, Vault
from algotrading.services.broker_line import BrokerLine
from algotrading.services.paced_broker import PacedBroker, Pacing
from algotrading.services.token_watch import TokenWatch


@dataclass(frozen=True, slots=True)
class BrokerSessions:
    """Opens broker sessions by account."""

    accounts: BrokerAccounts
    vault: Vault
    brokers: Brokers
    clock: Clock
    pacing: Pacing

    def open(self, user_id: UUID, account_id: UUID) -> PacedBroker:
        """A session with the account's current access token, which keeps to the broker's limits; nothing is sent yet.
        Also with one that the broker has refused: who sells goes on trying, and a refusal may turn out to be none.

        Raises:
            BrokerAuthFailed: no broker is connected in this account, or its owner must log in to the broker again.
        """
        return self._connect(self.accounts.find(user_id, account_id))

    def renew(self, user_id: UUID, account_id: UUID, opened: PacedBroker | None) -> PacedBroker:
        """The session of the account that was `opened` before a wait, or a new one where its owner has logged in again
        since. Raises as `open` does."""
        account = self.accounts.find(user_id, account_id)
        is_alive = account is not None and account.is_connected(self.clock.now())
        if opened is not None and account is not None and is_alive and account.token_at == opened.token_at:
            opened.know(account)
            return opened
        return self._connect(account)

    def _connect(self, account: SealedBrokerAccount | None) -> PacedBroker:
        if account is None:
            raise BrokerAuthFailed("no broker account is connected")
        line = BrokerLine(self._log_in(account), TokenWatch(self.accounts, self.clock, account), self._reopen)
        # An account may carry prices beside its trader's orders, and the limits of both are the broker's.
        owner = account.broker_user_id or str(account.account_id)
        return PacedBroker(line, f"{account.broker}:{owner}", self.pacing, egress=account.egress)

    def _reopen(self, known: SealedBrokerAccount) -> tuple[Broker, SealedBrokerAccount] | None:
        """See broker_line.Reopen. A connection to another account at the broker is none that this session goes on
        with: what it holds is not there."""
        account = self.accounts.find(known.user_id, known.account_id)
        if account is None or not account.is_connected(self.clock.now()):
            return None
        if account.token_at == known.token_at or account.broker_user_id != known.broker_user_id:
            return None
        return self._log_in(account), account

    def _log_in(self, account: SealedBrokerAccount) -> Broker:
        if account.access_token is None or not account.is_connected(self.clock.now()):
            raise BrokerAuthFailed("the broker login is missing or over: log in to the broker again")
        sealed = {
            "api_key": account.api_key,
            "api_secret": account.api_secret,
            "access_token": account.access_token,
        }
        secrets = self.vault.unseal(account.user_id, sealed)
        proxies = () if account.egress is None else account.egress.proxies
        return self.brokers.connect(BrokerCredentials(broker=account.broker, **secrets), proxies)
