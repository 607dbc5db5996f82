"""Who somebody is to an account: what the doors of the API are opened by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from algotrading.domain.api_keys import ApiKey


class Role(StrEnum):
    """In what capacity somebody asks. Stored and in tokens of ours: add, never rename."""

    TRADER = "trader"
    """The owner of the account that is asked about. Everybody is this to their own account."""
    VIEWER = "viewer"
    """Reads another's account, by its owner's invitation."""
    SUPPORT = "support"
    """Sees how accounts stand: no secret, no order."""
    ADMIN = "admin"
    """Runs the deployment."""


STAFF: Final = frozenset({Role.SUPPORT, Role.ADMIN})
"""Roles that are granted to users, and reach beyond their own account."""
INVITATION_LASTS: Final = timedelta(days=7)
MOST_VIEWERS: Final = 20
"""Of one account, invited ones too."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a user at the moment of a request."""

    user_id: UUID
    is_locked: bool
    roles: frozenset[Role]
    """Those of staff, which count while their holder's second factor is on; that of a trader needs no granting."""
    is_logged_in: bool = True
    """Whether the login that was named goes on; True where none was."""
    key: ApiKey | None = None
    """The one that was shown, if it is theirs."""
    owes_code: bool = False
    """Whether their second factor is on, and the login that was named has not shown a code of it for
    `logins.CODE_IS_FRESH`; a key never does."""
    has_shown_factor: bool = False
    """Whether the login that was named has shown a code of the second factor that is on now. One that showed another,
    which was switched off since, says so in its token for as long as that is good."""


@dataclass(frozen=True, slots=True)
class ViewerGrant:
    """An invitation to read an account, and what became of it."""

    grant_id: UUID
    user_id: UUID
    """Whose account it is."""
    name: str
    """What its owner calls the viewer."""
    owner_email: str
    created_at: datetime
    expires_at: datetime
    """Of an invitation; what was accepted lasts until one of the two ends it."""
    viewer_id: UUID | None = None
    viewer_email: str | None = None
    accepted_at: datetime | None = None
