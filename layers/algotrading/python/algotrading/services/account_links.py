"""What is done by a link of an e-mail: a new password, a verified address; and asking for such a link."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from algotrading.contracts.errands import LoginsHeldUpErrand, ResetPasswordErrand, VerifyEmailErrand
from algotrading.domain.email_links import LINK_IS_OVER, WRONG_OWNER, LinkPurpose
from algotrading.domain.errors import (
    AuthenticationFailed,
    FieldProblem,
    LinkInvalid,
    NotFound,
    RequestInvalid,
    TooManyTries,
)
from algotrading.domain.guessable import is_guessable, words_of
from algotrading.domain.passwords import normal_form
from algotrading.domain.throttle import (
    TOLD_FROM_SECONDS,
    Suspect,
    suspects_of_account,
    suspects_of_forgotten_password,
    suspects_of_held_up_notice,
    suspects_of_link,
    suspects_of_login,
    suspects_of_mail,
)
from algotrading.ports import Clock, EmailLinks, Errands, Logins, Passwords, Throttle, Users
from algotrading.services.link_tokens import read_link_token

logger = logging.getLogger(__name__)

_EMAIL = "is your e-mail address, which others know: choose another"
_COMMON = "is one of those that everybody tries first: choose another"
_GUESSABLE = " ".join(
    (
        "is guessed early: it is little more than listed passwords, rows of keys, repetitions, parts of your e-mail or",
        "the name of this service: choose another, four words of chance for example",
    )
)
_OF_THIS_SERVICE = frozenset({"algotrading", "algo", "trading", "kite", "zerodha", "nifty", "india"})
"""What the service is called, and what it is about."""


def is_easy(password: str, email: str, is_common: Callable[[str], bool]) -> bool:
    """Whether everybody tries a password first, or it is the e-mail itself."""
    return is_common(normal_form(password)) or _is_email(normal_form(password), email)


def refuse_easy(password: str, email: str, is_common: Callable[[str], bool], field: str = "password") -> None:
    """Raises RequestInvalid, which names the field and says why, for a new password that is the e-mail, that everybody
    tries first, or that is made of such parts (`domain/guessable.py`)."""
    if _is_email(password, email):
        problem = _EMAIL
    elif is_common(password):
        problem = _COMMON
    elif is_guessable(password, words_of(email) | _OF_THIS_SERVICE, is_common):
        problem = _GUESSABLE
    else:
        return
    raise RequestInvalid(f"the request is not valid: see {field}", (FieldProblem(field, problem),))


def _is_email(password: str, email: str) -> bool:
    return password.lower() in {email.lower(), email.lower().rpartition("@")[0]}


@dataclass(frozen=True, slots=True)
class AccountLinks:
    """Asks for links, and takes them."""

    users: Users
    logins: Logins
    links: EmailLinks
    errands: Errands
    passwords: Passwords
    throttle: Throttle
    clock: Clock
    is_common: Callable[[str], bool]

    def forget(self, email: str, address: str, known_device: UUID | None = None) -> None:
        """Have a link for a new password sent to whoever has an account with this e-mail.

        Whether there is one is looked at by whoever sends the mail, later and elsewhere: here the same is done for
        every address, in the same time; only for who names a login of the account's, `known_device`, something else.

        Raises:
            TooManyTries: for this address of mail (on a device that its account knows: on that), or from this address
                of the network.
        """
        is_known = known_device is not None and self.logins.is_known(email, known_device)
        self._try(suspects_of_forgotten_password(email, address, on_known_device=is_known))
        self.errands.ask(ResetPasswordErrand(email=email))

    def reset(self, token: str, password: str, address: str, *, revoke_access: bool = False) -> None:
        """Change the password by a link, which is used up by that, and end every login. The second factor stays: who
        reads somebody's mail is not to get in by that alone. API keys and viewers go on, which the owner is told, or
        end with `revoke_access`.

        Raises:
            LinkInvalid: the link is not good, or not any more.
            RequestInvalid: the password is easily guessed; the link is still good.
            TooManyTries: too many links that were none, from this address.
        """
        suspects = suspects_of_link(address)
        self._try(suspects)
        user_id, token_hash = read_link_token(token)
        now = self.clock.now()
        # Nothing slow is done, and nothing told about a password, for somebody without a link.
        if not self.links.is_good(user_id, LinkPurpose.RESET_PASSWORD, token_hash, now):
            raise LinkInvalid(LINK_IS_OVER)
        email = self._email_of(user_id)
        refuse_easy(password, email, self.is_common)
        password_hash = self.passwords.hash(password)
        self.links.reset_password(user_id, token_hash, password_hash, now, revoke_access=revoke_access)
        self.throttle.succeeded(suspects)
        # Wrong tries at the old password, the owner's or anybody's, are over with it.
        for on_known_device in (False, True):
            self.throttle.succeeded(suspects_of_login(email, address, on_known_device=on_known_device))

    def verify(self, token: str, password: str, address: str) -> None:
        """Who knows the account's password reads mail to its address.

        Both are asked for: a stranger may have opened the account with somebody else's address, and have the link sent
        to its owner, who would make the stranger's account a confirmed one by following it (Sudhodanan and Paverd,
        Pre-hijacked accounts, USENIX Security 2022).

        Raises:
            LinkInvalid: the link is not good, or not any more.
            AuthenticationFailed: it is another password than the account's; the link is still good.
            TooManyTries: too many of these, from this address.
        """
        suspects = suspects_of_link(address)
        self._try(suspects)
        user_id, token_hash = read_link_token(token)
        now = self.clock.now()
        # Nothing slow is done, and nothing told about a password, for somebody without a link.
        if not self.links.is_good(user_id, LinkPurpose.VERIFY_EMAIL, token_hash, now):
            raise LinkInvalid(LINK_IS_OVER)
        login = self.users.find_login(self._email_of(user_id))
        if not self.passwords.matches(password, None if login is None else login.password_hash):
            raise AuthenticationFailed(WRONG_OWNER)
        self.links.verify_email(user_id, token_hash, now)
        self.throttle.succeeded(suspects)

    def ask_to_verify(self, user_id: UUID) -> bool:
        """Have the link sent again; False when there is nothing to verify any more. Raises NotFound, TooManyTries."""
        if self.users.get(user_id).is_email_verified:
            return False
        self._try(suspects_of_mail(user_id))
        self.errands.ask(VerifyEmailErrand(user_id=user_id))
        return True

    def tell_of_guesses(self, email: str, address: str, *, on_known_device: bool = False) -> None:
        """Have the owner told that tries at this account have to wait, if they do for long, and there is an account:
        that is looked at later and elsewhere, as for `forget`. Not told in vain: tries at other accounts from this
        address. The login is refused all the same when nobody can be asked."""
        suspects = suspects_of_account(email, address, on_known_device=on_known_device)
        if self.throttle.waits(suspects) < TOLD_FROM_SECONDS:
            return
        if self.throttle.try_now(suspects_of_held_up_notice(email)) > 0:
            return
        try:
            self.errands.ask(LoginsHeldUpErrand(email=email))
        except Exception:
            logger.warning("nobody was asked to tell of wrong tries at an account", exc_info=True)

    def _email_of(self, user_id: UUID) -> str:
        try:
            return self.users.get(user_id).email
        except NotFound as error:
            raise LinkInvalid(LINK_IS_OVER) from error

    def _try(self, suspects: Sequence[Suspect]) -> None:
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            raise TooManyTries(seconds)
