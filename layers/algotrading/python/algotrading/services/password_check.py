"""The password once more, from whoever is logged in: a stolen token alone does not do what takes over an account."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.accounts import Login, User
from algotrading.domain.errors import AuthenticationFailed, TooManyTries
from algotrading.domain.throttle import suspects_of_login
from algotrading.ports import Passwords, Throttle, Users
from algotrading.services.account_links import AccountLinks


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Tries count with those at logins on devices that the account knows, for this is one: a borrowed phone is no other
    place to guess it at, and whoever guesses elsewhere holds up nobody here."""

    users: Users
    passwords: Passwords
    links: AccountLinks
    throttle: Throttle

    def confirm(self, user_id: UUID, password: str, address: str, *, wrong: str) -> tuple[User, Login]:
        """The user whose password it is, and what it was checked against. `wrong` is told where it is not.

        Raises:
            AuthenticationFailed: it is not the password.
            NotFound: the account is gone.
            TooManyTries: too many wrong passwords; this one was not looked at.
        """
        user = self.users.get(user_id)
        suspects = suspects_of_login(user.email, address, on_known_device=True)
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            self.links.tell_of_guesses(user.email, address, on_known_device=True)
            raise TooManyTries(seconds)
        login = self.users.find_login(user.email)
        if not self.passwords.matches(password, login.password_hash if login else None) or login is None:
            raise AuthenticationFailed(wrong)
        self.throttle.succeeded(suspects)
        return user, login
