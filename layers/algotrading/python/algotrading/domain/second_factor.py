"""The second factor of a login: six digits that a phone computes from a secret and the time (RFC 6238), or a recovery
code that is good once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

STEP_SECONDS: Final = 30
RECOVERY_CODES: Final = 10
RECOVERY_SALT_BYTES: Final = 16
_DRIFT: Final = 1
"""So many steps a phone's clock may be off, either way (RFC 6238, section 5.2)."""
_DIGITS = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(r"[0-9a-f]{5}-?[0-9a-f]{5}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class SecondFactor:
    """What a user has set up. It counts from its confirmation on. `repr` shows nothing of it."""

    user_id: UUID
    sealed_secret: str
    created_at: datetime
    confirmed_at: datetime | None = None
    last_step: int = 0
    """The step whose digits were used last: none is good twice."""
    confirmed_step: int | None = None
    """The step whose digits switched it on; None for one from before that was kept."""
    recovery_salt: bytes | None = None
    """What its recovery codes are hashed with; None for a set from before there was one."""

    def __repr__(self) -> str:
        return f"SecondFactor({self.user_id}, hidden)"

    @property
    def is_on(self) -> bool:
        """Whether a login needs it."""
        return self.confirmed_at is not None


def steps_around(now: datetime) -> range:
    """The steps whose digits are taken now."""
    step = int(now.timestamp()) // STEP_SECONDS
    return range(step - _DRIFT, step + _DRIFT + 1)


def is_digits(code: str) -> bool:
    """Whether a code can be one of a phone's."""
    return _DIGITS.fullmatch(code) is not None


def read_recovery(code: str) -> str | None:
    """A recovery code as it is hashed, however it was written; None for what cannot be one."""
    return code.replace("-", "").lower() if _RECOVERY.fullmatch(code) else None


def unsalted_hash(recovery: str) -> bytes:
    """What is stored of a recovery code in a set from before there were salts. Of 40 random bits: the throttle guards
    them at the door, and nothing guards them once the hashes have leaked."""
    return hashlib.sha256(recovery.encode()).digest()
