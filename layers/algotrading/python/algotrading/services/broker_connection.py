"""A trader's broker connection: keys, the daily login, and what may be shown of it.

Secrets are stored sealed only, and nothing is stored that the broker refused. While a trader's
strategies trade, the account they trade in cannot be changed or removed under them.
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
    BrokerAuthFailed,
    Conflict,
    EmailUnverified,
    SecondFactorRequired,
    TokenInvalid,
)
from algotrading.domain.logins import Bearer
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import (
    BrokerAccounts,
    Brokers,
    Clock,
    Ledger,
    SecondFactors,
    Standings,
    Strategies,
    Tokens,
    Users,
    Vault,
)

logger = logging.getLogger(__name__)

LOGIN_AUDIENCE = "broker-login"
LOGIN_LIFETIME = timedelta(minutes=15)
_SHOWN = 4
"""Last characters of an API key that are shown, of keys at least twice as long."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What may be shown of a broker connection: never a secret."""

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

    login_url: str | None
    """Where the trader logs in; None: the access token was validated."""
    addresses: tuple[str, ...]
    """As in `Connection`."""


@dataclass(frozen=True, slots=True)
class BrokerConnections:
    """Connects traders with their brokers."""

    accounts: BrokerAccounts
    vault: Vault
    brokers: Brokers
    tokens: Tokens
    strategies: Strategies
    ledger: Ledger
    clock: Clock
    second_factors: SecondFactors
    needs_second_factor: bool
    """Whether only a login with a second factor may reach a broker account: where it is real money."""
    is_bound: bool
    """Whether orders are taken from registered addresses alone."""
    feed_emails: frozenset[str]
    """Accounts that carry prices, in lower case."""
    users: Users
    needs_verified_email: bool
    """Whether only an account whose e-mail its owner has confirmed may, too."""
    standings: Standings

    def connect(self, user_id: UUID, credentials: BrokerCredentials, device_id: UUID | None) -> Connecting:
        """Store keys. With an access token they are validated with the broker first; without one the
        answer is the URL at which the trader logs in, as in `login_url`.

        Raises:
            EmailUnverified: the user has not confirmed the e-mail; nothing was stored.
            SecondFactorRequired: the user's login has none; nothing was stored.
            BrokerAuthFailed: the broker refuses these credentials; nothing was stored.
            BrokerUnavailable: the broker could not be asked; nothing was stored.
            BrokerAccountTaken: another user trades through this broker account; nothing was stored.
            BrokerAccountDiffers: strategies trade in another broker account; nothing was stored.
            Conflict: a login would be lost by which strategies trade; nothing was stored.
        """
        self._require_safe_login(user_id)
        stored = self.accounts.find(user_id)
        if credentials.access_token is not None:
            profile = self.brokers.connect(credentials).validate_credentials()
            account = self._store_validated(user_id, credentials, profile, stored)
            return Connecting(None, _addresses_of(account.egress))
        if stored is not None and stored.is_connected(self.clock.now()):
            self._refuse_while_trading(user_id, "its broker login would be lost")
        login_url = self._login_url(user_id, credentials, device_id)
        self._save(user_id, credentials, stored.broker_user_id if stored else None)
        return Connecting(login_url, _addresses_of(None if stored is None else stored.egress))

    def login_url(self, user_id: UUID, device_id: UUID | None) -> str:
        """Where the trader logs in to the broker, with a state that only this user's login can bring back. `device_id`
        is the login of ours that asks: once it has ended, the state is worth nothing.

        Raises:
            EmailUnverified, SecondFactorRequired: as for `connect`.
            BrokerAuthFailed: there are no keys yet.
        """
        self._require_safe_login(user_id)
        return self._login_url(user_id, self._unseal(self._stored(user_id)), device_id)

    def complete_login(self, state: str, request_token: str) -> Connection:
        """Turn the request token that came back from the broker's login into a stored connection.

        Raises:
            TokenExpired, TokenInvalid: the state is too old or not ours; the account or the login that asked is gone.
            AccountLocked: nobody gets in, by a login that began before the lock either.
            BrokerAuthFailed, BrokerUnavailable, BrokerAccountTaken, BrokerAccountDiffers: as for `connect`; nothing
                was stored.
        """
        bearer = self.tokens.read(state, audience=LOGIN_AUDIENCE)
        user_id = bearer.user_id
        # Before the broker is asked: its new session would end the one that what is held is still sold by.
        self._refuse_ended(bearer)
        stored = self._stored(user_id)
        keys = self._unseal(stored)
        session = self.brokers.exchange(keys, request_token)
        credentials = BrokerCredentials(keys.broker, keys.api_key, keys.api_secret, session.access_token)
        profile = self.brokers.connect(credentials).validate_credentials()
        return self._show(self._store_validated(user_id, credentials, profile, stored), credentials.api_key)

    def describe(self, user_id: UUID) -> Connection | None:
        """The user's connection, None when there is none."""
        stored = self.accounts.find(user_id)
        return None if stored is None else self._show(stored, self._unseal(stored).api_key)

    def disconnect(self, user_id: UUID) -> None:
        """Forget the connection; no error when there is none.

        Raises:
            Conflict: strategies trade through it.
        """
        if self.accounts.find(user_id) is not None:
            self._refuse_while_trading(user_id, "they could not be sold any more")
            self.accounts.remove(user_id, now=self.clock.now())

    def _claim_addresses(self, user_id: UUID) -> EgressRoute | None:
        """Addresses for the account's orders, for good: once the broker has vouched for it, and not for an account that
        carries prices and places none. Without any it is connected all the same: what it holds can be sold."""
        if not self.is_bound or self._carries_prices(user_id):
            return None
        route = self.accounts.claim_egress(user_id)
        if route is None:
            logger.error("no addresses are left for orders", extra={"user_id": str(user_id)})
        return route

    def _carries_prices(self, user_id: UUID) -> bool:
        return self.users.get(user_id).email.lower() in self.feed_emails

    def _refuse_ended(self, bearer: Bearer) -> None:
        """No door has looked at who comes back from the broker's login: a browser, which shows the state alone."""
        standing = self.standings.read(bearer, self.clock.now())
        if standing is None:
            raise TokenInvalid("this account is gone")
        if standing.is_locked:
            raise AccountLocked(LOCKED)
        if not standing.is_logged_in:
            raise TokenInvalid("the login that asked for this has ended: log in here, and connect the broker again")

    def _require_safe_login(self, user_id: UUID) -> None:
        if self.needs_verified_email and not self.users.get(user_id).is_email_verified:
            raise EmailUnverified(
                "confirm your e-mail first: a link was sent to it, and POST /auth/email/resend sends another"
            )
        if not self.needs_second_factor:
            return
        factor = self.second_factors.find(user_id)
        if factor is None or not factor.is_on:
            raise SecondFactorRequired(
                "switch the second factor of your login on first: a broker account is reached with it"
            )

    def _store_validated(
        self,
        user_id: UUID,
        credentials: BrokerCredentials,
        profile: BrokerProfile,
        stored: SealedBrokerAccount | None,
    ) -> SealedBrokerAccount:
        self._refuse_another_account(user_id, profile, None if stored is None else stored.broker_user_id)
        account = self._save(user_id, credentials, profile.broker_user_id)
        return replace(account, egress=self._claim_addresses(user_id))

    def _save(self, user_id: UUID, credentials: BrokerCredentials, broker_user_id: str | None) -> SealedBrokerAccount:
        secrets = {"api_key": credentials.api_key, "api_secret": credentials.api_secret}
        if credentials.access_token is not None:
            secrets["access_token"] = credentials.access_token
        sealed = self.vault.seal(user_id, secrets)
        now = self.clock.now()
        connected = credentials.access_token is not None
        account = SealedBrokerAccount(
            user_id=user_id,
            account_id=first_account_of(user_id),
            broker=credentials.broker,
            api_key=sealed["api_key"],
            api_secret=sealed["api_secret"],
            access_token=sealed.get("access_token"),
            broker_user_id=broker_user_id,
            status=ConnectionStatus.CONNECTED if connected else ConnectionStatus.LOGIN_REQUIRED,
            token_at=now if connected else None,
            updated_at=now,
            places_orders=not self._carries_prices(user_id),
        )
        self.accounts.save(account)
        return account

    def _stored(self, user_id: UUID) -> SealedBrokerAccount:
        stored = self.accounts.find(user_id)
        if stored is None:
            raise BrokerAuthFailed("no broker keys are stored: send api_key and api_secret to /broker/connect first")
        return stored

    def _unseal(self, stored: SealedBrokerAccount) -> BrokerCredentials:
        opened = self.vault.unseal(stored.user_id, {"api_key": stored.api_key, "api_secret": stored.api_secret})
        return BrokerCredentials(stored.broker, opened["api_key"], opened["api_secret"], access_token=None)

    def _login_url(self, user_id: UUID, credentials: BrokerCredentials, device_id: UUID | None) -> str:
        state = self.tokens.issue(user_id, audience=LOGIN_AUDIENCE, lifetime=LOGIN_LIFETIME, device_id=device_id)
        return self.brokers.login_url(credentials.broker, credentials.api_key, state)

    def _show(self, stored: SealedBrokerAccount, api_key: str) -> Connection:
        return Connection(
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

    def _refuse_while_trading(self, user_id: UUID, why: str) -> None:
        if self._is_trading(user_id):
            raise Conflict(
                f"strategies are trading through this broker connection, or an order is still looked for that was "
                f"proven absent today, and {why}: stop them, wait until nothing is held, and try again tomorrow at the "
                f"latest"
            )

    def _refuse_another_account(self, user_id: UUID, profile: BrokerProfile, known: str | None) -> None:
        """`known` is the account that the stored connection leads to. Where it does not say (two users held one account
        and this one lost it: migration 0019), the trail does: orders leave through a connected account alone."""
        if known == profile.broker_user_id or not self._is_trading(user_id):
            return
        held_in = known or self.accounts.last_connected(user_id, first_account_of(user_id))
        if held_in is None:
            # No order can have left. Were there one all the same, a refusal would keep its owner from selling at all.
            if self.ledger.unsettled_of(user_id):
                logger.error("nothing tells in which broker account cycles stand", extra={"user_id": str(user_id)})
        elif held_in != profile.broker_user_id:
            raise BrokerAccountDiffers(held_in)

    def _is_trading(self, user_id: UUID) -> bool:
        """Also by strategies that were deleted since, and while an order is looked for that was proven absent: what it
        buys, should it surface, is sold in this account or not at all. It is looked for until its day ends."""
        if any(strategy.is_running for strategy in self.strategies.list_for(user_id)):
            return True
        today = trading_day_of(self.clock.now())
        return bool(self.ledger.unsettled_of(user_id)) or any(
            cycle.has_absent_order for cycle in self.ledger.traded_on(user_id, today)
        )


def _addresses_of(route: EgressRoute | None) -> tuple[str, ...]:
    return () if route is None else route.addresses


def _mask(api_key: str) -> str:
    shown = api_key[-_SHOWN:] if len(api_key) >= 2 * _SHOWN else ""
    return "*" * (len(api_key) - len(shown)) + shown
