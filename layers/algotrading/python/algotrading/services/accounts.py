"""Accounts of this product: register, log in, look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from algotrading.domain.accounts import SealedBrokerAccount, User
from algotrading.domain.errors import AuthenticationFailed
from algotrading.ports import BrokerAccounts, Clock, Passwords, Tokens, Users

API_AUDIENCE = "api"
TOKEN_LIFETIME = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may come in."""

    users: Users
    broker_accounts: BrokerAccounts
    passwords: Passwords
    tokens: Tokens
    clock: Clock
    new_id: Callable[[], UUID] = uuid4

    def register(self, email: str, password: str) -> tuple[User, str]:
        """Open an account and log it in.

        Raises:
            EmailTaken: the e-mail has an account, in whatever case it is written.
        """
        user = User(user_id=self.new_id(), email=email, created_at=self.clock.now())
        self.users.add(user, self.passwords.hash(password))
        return user, self._token(user.user_id)

    def log_in(self, email: str, password: str) -> str:
        """A bearer token for twelve hours.

        Raises:
            AuthenticationFailed: unknown e-mail or wrong password; nothing tells which, neither the
                words nor the time taken.
        """
        login = self.users.find_login(email)
        if not self.passwords.matches(password, login.password_hash if login else None) or login is None:
            raise AuthenticationFailed("e-mail and password do not match")
        return self._token(login.user_id)

    def get(self, user_id: UUID) -> User:
        """The account. Raises NotFound."""
        return self.users.get(user_id)

    def broker_of(self, user_id: UUID) -> SealedBrokerAccount | None:
        """The account's broker connection, still sealed; None when there is none."""
        return self.broker_accounts.find(user_id)

    def _token(self, user_id: UUID) -> str:
        return self.tokens.issue(user_id, audience=API_AUDIENCE, lifetime=TOKEN_LIFETIME)
