"""Phones that take pushes, and the service that reaches them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from algotrading.domain.push import Push, PushDevice, Receipt, Ticket


class PushDevices(Protocol):
    """Each phone is bound to the login on it, with whose end it is forgotten. Adding one and taking one away leaves an
    audit record."""

    def register(self, device: PushDevice) -> None:
        """In place of what the login had before, and of any login, of whoever's, that had the same token: a phone shows
        the notices of who logged in on it last. Nothing happens where it is known just so.

        Raises:
            NotFound: the user has no such login, or it is over.
        """
        ...

    def of_user(self, user_id: UUID, now: datetime) -> Sequence[PushDevice]:
        """Phones whose logins go on, the latest first, `MOST_DEVICES` at most."""
        ...

    def remove(self, user_id: UUID, device_id: UUID, now: datetime) -> bool:
        """Whether there was one."""
        ...

    def forget(self, user_id: UUID, token_hash: bytes, now: datetime) -> bool:
        """The token is dead; whether the user still had it."""
        ...


class Pushes(Protocol):
    """The push service."""

    def send(self, tokens: Sequence[str], push: Push) -> Sequence[Ticket]:
        """To each phone; an answer for each, in their order. Raises DeliveryRefused; anything else may pass."""
        ...

    def receipts(self, receipt_ids: Collection[str]) -> Mapping[str, Receipt]:
        """What became of them, as far as it is known yet. What it raises may pass."""
        ...
