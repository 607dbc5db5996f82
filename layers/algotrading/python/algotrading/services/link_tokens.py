"""The tokens of links: whose one is, so that it is looked for among one user's, and 256 random bits.

Nobody makes one up: it is good only where its hash is stored, which a signature would add nothing to.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from uuid import UUID

from algotrading.domain.email_links import LINK_IS_OVER
from algotrading.domain.errors import LinkInvalid

_TOKEN = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


def new_link_token(user_id: UUID) -> tuple[str, bytes]:
    """A token for a mail, and its hash for the store."""
    secret = secrets.token_urlsafe(32)
    return f"{user_id.hex}.{secret}", _hash(secret)


def read_link_token(token: str) -> tuple[UUID, bytes]:
    """Whose token it says it is, and its hash. Raises LinkInvalid for what cannot be one."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise LinkInvalid(LINK_IS_OVER)
    return UUID(match[1]), _hash(match[2])


def _hash(secret: str) -> bytes:
    # Of 256 random bits: nothing slow is needed against guessing.
    return hashlib.sha256(secret.encode()).digest()
