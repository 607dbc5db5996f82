"""Sends what was asked for by e-mail: the link that opens an account, the link for a new password, the link that
verifies an address; and tells an owner of guesses at the password, of a registration, or that the account is gone.

Apart from the functions that people wait for: so that nothing about an answer, its time least of all, tells whether
an address has an account.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from algotrading.contracts.errands import (
    AccountDeletedErrand,
    Errand,
    LoginsHeldUpErrand,
    RegistrationErrand,
    ResetPasswordErrand,
)
from algotrading.domain.account_notices import LOGINS_HELD_UP
from algotrading.domain.email_links import LASTS, LinkPurpose
from algotrading.domain.errors import NotFound
from algotrading.domain.mail import deleted_mail, registered_mail, registration_mail, reset_mail, verification_mail
from algotrading.domain.notices import NoticeKind
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, EmailLinks, Mailer, MailRefused, Registrations, Summaries, Users
from algotrading.services.link_tokens import new_link_token

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountMails:
    """Carries errands out, each at least once: one that comes again sends another link, which is as good."""

    users: Users
    registrations: Registrations
    links: EmailLinks
    summaries: Summaries
    mailer: Mailer
    clock: Clock
    app_url: str
    """Where the pages are that links lead to."""

    def run(self, errand: Errand) -> bool:
        """Whether a mail went out, or a notice was written."""
        try:
            if isinstance(errand, RegistrationErrand):
                return self._answer_registration(errand.user_id)
            if isinstance(errand, LoginsHeldUpErrand):
                return self._tell_of_guesses(errand.email)
            if isinstance(errand, AccountDeletedErrand):
                self.mailer.send(deleted_mail(errand.email))
                return True
            if isinstance(errand, ResetPasswordErrand):
                return self._reset(errand.email)
            return self._verify(errand.user_id)
        except MailRefused:
            logger.warning("a mail was refused for good: nothing is sent", exc_info=True)
            return False

    def _answer_registration(self, user_id: UUID) -> bool:
        """The link that opens the account; or its owner is told, where there is one, of which nothing is changed."""
        now = self.clock.now()
        self.registrations.forget_old(now)
        email = self.registrations.email_of(user_id, now)
        if email is None:
            return False
        login = self.users.find_login(email)
        if login is None:
            token, token_hash = new_link_token(user_id)
            self.registrations.add_link(user_id, token_hash)
            self.mailer.send(registration_mail(email, self.app_url, token))
        else:
            # To the address as it is stored: what was typed may only look alike.
            self.mailer.send(registered_mail(self.users.get(login.user_id).email, self.app_url))
            self.registrations.forget(user_id)
        return True

    def _reset(self, email: str) -> bool:
        login = self.users.find_login(email)
        if login is None:
            return False
        token = self._new_link(login.user_id, LinkPurpose.RESET_PASSWORD)
        # To the address as it is stored: what was typed may only look alike.
        self.mailer.send(reset_mail(self.users.get(login.user_id).email, self.app_url, token))
        return True

    def _tell_of_guesses(self, email: str) -> bool:
        """Once a day: who guesses on is not to fill somebody's mailbox by it."""
        login = self.users.find_login(email)
        if login is None:
            return False
        now = self.clock.now()
        kind = NoticeKind.LOGINS_HELD_UP
        return self.summaries.tell(login.user_id, trading_day_of(now), kind, LOGINS_HELD_UP, now)

    def _verify(self, user_id: UUID) -> bool:
        try:
            user = self.users.get(user_id)
        except NotFound:
            return False
        if user.is_email_verified:
            return False
        self.mailer.send(verification_mail(user.email, self.app_url, self._new_link(user_id, LinkPurpose.VERIFY_EMAIL)))
        return True

    def _new_link(self, user_id: UUID, purpose: LinkPurpose) -> str:
        now = self.clock.now()
        token, token_hash = new_link_token(user_id)
        self.links.add(user_id, purpose, token_hash, now=now, expires_at=now + LASTS[purpose])
        return token
