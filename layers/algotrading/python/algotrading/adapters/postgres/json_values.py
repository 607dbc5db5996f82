"""Domain values as JSON for the audit trail, the order log and set-based inserts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID


def to_json(value: object) -> Any:
    """`value` in JSON's own types: a dataclass becomes an object with its class as `type`, exact
    numbers and moments become text, durations milliseconds.

    What a broker answered is stored whatever it holds: text and numbers that PostgreSQL's jsonb cannot
    represent (NUL, lone surrogates, NaN) are replaced, because a record must never be lost over them.

    Raises:
        TypeError: a value of a kind nobody meant to store.
    """
    match value:
        case Enum():
            plain: Any = to_json(value.value)
        case None | bool() | int():
            plain = value
        case str():
            plain = clean_text(value)
        case float():
            plain = value if math.isfinite(value) else str(value)
        case Decimal() | UUID():
            plain = str(value)
        case date() | time():
            plain = value.isoformat()
        case timedelta():
            plain = round(value / timedelta(milliseconds=1))
        case _:
            plain = _container_to_json(value)
    return plain


def _container_to_json(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        members = {member.name: to_json(getattr(value, member.name)) for member in fields(value)}
        return {"type": type(value).__name__, **members}
    if isinstance(value, Mapping):
        return {clean_text(str(key)): to_json(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((to_json(item) for item in value), key=str)
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no place in a record")


def clean_text(text: str) -> str:
    """`text` without what PostgreSQL refuses: NUL and lone surrogates become replacement marks."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
