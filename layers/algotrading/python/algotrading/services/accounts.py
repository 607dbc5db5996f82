"""Accounts of this product: log in, stay logged in, log out, look."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from algotrading.domain.accounts import LOCKED, NO_MATCH, SealedBrokerAccount, User
from algotrading.domain.errors import (
    AccountLocked,
    AuthenticationFailed,
    Conflict,
    NotFound,
    TokenInvalid,
    TooManyTries,
)
from algotrading.domain.logins import CODE_IS_FRESH, LOGIN_LASTS, Device, DeviceLogin
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.throttle import Suspect, suspects_of_code, suspects_of_login
from algotrading.ports import BrokerAccounts, Clock, Logins, NamedAccounts, Passwords, Throttle, Tokens, Users
from algotrading.services.account_data import AccountData
from algotrading.services.account_links import AccountLinks, is_easy
from algotrading.services.password_change import PasswordChange
from algotrading.services.password_check import PasswordCheck
from algotrading.services.programs import Programs
from algotrading.services.registrar import Registrar
from algotrading.services.second_factor import Enrolment, SecondFactorKeeper
from algotrading.services.viewers import Viewers

API_AUDIENCE = "api"
_REFRESH_TOKEN = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")
"""Whose it is, so that it is looked for among one user's, and 256 bits: random at the login, derived after it."""


@dataclass(frozen=True, slots=True, repr=False)
class Pass:
    """What a login brings. `repr` shows no token."""

    login: DeviceLogin
    access: str
    """The bearer token of requests."""
    refresh: str
    """Good for one refresh."""
    lasts: timedelta
    """How long `access` is good for."""
    is_password_easy: bool = False
    """Whether it was got by a password that a new account could not have."""

    def __repr__(self) -> str:
        return f"Pass({self.login.device_id}, tokens hidden)"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may come in."""

    users: Users
    logins: Logins
    broker_accounts: BrokerAccounts
    named: NamedAccounts
    passwords: Passwords
    second_factors: SecondFactorKeeper
    links: AccountLinks
    registrar: Registrar
    data: AccountData
    viewers: Viewers
    programs: Programs
    password_check: PasswordCheck
    password_change: PasswordChange
    throttle: Throttle
    tokens: Tokens
    clock: Clock
    access_lasts: timedelta
    is_common: Callable[[str], bool]
    """Whether everybody tries this password first (NIST SP 800-63B, 3.1.1.2)."""
    new_id: Callable[[], UUID] = uuid4

    def log_in(self, email: str, password: str, device: Device, address: str, code: str | None = None) -> Pass:
        """A new login, which refreshing keeps going for thirty days. Its owner is told of a device that was not seen
        before.

        Raises:
            AuthenticationFailed: unknown e-mail, an account that was not opened yet, or a wrong password; nothing tells
                which, neither the words nor the time taken.
            SecondFactorNeeded: the password is right, and a code is needed, too.
            AccountLocked: everything is right, and nobody gets in.
            TooManyTries: at this account (from a device that it knows: on those) or from this address; the password was
                not looked at.
        """
        is_known = device.known_as is not None and self.logins.is_known(email, device.known_as)
        suspects = suspects_of_login(email, address, on_known_device=is_known)
        try:
            self._try(suspects)
        except TooManyTries:
            self.links.tell_of_guesses(email, address, on_known_device=is_known)
            raise
        login = self.users.find_login(email)
        if not self.passwords.matches(password, login.password_hash if login else None) or login is None:
            raise AuthenticationFailed(NO_MATCH)
        has_second_factor = self.second_factors.check(login.user_id, code)
        self.throttle.succeeded(suspects)
        if login.is_locked:
            raise AccountLocked(LOCKED)
        its_pass = self._begin(login.user_id, device, login.password_hash, has_second_factor=has_second_factor)
        # Chosen before it became common, or before there was the list. Whoever is let in is asked to change it.
        return replace(its_pass, is_password_easy=is_easy(password, email, self.is_common))

    def refresh(self, token: str) -> Pass:
        """New tokens for a refresh token, which is used up by that. Repeated within the grace it brings the same
        refresh token again: a login has one line of them, and whoever goes on with a copy meets its owner on it.

        Raises:
            TokenExpired: the login is over.
            TokenInvalid: the token is not one of ours, or was used before: then its login is ended, too.
        """
        user_id, secret = _read(token)
        successor = self.tokens.successor(secret)
        login = self.logins.refresh(user_id, _hash(secret), _hash(successor), self.clock.now())
        return self._pass(login, _write(user_id, successor))

    def log_out(self, token: str) -> None:
        """End the login of a refresh token; nothing happens for one that belongs to none. Raises TokenInvalid for
        what cannot be one. Its access tokens end with it."""
        user_id, secret = _read(token)
        self.logins.end_by_token(user_id, _hash(secret), self.clock.now())

    def devices(self, user_id: UUID) -> Sequence[DeviceLogin]:
        """Where the user is logged in, the latest used first."""
        return self.logins.alive(user_id, self.clock.now())

    def end_device(self, user_id: UUID, device_id: UUID) -> None:
        """Log out one device from elsewhere. Raises NotFound."""
        self.logins.end(user_id, device_id, self.clock.now())

    def end_all_devices(self, user_id: UUID) -> int:
        """Log out everywhere; how many devices that were."""
        return self.logins.end_all(user_id, self.clock.now())

    def begin_second_factor(self, user_id: UUID, password: str, address: str) -> Enrolment:
        """See SecondFactorKeeper.begin. It takes the password: whoever has a stolen token alone would lock the owner
        out.

        Raises:
            AuthenticationFailed: it is not the password.
            Conflict: a second factor is on.
            NotFound: the account is gone.
            TooManyTries: too many wrong passwords; this one was not looked at.
        """
        user, _ = self.password_check.confirm(user_id, password, address, wrong="the password is not right")
        return self.second_factors.begin(user_id, user.email)

    def confirm_second_factor(self, user_id: UUID, device_id: UUID | None, code: str) -> Sequence[str]:
        """See SecondFactorKeeper.confirm; the code counts as shown on this login, where that has not ended. Raises
        TooManyTries."""
        suspects = suspects_of_code(user_id)
        self._try(suspects)
        codes = self.second_factors.confirm(user_id, code)
        self.throttle.succeeded(suspects)
        # It is on now: whoever logged in last must see the recovery codes, which are shown this once.
        with suppress(TokenInvalid):
            self._note_code(user_id, device_id)
        return codes

    def remove_second_factor(self, user_id: UUID, device_id: UUID | None, code: str) -> None:
        """See SecondFactorKeeper.remove; this login goes on. Raises TooManyTries."""
        suspects = suspects_of_code(user_id)
        self._try(suspects)
        self.second_factors.remove(user_id, code, but=device_id)
        self.throttle.succeeded(suspects)

    def show_code(self, user_id: UUID, device_id: UUID | None, code: str) -> datetime:
        """Show the second factor again on a login, for what asks for a fresh code; until when it counts.

        Raises:
            Conflict: no second factor is on: nothing asks for a code then.
            AuthenticationFailed: the code is wrong, or was used before.
            TooManyTries: too many were.
            TokenInvalid: the login is over.
        """
        suspects = suspects_of_code(user_id)
        self._try(suspects)
        if not self.second_factors.check(user_id, code):
            raise Conflict("no second factor is on: nothing asks you for a code")
        self.throttle.succeeded(suspects)
        return self._note_code(user_id, device_id)

    def get(self, user_id: UUID) -> User:
        """The account. Raises NotFound."""
        return self.users.get(user_id)

    def brokers_of(self, user_id: UUID) -> Sequence[tuple[NamedAccount, SealedBrokerAccount | None]]:
        """The user's broker accounts, the oldest first, each with its connection, still sealed; None when there is
        none."""
        return [(each, self.broker_accounts.find(user_id, each.account_id)) for each in self.named.of_user(user_id)]

    def _note_code(self, user_id: UUID, device_id: UUID | None) -> datetime:
        now = self.clock.now()
        if device_id is None:
            raise TokenInvalid("this token belongs to no login: log in again")
        try:
            self.logins.show_code(user_id, device_id, now)
        except NotFound as error:
            raise TokenInvalid("this login has ended: log in again") from error
        return now + CODE_IS_FRESH

    def _try(self, suspects: Sequence[Suspect]) -> None:
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            raise TooManyTries(seconds)

    def _begin(self, user_id: UUID, device: Device, password_hash: str, *, has_second_factor: bool = False) -> Pass:
        now = self.clock.now()
        login = DeviceLogin(
            self.new_id(), user_id, device.name, now, now, now + LOGIN_LASTS, has_second_factor=has_second_factor
        )
        secret = secrets.token_urlsafe(32)
        self.logins.begin(login, _hash(secret), password_hash, known_as=device.known_as)
        return self._pass(login, _write(user_id, secret))

    def _pass(self, login: DeviceLogin, refresh: str) -> Pass:
        access = self.tokens.issue(
            login.user_id,
            audience=API_AUDIENCE,
            lifetime=self.access_lasts,
            second_factor=login.has_second_factor,
            device_id=login.device_id,
        )
        return Pass(login, access, refresh, self.access_lasts)


def _write(user_id: UUID, secret: str) -> str:
    return f"{user_id.hex}.{secret}"


def _read(token: str) -> tuple[UUID, str]:
    match = _REFRESH_TOKEN.fullmatch(token)
    if match is None:
        raise TokenInvalid("this refresh token is not one of ours")
    return UUID(match[1]), match[2]


def _hash(secret: str) -> bytes:
    # Of 256 bits that nobody can foresee: nothing slow is needed against guessing.
    return hashlib.sha256(secret.encode()).digest()
