"""Another password by the old one, for whoever is logged in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.errors import AuthenticationFailed, FieldProblem, RequestInvalid, TooManyTries
from algotrading.domain.passwords import normal_form
from algotrading.domain.throttle import suspects_of_login
from algotrading.ports import Clock, Logins, Passwords, Throttle, Users
from algotrading.services.account_links import AccountLinks, refuse_easy

_SAME = FieldProblem("new_password", "is the old one: choose another")


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """Tries at the old password count with those at logins: a borrowed phone is no other place to guess it at."""

    users: Users
    logins: Logins
    passwords: Passwords
    links: AccountLinks
    throttle: Throttle
    clock: Clock
    is_common: Callable[[str], bool]

    def change(self, user_id: UUID, device_id: UUID | None, old: str, new: str, address: str) -> int:
        """Store `new`, and end every login but this device's; how many have ended. API keys and viewers go on, which
        the owner is told.

        Raises:
            AuthenticationFailed: `old` is not the password.
            RequestInvalid: `new` is easily guessed, the e-mail, or the old one.
            NotFound: the account is gone.
            AccountLocked: nobody gets in any more.
            TooManyTries: too many wrong passwords; this one was not looked at.
        """
        email = self.users.get(user_id).email
        suspects = suspects_of_login(email, address)
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            self.links.tell_of_guesses(email, address)
            raise TooManyTries(seconds)
        login = self.users.find_login(email)
        if not self.passwords.matches(old, login.password_hash if login else None) or login is None:
            raise AuthenticationFailed("the old password is not right")
        self.throttle.succeeded(suspects)
        refuse_easy(new, email, self.is_common, "new_password")
        if normal_form(new) == normal_form(old):
            raise RequestInvalid("the request is not valid: see new_password", (_SAME,))
        new_hash = self.passwords.hash(new)
        return self.logins.change_password(user_id, device_id, login.password_hash, new_hash, self.clock.now())
