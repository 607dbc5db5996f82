"""Kite's answer envelope (Kite Connect documentation, response structure), read without trust."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from algotrading.brokers.kite.connection import Reply

MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class Envelope:
    """`{"status": "success", "data": ...}` or `{"status": "error", "message", "error_type"}`. Fields
    that are missing or of another type are None."""

    status: str | None
    error_type: str | None
    message: str | None
    data: Any

    @property
    def is_success(self) -> bool:
        """Whether it says success and nothing else."""
        return self.status == "success" and self.error_type is None

    @property
    def is_error(self) -> bool:
        """Whether it is a complete error."""
        return self.status == "error" and self.error_type is not None and self.message is not None


def read_envelope(reply: Reply) -> Envelope | None:
    """The envelope in `reply`; None when the answer is not in Kite's protocol at all."""
    if "json" not in reply.headers.get("content-type", "").lower():
        return None
    try:
        document = storable(json.loads(reply.body))
    except (ValueError, RecursionError):  # not JSON, not UTF-8, numbers or nesting beyond all reason
        return None
    if not isinstance(document, dict):
        return None
    error_type = document.get("error_type")
    message = _text_or_none(document.get("message"))
    return Envelope(
        status=_text_or_none(document.get("status")),
        error_type=str(error_type) if error_type else None,
        message=None if message is None else message[:MAX_TEXT],
        data=document.get("data"),
    )


def clean_text(text: str) -> str:
    """Without the characters that PostgreSQL cannot store: NUL and lone surrogates."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def storable(value: Any) -> Any:
    """A parsed JSON value with every text clean and every number finite."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(name): storable(item) for name, item in value.items()}
    return value


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
