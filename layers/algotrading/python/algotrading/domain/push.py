"""Pushes: which phones take them, and what they say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from algotrading.domain.notifications import InboxNotice, title_of

MOST_DEVICES: Final = 20
"""Of one user; those that were registered last are sent to. One request carries them all, and takes up to 100."""
RECEIPTS_AFTER: Final = timedelta(minutes=15)
"""When what became of a push is asked for, and asked for again; Expo's documentation recommends it, and SQS delays no
message for longer."""
MOST_LOOKS: Final = 4
"""How often it is asked for. Receipts are kept for a day; what has none after an hour will have none."""
_LONGEST_BODY: Final = 900
"""Characters. Apple and Google take 4,096 bytes with everything around the text; what is cut off is in the inbox."""


@dataclass(frozen=True, slots=True, repr=False)
class PushDevice:
    """A phone on which a user is logged in and wants pushes. `repr` shows no token."""

    user_id: UUID
    device_id: UUID
    """The login: with it the pushes end."""
    token_hash: bytes
    sealed_token: str
    registered_at: datetime

    def __repr__(self) -> str:
        return f"PushDevice({self.device_id}, token hidden)"


@dataclass(frozen=True, slots=True)
class Push:
    """What a phone shows, and what the app needs to open the right screen. It passes through the push service, Apple
    and Google, who can read it: it holds what the notice says, and no more."""

    title: str
    body: str
    notice_id: int
    kind: str
    strategy_id: UUID | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the push service answered for one phone: the number by which to ask later, or what is wrong."""

    receipt_id: str | None
    error: str | None = None
    is_dead: bool = False
    """The phone takes no pushes under this token any more."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a push that was taken: None is well, and means Apple's or Google's service has it."""

    error: str | None = None
    is_dead: bool = False


def push_of(notice: InboxNotice) -> Push:
    """A notice as a phone shows it."""
    title = f"{notice.symbol}: {title_of(notice.kind).lower()}" if notice.symbol else title_of(notice.kind)
    body = notice.text if len(notice.text) <= _LONGEST_BODY else notice.text[: _LONGEST_BODY - 1] + "…"
    return Push(title, body, notice.notice_id, notice.kind, notice.strategy_id)


def push_token_hash(token: str) -> bytes:
    """By which a token is found again; it is random and long, so that nothing slow is needed against guessing."""
    return hashlib.sha256(token.encode()).digest()
