"""What the document says about a route's answers."""

from __future__ import annotations

from typing import Any

from algotrading.contracts.api_common import ErrorAnswer
from algotrading.domain.errors import (
    AccountLocked,
    AlgotradingError,
    ContentTypeUnsupported,
    DatabaseUnavailable,
    PayloadTooLarge,
    TokenExpired,
    TokenInvalid,
)

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
"""The security of a route that needs a token."""
_EVERY: tuple[type[AlgotradingError], ...] = (
    PayloadTooLarge,
    ContentTypeUnsupported,
    AlgotradingError,
    DatabaseUnavailable,
)
_WITH_TOKEN: tuple[type[AlgotradingError], ...] = (TokenExpired, TokenInvalid, AccountLocked)


def answers(success: str, *errors: type[AlgotradingError], status: int = 200, is_open: bool = False) -> dict[int, Any]:
    """The responses of a route: its success, the named errors, and those that any route can have."""
    possible = (*errors, *(() if is_open else _WITH_TOKEN), *_EVERY)
    codes: dict[int, list[str]] = {}
    for error in possible:
        codes.setdefault(error.status, []).append(error.code)
    failures = {
        code: {
            "description": " or ".join(dict.fromkeys(names)),
            "content": {"application/json": {"model": ErrorAnswer}},
        }
        for code, names in sorted(codes.items())
    }
    return {status: {"description": success}, **failures}
