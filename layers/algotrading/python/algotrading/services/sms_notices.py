"""Text messages: a notice to its user's number, and the code that shows whose number it is."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.notifications import Channel, ChannelSetup, InboxNotice
from algotrading.domain.sms import CODE_DIGITS, Sms, code_sms, day_began, notice_sms
from algotrading.ports import Clock, Deliveries, DeliveryRefused, TextMessages, Vault

MOBILE_NUMBER = "mobile_number"
"""The name of the sealed field."""


def make_code() -> str:
    """For somebody to type off a screen that may be locked."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


@dataclass(frozen=True, slots=True)
class SmsDelivery:
    """A message counts as delivered once the SMS service has taken it."""

    deliveries: Deliveries
    vault: Vault
    texts: TextMessages
    clock: Clock
    per_day: int
    """Notices that one user is sent within a day, Asia/Kolkata: each costs money, and the inbox has them all."""

    def send(self, setup: ChannelSetup, notice: InboxNotice) -> None:
        """Raises DeliveryRefused, when the user's messages of the day are used up too; anything else may pass."""
        sent = self.deliveries.delivered_since(setup.user_id, Channel.SMS, day_began(self.clock.now()))
        if sent >= self.per_day:
            raise DeliveryRefused(f"the day's {self.per_day} text messages are used up: the inbox has this notice")
        self._send(setup, notice_sms(notice))

    def send_code(self, setup: ChannelSetup, code: str) -> None:
        """Raises DeliveryRefused; anything else may pass."""
        self._send(setup, code_sms(code))

    def _send(self, setup: ChannelSetup, sms: Sms) -> None:
        self.texts.send(number_of(self.vault, setup), sms)


def number_of(vault: Vault, setup: ChannelSetup) -> str:
    """The mobile number that a setup keeps sealed."""
    return vault.unseal(setup.user_id, {MOBILE_NUMBER: setup.sealed_secret or ""})[MOBILE_NUMBER]


def sealed_number(vault: Vault, user_id: UUID, number: str) -> str:
    """What is stored of a number."""
    return vault.seal(user_id, {MOBILE_NUMBER: number})[MOBILE_NUMBER]
