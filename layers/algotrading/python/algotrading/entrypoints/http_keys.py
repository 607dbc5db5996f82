"""The Idempotency-Key of a request (draft-ietf-httpapi-idempotency-key-header-07)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from algotrading.domain.errors import KeyAnswerNotKept, RequestInvalid
from algotrading.domain.keyed_requests import KeptAnswer
from algotrading.entrypoints.http_answers import as_event_answer, error_response

IDEMPOTENCY_KEY = "Idempotency-Key"
"""Header by which a client names a command, so that a repetition does nothing twice."""
REPLAYED = "Idempotency-Replayed"
"""Header of an answer that was kept: nothing was done now."""
KEY_PATTERN = "[A-Za-z0-9._:-]{1,128}"
_KEY = re.compile(KEY_PATTERN)
_KEPT_HEADERS = frozenset({"content-type", "etag", "location"})
"""What a repetition's answer needs of the first one's headers; the rest is each answer's own."""


def named_key(headers: Mapping[str, Any]) -> str | None:
    """The client's key, bare or in quotes; None without one. Header names in whatever case.

    Raises:
        RequestInvalid: the header holds something else than a key.
    """
    found = {str(name).lower(): value for name, value in headers.items()}.get(IDEMPOTENCY_KEY.lower())
    if found is None:
        return None
    key = str(found)
    if len(key) > 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise RequestInvalid(f"{IDEMPOTENCY_KEY} must be 1 to 128 letters, digits, '.', '_', ':' or '-'")
    return key


def to_keep(answer: Mapping[str, Any], *, way_on: str | None = None) -> KeptAnswer:
    """An event answer as it is kept. With a `way_on` an answer of success is not: a repetition is told that it was
    done, and how to get on. A refusal shows nothing, and is kept."""
    if way_on is not None and answer["statusCode"] < HTTPStatus.BAD_REQUEST:
        answer = as_event_answer(error_response(KeyAnswerNotKept(way_on), "none"))
    headers = {name: str(value) for name, value in answer["headers"].items() if name.lower() in _KEPT_HEADERS}
    return KeptAnswer(int(answer["statusCode"]), headers, str(answer["body"]))


def given_again(kept: KeptAnswer) -> dict[str, Any]:
    """A kept answer as an event answer."""
    return {
        "statusCode": kept.status,
        "headers": {**kept.headers, REPLAYED: "true"},
        "body": kept.body,
        "isBase64Encoded": False,
        "cookies": [],
    }
