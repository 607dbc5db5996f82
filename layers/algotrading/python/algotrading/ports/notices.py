"""What users are told, and the way to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell a user, written together with the change it speaks of."""

    notice_id: int
    user_id: UUID
    strategy_id: UUID | None
    kind: str
    text: str
    created_at: datetime
    attempts: int = 0
    """How often its delivery was begun."""
    account_id: UUID | None = None
    """The broker account that it speaks of."""


class Outbox(Protocol):
    """Notices that were written with the changes they speak of, and have not arrived yet."""

    def waiting(self, now: datetime, limit: int) -> Sequence[UUID]:
        """System: users for whom a notice is due, whoever has waited longest first."""
        ...

    def claim(self, user_id: UUID, now: datetime, *, lease: timedelta) -> Notice | None:
        """The user's next notice, to be delivered by the caller alone until `lease` is over; None when there is
        none, when somebody else is delivering one, or when one that failed has not waited long enough
        (`domain.delivery.next_of`)."""
        ...

    def mark_delivered(self, notice: Notice, now: datetime) -> None:
        """This notice has reached its channel. Nothing happens when somebody has claimed it since."""
        ...

    def mark_failed(self, notice: Notice, error: str, retry_at: datetime) -> None:
        """This notice has not reached its channel: try again from `retry_at` on. Nothing happens when somebody has
        claimed it since."""
        ...

    def stuck(self, since: datetime) -> int:
        """System: how many notices that were written before `since` have not arrived."""
        ...


class Notifier(Protocol):
    """The channel that carries notices to people."""

    def publish(self, notice: Notice) -> None:
        """Deliver at least once."""
        ...
