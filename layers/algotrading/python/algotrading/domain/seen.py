"""What somebody saw of a thing, told by a tag: of two who change what both saw, the second is told."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Final

from algotrading.domain.errors import PreconditionFailed

HAS_CHANGED: Final = "this has changed since you read it: read it again, then decide"
_LENGTH = 16
"""Hexadecimal digits: 64 bits. A tag is compared with that of one thing, whose owner gains nothing by two alike."""


def tag_of(*values: object) -> str:
    """The tag of a state: the same for the same values, however their numbers are written."""
    return hashlib.sha256(json.dumps(values, default=_plain).encode()).hexdigest()[:_LENGTH]


def require_seen(present: str, seen: str | None) -> None:
    """Raise PreconditionFailed unless what was seen is what is there; None: whoever asks takes whatever is."""
    if seen is not None and seen != present:
        raise PreconditionFailed(HAS_CHANGED)


def _plain(value: object) -> str:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
