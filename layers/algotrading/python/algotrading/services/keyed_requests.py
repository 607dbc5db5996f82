"""Does what a key stands for once, and answers repetitions with the first answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.errors import DatabaseUnavailable
from algotrading.domain.keyed_requests import (
    KeptAnswer,
    KeyedRequest,
    answer_again,
    is_open,
    is_turned_away,
    salt_of,
)
from algotrading.ports import Clock
from algotrading.ports.requests import KeptAnswers

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NamedRequest:
    """A request that names itself."""

    user_id: UUID
    key: str
    request_hash: bytes
    """SHA-256: see `domain.keyed_requests.hash_request`."""
    holds_secret: bool = False
    """Whether a password or a code is in it, which whoever reads the store could find by trying hashes of requests."""
    is_repeatable: bool = False
    """Whether it may be done twice without harm, and must not be held up (the kill switch, a stop): as long as nobody
    can say what became of the first one, it is done again."""


@dataclass(frozen=True, slots=True)
class KeyedRequests:
    """See `run`."""

    kept: KeptAnswers
    clock: Clock
    derive: Callable[[str, bytes], bytes]
    """See `ports.Passwords.derive`."""

    def run(self, asked: NamedRequest, act: Callable[[], KeptAnswer]) -> tuple[KeptAnswer, bool]:
        """The answer, and whether it is a repetition, for which nothing was done.

        The key is taken in a transaction of its own before anything is done. Whatever breaks off between then and the
        kept answer leaves a key that says so: never one that lets anything else happen twice. Whoever was turned away
        before anything was looked at has the key back.

        Raises:
            KeyReused, KeyInUse, KeyOutcomeUnknown: see `answer_again`.
            DatabaseUnavailable: the key could not be taken; nothing was done.
        """
        request = KeyedRequest(asked.user_id, asked.key, self._hash(asked), self.clock.now())
        before = self.kept.begin(request)
        may_act = asked.is_repeatable and before is not None and is_open(before)
        if before is not None and not (may_act and before.request.request_hash == request.request_hash):
            return answer_again(before, request), True
        answer = act()
        try:
            if is_turned_away(answer):
                self.kept.forget(request)
            else:
                self.kept.finish(request, answer)
        except DatabaseUnavailable as error:
            # It was done: whoever hears of a failure would do it again under another key.
            logger.warning("an answer could not be kept: its key tells that its outcome is unknown", exc_info=error)
        return answer, False

    def _hash(self, asked: NamedRequest) -> bytes:
        if not asked.holds_secret:
            return asked.request_hash
        return self.derive(asked.request_hash.hex(), salt_of(asked.user_id, asked.key))
