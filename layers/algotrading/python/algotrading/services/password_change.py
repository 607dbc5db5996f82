"""Another password by the old one, for whoever is logged in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.errors import FieldProblem, RequestInvalid
from algotrading.domain.passwords import normal_form
from algotrading.ports import Clock, Logins, Passwords
from algotrading.services.account_links import refuse_easy
from algotrading.services.password_check import PasswordCheck

_SAME = FieldProblem("new_password", "is the old one: choose another")


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """Upon the old one, which is checked as `PasswordCheck` does."""

    check: PasswordCheck
    logins: Logins
    passwords: Passwords
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
        user, login = self.check.confirm(user_id, old, address, wrong="the old password is not right")
        refuse_easy(new, user.email, self.is_common, "new_password")
        if normal_form(new) == normal_form(old):
            raise RequestInvalid("the request is not valid: see new_password", (_SAME,))
        new_hash = self.passwords.hash(new)
        return self.logins.change_password(user_id, device_id, login.password_hash, new_hash, self.clock.now())
