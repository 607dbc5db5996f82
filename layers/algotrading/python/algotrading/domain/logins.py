"""A login on one device: how it is kept going by refresh tokens, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

CODE_IS_FRESH: Final = timedelta(minutes=5)
"""So long a code of the second factor counts for what asks for a fresh one."""
LOGIN_LASTS: Final = timedelta(days=30)
"""From the password; nothing prolongs it."""
GRACE: Final = timedelta(seconds=10)
"""So long after its use a refresh token is taken once more, and brings the same successor once more: its answer may
have been lost, or two requests of one device have crossed. Later, somebody has copied it."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where somebody logs in, as the client tells it."""

    name: str
    known_as: UUID | None = None
    """An earlier login that was this device's: see `ports.Logins.begin`."""


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """One login of a user, on whatever device it was made."""

    device_id: UUID
    user_id: UUID
    name: str
    """As the client calls the device."""
    created_at: datetime
    used_at: datetime
    """When it was last begun or refreshed."""
    expires_at: datetime
    ended_at: datetime | None = None
    has_second_factor: bool = False
    """Whether a code was shown when it began."""

    def is_alive(self, now: datetime) -> bool:
        """Whether it can still be refreshed."""
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a bearer token says, or a key of a program's."""

    user_id: UUID
    has_second_factor: bool = False
    """Whether the login that it belongs to showed one."""
    device_id: UUID | None = None
    """The login that it belongs to, with which it ends; None for what belongs to none."""
    key_hash: bytes | None = None
    """Of a key: who it is of is only said by it, until the hash was found among that user's."""
    account_id: UUID | None = None
    """The broker account that a broker's login is for; None for what is not for one."""


class LoginEnd(StrEnum):
    """Why a login ended before its time. Stored: add, never rename."""

    LOGGED_OUT = "logged_out"
    REVOKED = "revoked"
    """From elsewhere: by its owner, or with a second factor that was taken away."""
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name, no password
    """By a link or by the old one: whoever knew that is not to stay."""
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_LOCKED = "account_locked"
    REUSED = "reused"
    """A used refresh token came again: one of the two who hold it is a thief, and nobody knows which."""


KEEPS_DEVICE_KNOWN: Final = frozenset({LoginEnd.LOGGED_OUT})
"""Why a login ended whose device is still one that was seen before, besides its age. Wherever somebody had reason to
end it from elsewhere, the next login is told."""


class Refresh(StrEnum):
    """What becomes of a refresh token that was presented."""

    TAKEN = "taken"
    OVER = "over"
    """The login ended, or has reached its age."""
    REUSED = "reused"


def judge_refresh(login: DeviceLogin, token_used_at: datetime | None, now: datetime) -> Refresh:
    """Whether `login` goes on with a token that was used at `token_used_at` before, None for never."""
    if not login.is_alive(now):
        return Refresh.OVER
    if token_used_at is not None and now - token_used_at > GRACE:
        return Refresh.REUSED
    return Refresh.TAKEN
