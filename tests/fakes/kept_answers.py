"""ports.KeptAnswers in memory."""

from __future__ import annotations

from dataclasses import replace

from algotrading.domain.keyed_requests import KEPT_FOR, KeptAnswer, KeptRequest, KeyedRequest
from tests.fakes.database import MemoryDatabase, refuse_deleted


class MemoryKeptAnswers:
    """ports.KeptAnswers in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def begin(self, request: KeyedRequest) -> KeptRequest | None:
        """See ports.KeptAnswers."""
        with self._database.turn:
            refuse_deleted(self._database, request.user_id)
            kept = self._database.kept_answers
            for name, old in list(kept.items()):
                if name[0] == request.user_id and old.request.begun_at <= request.begun_at - KEPT_FOR:
                    del kept[name]
            name = request.user_id, request.key
            if name in kept:
                return kept[name]
            kept[name] = KeptRequest(request, None)
            return None

    def finish(self, request: KeyedRequest, answer: KeptAnswer) -> None:
        """See ports.KeptAnswers."""
        with self._database.turn:
            name = request.user_id, request.key
            kept = self._database.kept_answers.get(name)
            if kept is not None and kept.answer is None and kept.request.begun_at == request.begun_at:
                self._database.kept_answers[name] = replace(kept, answer=answer)

    def forget(self, request: KeyedRequest) -> None:
        """See ports.KeptAnswers."""
        with self._database.turn:
            name = request.user_id, request.key
            kept = self._database.kept_answers.get(name)
            if kept is not None and kept.answer is None and kept.request.begun_at == request.begun_at:
                del self._database.kept_answers[name]
