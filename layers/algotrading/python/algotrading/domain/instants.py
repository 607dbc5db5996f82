"""How an instant is written for whoever reads answers or webhooks. What is stored is written as it ever was."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d:\d\d", re.ASCII)


def instant_text(at: datetime) -> str:
    """RFC 3339 in UTC with `Z`: `2026-11-20T02:30:00Z`, with six digits of a second where it is no whole one. `at` has
    an offset."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def with_instants(value: Any) -> Any:
    """Plain JSON with each text that is an instant with an offset, as databases and records have it, written so."""
    match value:
        case str():
            return _of_text(value)
        case dict():
            return {name: with_instants(each) for name, each in value.items()}
        case list():
            return [with_instants(each) for each in value]
        case _:
            return value


def _of_text(text: str) -> str:
    if not _WRITTEN.fullmatch(text):
        return text
    try:
        return instant_text(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        # Somebody's own words, of a day that there is not.
        return text
