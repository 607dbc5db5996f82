"""Mails, and asking for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from algotrading.contracts.errands import AnyErrand
from algotrading.domain.mail import Mail


class MailRefused(Exception):
    """The mail service will never take this mail; trying again is of no use."""


class Mailer(Protocol):
    """Sends mails."""

    def send(self, mail: Mail) -> None:
        """Hand it over. Raises MailRefused; anything else may pass."""
        ...


class Errands(Protocol):
    """Asks for something to be sent without waiting for it, and without learning whether there is anybody to send it
    to."""

    def ask(self, errand: AnyErrand, *, delay: timedelta = timedelta(0)) -> None:
        """Once it is taken it is carried out at least once, soon after `delay`, which is a quarter of an hour at
        most."""
        ...
