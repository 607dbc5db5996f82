"""Limits, locks and what has been used of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from algotrading.domain.flatness import FlatProof, NothingPlaced
from algotrading.domain.limits import Breach, Lock, Locks, RiskLimits
from algotrading.domain.risk import Usage


@dataclass(frozen=True, slots=True)
class RiskStanding:
    """A user's limits and locks, and what is in use."""

    limits: RiskLimits
    locks: Locks
    flat: FlatProof | NothingPlaced | None
    """What came of the present lock; None when there is none, or nothing is known yet."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """Something that was recorded about a user's risk: a blocked entry, a limit reached, a switch."""

    at: datetime
    kind: str
    text: str
    used: Decimal | None = None
    limit: Decimal | None = None
    strategy_id: UUID | None = None


class Risks(Protocol):
    """Risk profiles, locks, and what was recorded about them. Every change is audited in its transaction."""

    def standing(self, user_id: UUID, day: date, now: datetime) -> RiskStanding:
        """Where the user stands, with the results of the week of `day`."""
        ...

    def set_limits(
        self, user_id: UUID, limits: RiskLimits, now: datetime, *, may_loosen: bool = True, seen: str | None = None
    ) -> None:
        """Replace the user's limits. No entry is checked half by the old and half by the new, and none of two changes
        at once is compared with what the other has replaced.

        Raises:
            FreshCodeNeeded: more could be risked than before, and the caller `may_loosen` nothing.
            PreconditionFailed: those that are replaced have another tag than `seen`.
        """
        ...

    def lock(self, user_id: UUID, *, by: str, reason: str | None, now: datetime) -> Lock:
        """Switch the user's kill switch on, with its event and notice. One that is on stays as it is and is
        returned. Waits for no entry: one that looked before leaves within `LAST_LOOK` of its look, or looks again."""
        ...

    def release(self, user_id: UUID, now: datetime) -> Locks:
        """Switch it off, with its event and notice; no error when it is off. Answers what still locks the user.
        Waits for an entry that is being written down.

        Raises:
            Conflict: a cycle of the user is not settled.
        """
        ...

    def locks(self, user_id: UUID) -> Locks:
        """The switches that concern the user."""
        ...

    def events(self, user_id: UUID, limit: int) -> Sequence[RiskEvent]:
        """What was recorded last, newest first."""
        ...

    def record_flat(self, user_id: UUID, proof: FlatProof) -> None:
        """Keep the proof, with its event and notice."""
        ...

    def record_nothing_placed(self, user_id: UUID, at: datetime) -> None:
        """Keep that there was nothing to prove, with its event and notice."""
        ...

    def record_breach(self, user_id: UUID, breach: Breach, *, period: date, now: datetime) -> bool:
        """System: record a loss limit that was reached in the period (its day, or its Monday) and tell the
        owner; False, and nothing done, when that has happened already."""
        ...

    def lock_deployment(self, *, by: str, reason: str | None, now: datetime) -> Lock:
        """System: switch everybody's entries off and tell everybody with a running strategy or an open cycle.
        A lock that is on stays as it is and is returned; who pressed again is audited. Waits for no entry."""
        ...

    def release_deployment(self, *, by: str, now: datetime) -> None:
        """System: switch it off, and tell those who were told that it went on, and who runs or holds something now;
        no error when it is off.

        Raises:
            Conflict: a cycle of any user is not settled.
        """
        ...

    def deployment(self) -> Lock | None:
        """System: the operator's switch."""
        ...

    def watched(self, day: date, now: datetime) -> Mapping[UUID, RiskStanding]:
        """System: every user with a lock of his own, or with open cycles, or, under the operator's lock, with
        orders on `day`."""
        ...
