"""Registrations: accounts that were asked for, until somebody who reads the address's mail and knows the password that
was chosen opens them. No account is there before that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

KEPT_FOR: Final = timedelta(hours=24)
"""From the asking. Then it is forgotten, with the address and the password's hash."""
WRONG_PAIR: Final = (
    "this is not the password that was chosen when this account was asked for: enter that one, or register again"
)
"""What is told to whoever has the link and not the password: an account that somebody else asked for is not opened by
a slip of the address's owner, who would otherwise get one whose password a stranger knows."""


@dataclass(frozen=True, slots=True, repr=False)
class Registration:
    """One of them; an address may have several, each with a link and a password of its own. `repr` shows nothing."""

    user_id: UUID
    """What the account will be called, if it is opened."""
    email: str
    password_hash: str
    created_at: datetime

    @property
    def expires_at(self) -> datetime:
        """From when on nothing opens it any more."""
        return self.created_at + KEPT_FOR

    def __repr__(self) -> str:
        return f"Registration({self.user_id}, hidden)"
