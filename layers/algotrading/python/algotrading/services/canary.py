"""Whether the API answers as the product does, asked from outside and without an account.

Both questions are refused, each by another part: a refresh token that belongs to nobody by PostgreSQL, behind the
function of logins; a bearer token that is none by the function of strategies, behind the authorizer. So a refusal in
the product's own words has come through all of that, and nobody's data is touched.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from algotrading.ports import Clock, Meter

logger = logging.getLogger(__name__)

_NOBODYS_TOKEN = f"{'0' * 32}.{'0' * 43}"
_SHOWN = 200
"""Characters of an answer that are told."""

Ask = Callable[[str, str, Mapping[str, str], bytes | None], tuple[int, bytes]]
"""Method, address, headers and body of a request: status and body of the answer; 0 and why where none came."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is refused as `error`, with 401."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    error: str = "TOKEN_INVALID"


QUESTIONS = (
    Question(
        "POST",
        "/api/v1/auth/refresh",
        {"Content-Type": "application/json"},
        json.dumps({"refresh_token": _NOBODYS_TOKEN}).encode(),
    ),
    Question("GET", "/api/v1/strategy", {"Authorization": "Bearer nobody"}),
)


@dataclass(frozen=True, slots=True)
class Canary:
    """Asks, and tells by one metric whether all was well."""

    api_url: str
    ask: Ask
    clock: Clock
    meter: Meter
    questions: Sequence[Question] = field(default=QUESTIONS)

    def look(self) -> Sequence[str]:
        """What is wrong, in words; nothing where every answer was the product's own."""
        wrong = [words for question in self.questions if (words := self._ask(question)) is not None]
        for words in wrong:
            logger.warning("%s", words)
        self.meter.count("ApiAnswers", int(not wrong))
        return wrong

    def _ask(self, question: Question) -> str | None:
        asked_at = self.clock.now()
        url = f"{self.api_url.rstrip('/')}{question.path}"
        status, body = self.ask(question.method, url, question.headers, question.body)
        self.meter.milliseconds("ApiAnswerTime", (self.clock.now() - asked_at).total_seconds() * 1000)
        if (status, _error_of(body)) == (401, question.error):
            return None
        shown = body[:_SHOWN].decode("utf-8", "replace")
        return f"{question.method} {question.path} answers {status}, not 401 {question.error}: {shown}"


def _error_of(body: bytes) -> str | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    return str(told.get("error")) if isinstance(told, dict) else None
