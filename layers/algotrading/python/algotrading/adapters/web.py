"""One HTTP request, with the standard library."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

_SECONDS = 8.0
_MOST_BYTES = 65_536


def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
    """Status and body of the answer, whatever they are; 0 and why where none came. Never raises for what the
    network does. `url` is http or https, as settings have it."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - see settings
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - see settings
            return answer.status, answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, _rest_of(refused)
    except (OSError, HTTPException) as failure:
        return 0, str(failure).encode()


def _rest_of(refused: urllib.error.HTTPError) -> bytes:
    try:
        return refused.read(_MOST_BYTES)
    except (OSError, HTTPException) as failure:
        return str(failure).encode()
