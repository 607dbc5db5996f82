"""A Lambda authorizer of an HTTP API with simple responses, and its cache (API Gateway documentation).

The result is cached under the identity sources alone: it holds for every route that uses the authorizer.
A request without an identity source is refused without asking.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.lambda_runtime import Function, Throttled
from twin.wiring import AuthorizerSpec


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a request may not pass, as the gateway says it."""

    status: int
    message: str


UNAUTHORIZED = Verdict(401, "Unauthorized")
FORBIDDEN = Verdict(403, "Forbidden")
FAILED = Verdict(500, "Internal Server Error")

Context = Mapping[str, Any]


class Authorizer:
    """Asks the authorizer function, or remembers what it said."""

    def __init__(self, spec: AuthorizerSpec, function: Function, clock: Callable[[], float]) -> None:
        self._spec = spec
        self._function = function
        self._clock = clock
        self._cache: dict[tuple[str, ...], tuple[float, Context | Verdict]] = {}

    async def check(self, event: Mapping[str, Any]) -> Context | Verdict:
        """The caller's context, or why the request may not pass."""
        identity = tuple(event["headers"].get(name, "") for name in self._spec.identity_headers)
        if not all(identity):
            return UNAUTHORIZED
        now = self._clock()
        cached = self._cache.get(identity)
        if cached is not None and cached[0] > now:
            return cached[1]
        outcome = await self._ask({**event, "type": "REQUEST", "identitySource": list(identity)})
        if outcome is not FAILED and self._spec.cache_seconds > 0:
            self._cache[identity] = (now + self._spec.cache_seconds, outcome)
        return outcome

    async def _ask(self, event: Mapping[str, Any]) -> Context | Verdict:
        try:
            result = await self._function.invoke(json.dumps(event).encode())
        except Throttled:
            return FAILED
        if result.is_error:
            return UNAUTHORIZED if result.error_message == "Unauthorized" else FAILED
        answer = json.loads(result.payload)
        if not isinstance(answer, dict) or not isinstance(answer.get("isAuthorized"), bool):
            return FAILED
        context: Context = answer.get("context") or {}
        return context if answer["isAuthorized"] else FORBIDDEN
