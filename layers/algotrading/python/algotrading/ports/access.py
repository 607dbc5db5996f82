"""Who may do what: how callers stand, and who reads whose account."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from algotrading.domain.accounts import User
from algotrading.domain.allowances import Allowance, Spent
from algotrading.domain.api_keys import ApiKey
from algotrading.domain.logins import Bearer
from algotrading.domain.roles import Role, Standing, ViewerGrant


class Standings(Protocol):
    """What the door asks before it lets anybody in."""

    def read(self, bearer: Bearer, now: datetime) -> Standing | None:
        """How a user stands at this moment, whether the login goes on that is named, and the key of that hash if it is
        theirs, whose use is noted; None for a user that is not there, or not any more."""
        ...

    def enter(self, account: UUID, viewer: UUID, door: str, now: datetime) -> bool:
        """Whether `viewer` may read `account` by its owner's invitation. If so it is written down in that account's
        audit trail, before anything is read."""
        ...

    def note_staff(self, user_id: UUID, role: Role, door: str, path: str, now: datetime) -> None:
        """System: write down in the deployment's audit trail that somebody comes in as one of its staff."""
        ...

    def reading_only(self) -> AbstractContextManager[None]:
        """Within the block nothing can be stored, whatever the code that runs there tries."""
        ...


class Allowances(Protocol):
    """How many requests a caller has made in the present minute. Never keeps anybody out for a fault of its own."""

    def spend(self, who: str, allowance: Allowance) -> Spent:
        """Count one request, also where it is one too many."""
        ...


class ApiKeys(Protocol):
    """Keys of programs, of which only hashes are stored. Every change leaves an audit record in the same
    transaction."""

    def add(self, key: ApiKey, key_hash: bytes) -> None:
        """Raises Conflict when the user has as many as they may."""
        ...

    def of_user(self, user_id: UUID) -> Sequence[ApiKey]:
        """The user's, the oldest first."""
        ...

    def revoke(self, user_id: UUID, key_id: UUID, now: datetime) -> None:
        """Forget one. Raises NotFound."""
        ...


class ViewerGrants(Protocol):
    """Who reads whose account. Of invitations only hashes are stored. Every change leaves a record in the audit trail
    of the account that is read, in the same transaction."""

    def invite(self, grant: ViewerGrant, token_hash: bytes) -> None:
        """Store an invitation. Raises Conflict when the account has as many as it may."""
        ...

    def of_account(self, user_id: UUID, now: datetime) -> Sequence[ViewerGrant]:
        """Who was invited to the user's account and who accepted, the oldest first; not what has expired."""
        ...

    def revoke(self, user_id: UUID, grant_id: UUID, now: datetime) -> None:
        """Its owner takes one back, accepted or not. Raises NotFound."""
        ...

    def accept(self, account: UUID, token_hash: bytes, viewer: User, now: datetime) -> ViewerGrant:
        """Use an invitation up. Raises LinkInvalid: it is not good, or not any more; Conflict: the viewer reads this
        account already."""
        ...

    def shared_with(self, viewer_id: UUID) -> Sequence[ViewerGrant]:
        """The accounts that the user reads, in the order of their e-mails."""
        ...

    def leave(self, account: UUID, viewer_id: UUID, now: datetime) -> None:
        """The viewer gives it back. Raises NotFound."""
        ...
