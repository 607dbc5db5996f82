"""Mobile numbers of users: named, and shown to be theirs by a code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from algotrading.contracts.errands import SmsCodeErrand
from algotrading.domain.errors import Conflict, EmailUnverified, FieldProblem, RequestInvalid, TooManyTries
from algotrading.domain.mobile_numbers import Country, masked, mobile_number, number_mark
from algotrading.domain.notifications import CODE_REST, Channel, ChannelSetup
from algotrading.domain.sms import CodeLimits, until_tomorrow
from algotrading.ports import Clock, Errands, Notifications, SmsCodes, TextMessages, Users, Vault
from algotrading.services.sms_notices import sealed_number


@dataclass(frozen=True, slots=True)
class SmsNumbers:
    """Whoever may have messages sent to numbers of their choice may have somebody pay for it, or pestered: so a number
    is of a country on the list, codes are counted by user, number and deployment, and an account whose e-mail nobody
    has confirmed has none sent."""

    users: Users
    notifications: Notifications
    codes: SmsCodes
    texts: TextMessages
    vault: Vault
    errands: Errands
    clock: Clock
    countries: Sequence[Country]
    limits: CodeLimits

    def is_available(self) -> bool:
        """Whether the deployment may send any."""
        return self.texts.is_available()

    def name(self, user_id: UUID, written: str) -> str:
        """Have a code sent to a number, in place of the one before; notices go there once it has come back.

        Returns what is shown of the number.

        Raises:
            Conflict: the deployment sends no SMS, or the last code was asked for a moment ago.
            RequestInvalid: it is no mobile number of a country that messages go to.
            EmailUnverified: the user has not confirmed the e-mail.
            TooManyTries: the day's codes are used up, the user's, the number's or everybody's.
        """
        if not self.is_available():
            raise Conflict("SMS is not set up here")
        number = mobile_number(written, self.countries)
        if number is None:
            raise RequestInvalid("the request is not valid: see number", (FieldProblem("number", self._wanted()),))
        if not self.users.get(user_id).is_email_verified:
            raise EmailUnverified("confirm your e-mail first: codes are sent to numbers of confirmed accounts alone")
        now = self.clock.now()
        # Not off the number that was named last: it can be taken away in between.
        last = self.codes.last_spent(user_id)
        if last is not None and now < last + CODE_REST:
            raise Conflict("a code was asked for a moment ago: wait a minute, then ask for another")
        if not self.codes.spend(user_id, number_mark(number), self.limits, now):
            raise TooManyTries(until_tomorrow(now).total_seconds())
        shown, sealed = masked(number), sealed_number(self.vault, user_id, number)
        self.notifications.save_setup(ChannelSetup(user_id, Channel.SMS, shown, now, sealed_secret=sealed))
        self.errands.ask(SmsCodeErrand(user_id=user_id, named_at=now))
        return shown

    def _wanted(self) -> str:
        return f"must be a mobile number, with its country's code, of {', '.join(self.countries)}"
