"""A trader's broker connection: keys, the daily login, and what may be shown of it.

Secrets are stored sealed only, and nothing is stored that the broker refused. While a trader's
strategies trade, the account they trade in cannot be changed or removed under them (`AccountGuard`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from algotrading.domain.accounts import (
    LOCKED,
    BrokerCredentials,
    BrokerName,
    BrokerProfile,
    ConnectionStatus,
    SealedBrokerAccount,
    first_account_of,
)
from algotrading.domain.egress import EgressRoute
from algotrading.domain.errors import (
    AccountLocked,
    BrokerAccountDiffers,
    BrokerAccountTaken,
    BrokerAuthFailed,
    TokenInvalid,
)
from algotrading.domain.logins import Bearer
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.roles import Standing
from algotrading.ports import (
    BrokerAccounts,
    Brokers,
    Clock,
    NamedAccounts,
    Standings,
    Tokens,
    Users,
    Vault,
)
from algotrading.services.account_guard import AccountGuard
from algotrading.services.login_wake import LoginWake
from algotrading.services.safe_login import SafeLogins

logger = logging.getLogger(__name__)

LOGIN_AUDIENCE = "broker-login"
LOGIN_LIFETIME = timedelta(minutes=15)
_SHOWN = 4
"""Last characters of an API key that are shown, of keys at least twice as long."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What may be shown of a broker connection: never a secret."""

    account_id: UUID
    status: ConnectionStatus
    broker: BrokerName
    api_key: str
    """Masked."""
    broker_user_id: str | None
    token_at: datetime | None
    token_expires_at: datetime | None
    postback_id: UUID | None
    addresses: tuple[str, ...]
    """Which its orders leave from, where the broker asks for that."""
    token_refused_at: datetime | None
    """Since when the broker refuses the token, if it does."""


@dataclass(frozen=True, slots=True)
class Connecting:
    """What came of storing keys."""

    account_id: UUID
    login_url: str | None
    """Where the trader logs in; None: the access token was validated."""
    addresses: tuple[str, ...]
    """As in `Connection`."""


@dataclass(frozen=True, slots=True)
class BrokerConnections:
    """Connects traders with their brokers. Where no `account_id` is given, the user's default account is meant."""

    accounts: BrokerAccounts
    named: NamedAccounts
    guard: AccountGuard
    safe_logins: SafeLogins
    vault: Vault
    brokers: Brokers
    tokens: Tokens
    clock: Clock
    is_bound: bool
    """Whether orders are taken from registered addresses alone."""
    feed_emails: frozenset[str]
    """Users whose first account carries prices, in lower case."""
    users: Users
    standings: Standings
    login_wake: LoginWake

    def connect(
        self,
        user_id: UUID,
        credentials: BrokerCredentials,
        device_id: UUID | None,
        account_id: UUID | None = None,
    ) -> Connecting:
        """Store keys. With an access token they are validated with the broker first; without one the
        answer is the URL at which the trader logs in, as in `login_url`.

        Raises:
            EmailUnverified: the user has not confirmed the e-mail; nothing was stored.
            SecondFactorRequired: the user's login has none; nothing was stored.
            NotFound: no such account of this user.
            BrokerAuthFailed: the broker refuses these credentials; nothing was stored.
            BrokerUnavailable: the broker could not be asked; nothing was stored.
            BrokerAccountTaken: another account of ours trades there already, or another account of the user's holds the
                key that a login is asked for; nothing was stored.
            BrokerAccountDiffers: strategies trade in another broker account; nothing was stored.
            Conflict: a login would be lost by which strategies trade; nothing was stored.
        """
        self.safe_logins.require(user_id)
        account_id = self.named.get(user_id, account_id).account_id
        stored = self.accounts.find(user_id, account_id)
        if credentials.access_token is not None:
            profile = self.brokers.connect(credentials).validate_credentials()
            account = self._store_validated(user_id, account_id, credentials, profile, stored)
            return Connecting(account_id, None, _addresses_of(account.egress))
        self._refuse_key_held_elsewhere(user_id, account_id, credentials)
        # A login that the broker refuses is none to lose: it is by new keys that what is held can be sold again.
        if stored is not None and stored.status_at(self.clock.now()) is ConnectionStatus.CONNECTED:
            self.guard.refuse_while_trading(user_id, account_id, "its broker login would be lost")
        login_url = self._login_url(user_id, account_id, credentials, device_id)
        self._save(user_id, account_id, credentials, stored.broker_user_id if stored else None)
        return Connecting(account_id, login_url, _addresses_of(None if stored is None else stored.egress))

    def login_url(self, user_id: UUID, device_id: UUID | None, account_id: UUID | None = None) -> str:
        """Where the trader logs in to the broker, with a state that only this user's login can bring back, and for this
        account alone. `device_id` is the login of ours that asks: once it has ended, the state is worth nothing.

        Raises:
            EmailUnverified, SecondFactorRequired, NotFound: as for `connect`.
            BrokerAuthFailed: there are no keys yet.
        """
        self.safe_logins.require(user_id)
        account_id = self.named.get(user_id, account_id).account_id
        return self._login_url(user_id, account_id, self._unseal(self._stored(user_id, account_id)), device_id)

    def complete_login(self, state: str, request_token: str) -> Connection:
        """Turn the request token that came back from the broker's login into a stored connection.

        Raises:
            TokenExpired, TokenInvalid: the state is too old or not ours; the account or the login that asked is gone,
                or the connection that the login was for: meanwhile, even. (The same keys, stored anew, are the same.)
            AccountLocked: nobody gets in, by a login that began before the lock either.
            NotFound: the broker account was removed meanwhile.
            BrokerAuthFailed, BrokerUnavailable, BrokerAccountTaken, BrokerAccountDiffers: as for `connect`; nothing
                was stored. BrokerAccountDiffers, too, where another broker account was connected here before and the
                login that asked has not shown a fresh code.
        """
        bearer = self.tokens.read(state, audience=LOGIN_AUDIENCE)
        user_id = bearer.user_id
        # Before the broker is asked: its new session would end the one that what is held is still sold by.
        standing = self._refuse_ended(bearer)
        # A state that the version before has made names none: it knew of one.
        account_id = self.named.get(user_id, bearer.account_id).account_id
        stored = self._stored(user_id, account_id)
        keys = self._unseal(stored)
        session = self.brokers.exchange(keys, request_token)
        credentials = BrokerCredentials(keys.broker, keys.api_key, keys.api_secret, session.access_token)
        return self._show(self._keep_login(standing, stored, credentials), credentials.api_key)

    def account_of(self, user_id: UUID, account_id: UUID | None) -> NamedAccount:
        """The account that a request means. Raises NotFound."""
        return self.named.get(user_id, account_id)

    def describe(self, account: NamedAccount) -> Connection | None:
        """The account's connection, None when there is none."""
        stored = self.accounts.find(account.user_id, account.account_id)
        return None if stored is None else self._show(stored, self._unseal(stored).api_key)

    def disconnect(self, account: NamedAccount) -> None:
        """Forget the account's connection; no error when there is none.

        Raises:
            Conflict: strategies trade through it.
        """
        user_id, account_id = account.user_id, account.account_id
        self.accounts.remove(user_id, account_id, now=self.clock.now())

    def _claim_addresses(self, user_id: UUID, account_id: UUID) -> EgressRoute | None:
        """Addresses for the user's orders, for good: once the broker has vouched for it, and not for an account that
        carries prices and places none. Without any it is connected all the same: what it holds can be sold."""
        if not self.is_bound or self._carries_prices(user_id, account_id):
            return None
        route = self.accounts.claim_egress(user_id)
        if route is None:
            logger.error("no addresses are left for orders", extra={"user_id": str(user_id)})
        return route

    def _carries_prices(self, user_id: UUID, account_id: UUID) -> bool:
        is_first = account_id == first_account_of(user_id)
        return is_first and self.users.get(user_id).email.lower() in self.feed_emails

    def _refuse_ended(self, bearer: Bearer) -> Standing:
        """No door has looked at who comes back from the broker's login: a browser, which shows the state alone."""
        standing = self.standings.read(bearer, self.clock.now())
        if standing is None:
            raise TokenInvalid("this account is gone")
        if standing.is_locked:
            raise AccountLocked(LOCKED)
        if not standing.is_logged_in:
            raise TokenInvalid("the login that asked for this has ended: log in here, and connect the broker again")
        return standing

    def _keep_login(
        self, standing: Standing, stored: SealedBrokerAccount, credentials: BrokerCredentials
    ) -> SealedBrokerAccount:
        """Of two logins at once the broker knows the later session alone, and either may be stored first. So who finds
        the same keys stored anew asks the broker again, and takes their place or is refused."""
        user_id, account_id = stored.user_id, stored.account_id
        profile = self.brokers.connect(credentials).validate_credentials()
        self._refuse_exchanged(standing, stored, profile)
        try:
            return self._store_validated(user_id, account_id, credentials, profile, stored, over=stored)
        except TokenInvalid:
            newer = self.accounts.find(user_id, account_id)
            if newer is None or self._unseal(newer) != self._unseal(stored):
                raise
        return self._keep_login(standing, newer, credentials)

    def _refuse_exchanged(self, standing: Standing, stored: SealedBrokerAccount, profile: BrokerProfile) -> None:
        """Raise BrokerAccountDiffers where a login that owes a code would put another broker account in the place of
        the one that was connected. The daily login of the same one asks for nothing."""
        if not standing.owes_code:
            return
        known = stored.broker_user_id or self.accounts.last_connected(stored.user_id, stored.account_id)
        if known not in {None, profile.broker_user_id}:
            raise BrokerAccountDiffers(str(known), owes_code=True)

    def _refuse_key_held_elsewhere(self, user_id: UUID, account_id: UUID, credentials: BrokerCredentials) -> None:
        """Before the login: the broker's new session for a key would end the one that the other account trades by, and
        only then would be seen that both are one."""
        for other in self.named.of_user(user_id):
            held = None if other.account_id == account_id else self.accounts.find(user_id, other.account_id)
            if held is None or held.broker is not credentials.broker:
                continue
            if self._unseal(held).api_key == credentials.api_key:
                raise BrokerAccountTaken

    def _store_validated(
        self,
        user_id: UUID,
        account_id: UUID,
        credentials: BrokerCredentials,
        profile: BrokerProfile,
        stored: SealedBrokerAccount | None,
        *,
        over: SealedBrokerAccount | None = None,
    ) -> SealedBrokerAccount:
        known = None if stored is None else stored.broker_user_id
        self.guard.refuse_another_account(user_id, account_id, profile, known)
        account = self._save(user_id, account_id, credentials, profile.broker_user_id, over=over)
        # At once: an exit may wait for this login.
        self.login_wake.wake(account)
        return replace(account, egress=self._claim_addresses(user_id, account_id))

    def _save(
        self,
        user_id: UUID,
        account_id: UUID,
        credentials: BrokerCredentials,
        broker_user_id: str | None,
        *,
        over: SealedBrokerAccount | None = None,
    ) -> SealedBrokerAccount:
        secrets = {"api_key": credentials.api_key, "api_secret": credentials.api_secret}
        if credentials.access_token is not None:
            secrets["access_token"] = credentials.access_token
        sealed = self.vault.seal(user_id, secrets)
        now = self.clock.now()
        connected = credentials.access_token is not None
        account = SealedBrokerAccount(
            user_id=user_id,
            account_id=account_id,
            broker=credentials.broker,
            api_key=sealed["api_key"],
            api_secret=sealed["api_secret"],
            access_token=sealed.get("access_token"),
            broker_user_id=broker_user_id,
            status=ConnectionStatus.CONNECTED if connected else ConnectionStatus.LOGIN_REQUIRED,
            token_at=now if connected else None,
            updated_at=now,
            places_orders=not self._carries_prices(user_id, account_id),
        )
        self.accounts.save(account, over=over)
        return account

    def _stored(self, user_id: UUID, account_id: UUID) -> SealedBrokerAccount:
        stored = self.accounts.find(user_id, account_id)
        if stored is None:
            raise BrokerAuthFailed("no broker keys are stored: send api_key and api_secret to /broker/connect first")
        return stored

    def _unseal(self, stored: SealedBrokerAccount) -> BrokerCredentials:
        opened = self.vault.unseal(stored.user_id, {"api_key": stored.api_key, "api_secret": stored.api_secret})
        return BrokerCredentials(stored.broker, opened["api_key"], opened["api_secret"], access_token=None)

    def _login_url(
        self, user_id: UUID, account_id: UUID, credentials: BrokerCredentials, device_id: UUID | None
    ) -> str:
        state = self.tokens.issue(
            user_id, audience=LOGIN_AUDIENCE, lifetime=LOGIN_LIFETIME, device_id=device_id, account_id=account_id
        )
        return self.brokers.login_url(credentials.broker, credentials.api_key, state)

    def _show(self, stored: SealedBrokerAccount, api_key: str) -> Connection:
        return Connection(
            account_id=stored.account_id,
            status=stored.status_at(self.clock.now()),
            broker=stored.broker,
            api_key=_mask(api_key),
            broker_user_id=stored.broker_user_id,
            token_at=stored.token_at,
            token_expires_at=stored.token_expires_at,
            postback_id=self.accounts.postback_id(stored.user_id, stored.account_id),
            addresses=_addresses_of(stored.egress) if self.is_bound else (),
            token_refused_at=stored.refused_at,
        )


def _addresses_of(route: EgressRoute | None) -> tuple[str, ...]:
    return () if route is None else route.addresses


def _mask(api_key: str) -> str:
    shown = api_key[-_SHOWN:] if len(api_key) >= 2 * _SHOWN else ""
    return "*" * (len(api_key) - len(shown)) + shown
