"""Requests that name themselves by a key, so that a repetition does nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from algotrading.domain.errors import KeyInUse, KeyOutcomeUnknown, KeyReused

OF_ANOTHER_REQUEST: Final = "this Idempotency-Key was used for another request: take a new one"
BROKE_OFF: Final = (
    "the first request with this Idempotency-Key broke off or failed: look whether it was done, then decide, with a new"
    " key"
)
KEPT_FOR = timedelta(hours=24)
"""How long a key stands for its request."""
_FAULTS = 500
_TURNED_AWAY = 429
_SALT_BYTES = 16
UNDER_WAY = timedelta(seconds=60)
"""How long a request without an answer may still be running: the gateway gives one up after 30 s."""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """One request under its caller's key. `request_hash` tells it from others: see `hash_request`."""

    user_id: UUID
    key: str
    request_hash: bytes
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given: the headers are those that a repetition needs too."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """What is kept under a key; no answer while the request runs, and for good when it broke off."""

    request: KeyedRequest
    answer: KeptAnswer | None


def hash_request(method: str, path: str, body: str) -> bytes:
    """SHA-256 of a request, each part told apart from the next. The body counts as it was written."""
    digest = hashlib.sha256()
    for part in (method, path, body):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.digest()


def salt_of(user_id: UUID, key: str) -> bytes:
    """The salt of the slow hash of a request that holds a secret: another one for each user and key."""
    return hashlib.sha256(user_id.bytes + key.encode()).digest()[:_SALT_BYTES]


def is_turned_away(answer: KeptAnswer) -> bool:
    """Whether nothing was looked at: the same request is to come again later, under the same key."""
    return answer.status == _TURNED_AWAY


def is_open(kept: KeptRequest) -> bool:
    """Whether nobody can say what became of it: it has no answer, or failed through a fault of ours."""
    return kept.answer is None or kept.answer.status >= _FAULTS


def answer_again(kept: KeptRequest, asked: KeyedRequest) -> KeptAnswer:
    """The answer for a repetition.

    Raises:
        KeyReused: the key stands for another request.
        KeyInUse: the first one is under way.
        KeyOutcomeUnknown: the first one broke off or failed; whether it was done is not known here.
    """
    if kept.request.request_hash != asked.request_hash:
        raise KeyReused(OF_ANOTHER_REQUEST)
    if kept.answer is not None and not is_open(kept):
        return kept.answer
    left = timedelta(0) if kept.answer is not None else kept.request.begun_at + UNDER_WAY - asked.begun_at
    if left > timedelta(0):
        raise KeyInUse(1.0)
    raise KeyOutcomeUnknown(BROKE_OFF)
