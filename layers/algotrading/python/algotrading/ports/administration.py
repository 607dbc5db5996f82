"""What the staff of a deployment need of its stores, across all users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from algotrading.domain.administration import AccountState, QueueDepth, StorePulse, UserSummary
from algotrading.domain.roles import Role


class Administration(Protocol):
    """System: users, locks and roles. Each change leaves an audit record in its user's chain, in the same transaction;
    so does each look at one user's state. What is so already changes nothing, and leaves none."""

    def users(self, *, query: str | None, limit: int, after: UUID | None) -> Sequence[UserSummary]:
        """Users whose e-mail holds `query`, in whatever case, the newest first; `after` the one that ended the page
        before. Raises NotFound: there is no such user any more."""
        ...

    def find(self, email: str) -> UUID:
        """Whose e-mail it is. Raises NotFound."""
        ...

    def state(self, user_id: UUID, *, by: UUID, role: Role, door: str, now: datetime) -> AccountState:
        """How one account stands. Raises NotFound."""
        ...

    def lock(self, user_id: UUID, *, by: str, reason: str, now: datetime) -> None:
        """Nobody gets in from now on, and every login ends. Raises NotFound."""
        ...

    def unlock(self, user_id: UUID, *, by: str, now: datetime) -> None:
        """Its owner may log in again. Raises NotFound."""
        ...

    def clear_second_factor(self, user_id: UUID, *, by: str, reason: str, now: datetime) -> int:
        """Take the user's second factor away with its recovery codes, end every login, and tell the user; how many
        logins that were. Raises NotFound; Conflict: none is on."""
        ...

    def grant(self, user_id: UUID, role: Role, *, by: str, now: datetime) -> None:
        """Raises NotFound; Conflict: the user has no second factor, or has not confirmed the e-mail."""
        ...

    def withdraw(self, user_id: UUID, role: Role, *, by: str, now: datetime) -> None:
        """Raises NotFound."""
        ...

    def pulse(self) -> StorePulse:
        """One cheap look at everything."""
        ...


class QueueGauge(Protocol):
    """How full the deployment's queues are."""

    def depths(self) -> Sequence[QueueDepth]:
        """Of each, dead letters too."""
        ...
