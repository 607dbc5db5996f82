"""Does what a key stands for once, and answers repetitions with the first answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.errors import DatabaseUnavailable
from algotrading.domain.keyed_requests import KeptAnswer, KeyedRequest, answer_again, is_open
from algotrading.ports import Clock
from algotrading.ports.requests import KeptAnswers

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyedRequests:
    """See `run`."""

    kept: KeptAnswers
    clock: Clock

    def run(
        self, user_id: UUID, key: str, request_hash: bytes, act: Callable[[], KeptAnswer], *, is_repeatable: bool
    ) -> tuple[KeptAnswer, bool]:
        """The answer, and whether it is a repetition, for which nothing was done.

        What `is_repeatable` may be done twice without harm, and must not be held up (the kill switch, a stop): as long
        as nobody can say what became of the first one, it is done again.

        The key is taken in a transaction of its own before anything is done. Whatever breaks off between then and the
        kept answer leaves a key that says so: never one that lets anything else happen twice.

        Raises:
            KeyReused, KeyInUse, KeyOutcomeUnknown: see `answer_again`.
            DatabaseUnavailable: the key could not be taken; nothing was done.
        """
        asked = KeyedRequest(user_id, key, request_hash, self.clock.now())
        before = self.kept.begin(asked)
        may_act = is_repeatable and before is not None and is_open(before)
        if before is not None and not (may_act and before.request.request_hash == request_hash):
            return answer_again(before, asked), True
        answer = act()
        try:
            self.kept.finish(asked, answer)
        except DatabaseUnavailable as error:
            # It was done: whoever hears of a failure would do it again under another key.
            logger.warning("an answer could not be kept: its key tells that its outcome is unknown", exc_info=error)
        return answer, False
