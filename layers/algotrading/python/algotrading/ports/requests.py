"""Ports of requests that name themselves."""

from __future__ import annotations

from typing import Protocol

from algotrading.domain.keyed_requests import KeptAnswer, KeptRequest, KeyedRequest


class KeptAnswers(Protocol):
    """Requests by their keys, each user's own, for `domain.keyed_requests.KEPT_FOR`."""

    def begin(self, request: KeyedRequest) -> KeptRequest | None:
        """Take the key for this request, of any number at once for one only: None. Else what is kept under it. What the
        user's older keys kept is forgotten."""
        ...

    def finish(self, request: KeyedRequest, answer: KeptAnswer) -> None:
        """Keep the answer of a request that took its key."""
        ...

    def forget(self, request: KeyedRequest) -> None:
        """Give the key of a request back that took it and was not looked at. An answer that is kept stays."""
        ...
