"""Keys by which programs of a user ask, and what each is good for."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

PREFIX: Final = "algt_"
"""What every key begins with, so that whoever searches sources and logs for secrets finds it."""
PATTERN: Final = PREFIX + "[0-9a-f]{104}"
"""For scanners: the owner, 256 random bits, and a checksum, by which a scanner tells a key from what looks like one."""
_KEY = re.compile(PREFIX + r"(([0-9a-f]{32})([0-9a-f]{64}))([0-9a-f]{8})")
MOST_KEYS: Final = 20
"""Of one user."""
LONGEST: Final = timedelta(days=365)
USE_NOTED_EVERY: Final = timedelta(minutes=1)
"""`last_used_at` is that exact: not every request is a write."""


class Scope(StrEnum):
    """What a key opens. Stored: add, never rename. Nothing of it is ever an account's security or the staff's."""

    READ = "read"
    """What the account trades: strategies, orders, limits, notices."""
    STRATEGIES_WRITE = "strategies:write"
    """Create, change, start, stop, square off."""
    RISK_WRITE = "risk:write"
    """Limits, and the user's own kill switch."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: what it is good for, and nothing that could be used as one."""

    key_id: UUID
    user_id: UUID
    name: str
    """What its owner calls the program."""
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None

    def is_alive(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return now < self.expires_at


def write_key(user_id: UUID, secret: bytes) -> tuple[str, bytes]:
    """A key's text, for its owner alone, and the hash that is kept. `secret`: 32 random bytes."""
    said = user_id.hex + secret.hex()
    return f"{PREFIX}{said}{_checksum(said)}", _hash(said)


def read_key(text: str) -> tuple[UUID, bytes] | None:
    """Whose key it says it is, and its hash; None for what was never one of ours."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(match[1]) != match[4]:
        return None
    return UUID(match[2]), _hash(match[1])


def _checksum(said: str) -> str:
    return f"{zlib.crc32(said.encode()):08x}"


def _hash(said: str) -> bytes:
    # Of 256 random bits: nothing slow is needed against guessing.
    return hashlib.sha256(said.encode()).digest()
