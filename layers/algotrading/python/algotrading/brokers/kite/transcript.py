"""The verbatim record of an exchange with the broker, fit to be stored: JSON values, bounded, no secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from algotrading.brokers.kite.connection import Reply, WireRequest
from algotrading.brokers.kite.envelope import clean_text

MAX_BODY = 4096
_HEADERS = ("content-type", "content-length", "date", "retry-after", "server", "x-request-id", "cf-ray")
_HIDDEN = "[hidden]"


class Transcript:
    """Writes records for one session; its secrets never appear, not even where the broker echoes them."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)

    def of_reply(self, request: WireRequest, reply: Reply) -> dict[str, Any]:
        """What was sent and what came back."""
        body = reply.body.decode("utf-8", "replace")
        return {
            "request": self._request(request),
            "response": {
                "status": reply.status,
                "headers": {name: self.clean(reply.headers[name]) for name in _HEADERS if name in reply.headers},
                "body": self.clean(body)[:MAX_BODY],
            },
        }

    def of_failure(self, request: WireRequest, error: Exception) -> dict[str, Any]:
        """What was (or was to be) sent and why there is no answer."""
        return {"request": self._request(request), "error": self.clean(str(error))[:MAX_BODY]}

    def clean(self, text: str) -> str:
        """`text` with every secret hidden and only storable characters."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return clean_text(text)

    def _request(self, request: WireRequest) -> dict[str, Any]:
        return {
            "method": request.method,
            "path": self.clean(request.target),
            "form": {name: self.clean(value) for name, value in request.form.items()},
        }
