"""Counts the refusals by which an attack shows: alarms listen to their number (cdk/stacks/observability.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from algotrading.ports import Meter

_COUNTED = {
    "CREDENTIALS_INVALID": "CredentialsRefused",
    "TOO_MANY_TRIES": "TriesHeldUp",
    "RATE_LIMITED": "CallersHeldUp",
}
"""What is told of a code of an error; others are no sign of an attack by themselves."""
_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})


def count_refusal(meter: Meter, answer: Mapping[str, Any]) -> None:
    """Tell of an answer of the API, as JSON, if it is one of these refusals. Nothing of who was refused is told."""
    if answer["statusCode"] not in _STATUSES:
        return
    code = json.loads(answer["body"])["error"]
    if code in _COUNTED:
        meter.count(_COUNTED[code])
