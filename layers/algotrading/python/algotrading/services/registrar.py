"""Opens accounts: asking for one, and opening it by the link that was mailed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from algotrading.contracts.errands import RegistrationErrand
from algotrading.domain.accounts import User
from algotrading.domain.email_links import LINK_IS_OVER
from algotrading.domain.errors import AuthenticationFailed, Conflict, LinkInvalid, TooManyTries
from algotrading.domain.registrations import WRONG_PAIR, Registration
from algotrading.domain.throttle import (
    Suspect,
    suspects_of_link,
    suspects_of_opened_registration,
    suspects_of_registration,
)
from algotrading.ports import Clock, Errands, Passwords, Registrations, Throttle, Users
from algotrading.services.account_links import refuse_easy
from algotrading.services.link_tokens import read_link_token


@dataclass(frozen=True, slots=True)
class Registrar:
    """Whether an address has an account is not looked at here when one is asked for, so that nothing about the answer
    tells it: whoever sends the mail looks, later and elsewhere (`AccountMails`)."""

    users: Users
    registrations: Registrations
    errands: Errands
    passwords: Passwords
    throttle: Throttle
    clock: Clock
    is_common: Callable[[str], bool]
    """Whether everybody tries this password first (NIST SP 800-63B, 3.1.1.2)."""
    new_id: Callable[[], UUID] = uuid4

    def ask(self, email: str, password: str, address: str) -> None:
        """Have a mail sent to the address: with the link that opens the account, or, where it has one, saying so.

        Raises:
            RequestInvalid: the password is easily guessed, or the e-mail itself.
            TooManyTries: for this address of mail, or from this address of the network.
        """
        refuse_easy(password, email, self.is_common)
        self._try(suspects_of_registration(email, address))
        asked = Registration(self.new_id(), email, self.passwords.hash(password), self.clock.now())
        self.registrations.add(asked)
        self.errands.ask(RegistrationErrand(user_id=asked.user_id))

    def confirm(self, token: str, password: str, address: str) -> User:
        """Open the account by the link of the mail and the password that was chosen. Nobody is logged in by it.

        Both are asked for: without the link, an account could be opened with somebody else's address; without the
        password, whoever follows the link of a stranger's registration would open an account that the stranger can log
        in to (Sudhodanan and Paverd, Pre-hijacked accounts, USENIX Security 2022).

        Raises:
            LinkInvalid: the link is not good, or not any more; or the address has got an account since, which is not
                this registration's or has another password now.
            AuthenticationFailed: it is another password than the one of this registration; the link is still good.
            TooManyTries: too many of these, from this address.
        """
        suspects = suspects_of_link(address)
        self._try(suspects)
        user_id, token_hash = read_link_token(token)
        now = self.clock.now()
        asked = self.registrations.by_link(user_id, token_hash, now)
        # Nothing slow is done for somebody without a link.
        if asked is None:
            raise LinkInvalid(LINK_IS_OVER)
        if not self.passwords.matches(password, asked.password_hash):
            raise AuthenticationFailed(WRONG_PAIR)
        user = User(user_id, asked.email, created_at=now, email_verified_at=now)
        try:
            self.users.add(user, asked.password_hash)
        except Conflict as error:
            if not self._is_opened(asked):
                raise LinkInvalid(LINK_IS_OVER) from error
            user = self.users.get(user_id)
        self.registrations.forget(user_id)
        self.throttle.succeeded(suspects)
        self.throttle.succeeded(suspects_of_opened_registration(address))
        return user

    def _is_opened(self, asked: Registration) -> bool:
        """Whether the account is this registration's, as it was opened: the try that opened it did not come to its
        end, or is under way beside this one."""
        login = self.users.find_login(asked.email)
        return login is not None and (login.user_id, login.password_hash) == (asked.user_id, asked.password_hash)

    def _try(self, suspects: Sequence[Suspect]) -> None:
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            raise TooManyTries(seconds)
