"""Mails, and asking for them."""

from __future__ import annotations

from typing import Protocol

from algotrading.contracts.errands import Errand
from algotrading.domain.mail import Mail


class MailRefused(Exception):
    """The mail service will never take this mail; trying again is of no use."""


class Mailer(Protocol):
    """Sends mails."""

    def send(self, mail: Mail) -> None:
        """Hand it over. Raises MailRefused; anything else may pass."""
        ...


class Errands(Protocol):
    """Asks for a mail without waiting for it, and without learning whether there is anybody to send it to."""

    def ask(self, errand: Errand) -> None:
        """Once it is taken it is carried out at least once, soon."""
        ...
