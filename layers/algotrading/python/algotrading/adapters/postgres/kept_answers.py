"""ports.KeptAnswers on PostgreSQL."""

from __future__ import annotations

import json

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.domain.keyed_requests import KEPT_FOR, KeptAnswer, KeptRequest, KeyedRequest


class PostgresKeptAnswers:
    """Each user's keys under row-level security; old ones go when the user's next one comes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, request: KeyedRequest) -> KeptRequest | None:
        """See ports.KeptAnswers."""
        with self._database.tenant(request.user_id) as session:
            hold_undeleted(session, request.user_id)
            session.execute(
                "delete from kept_answers where user_id = %s and begun_at <= %s",
                (request.user_id, request.begun_at - KEPT_FOR),
            )
            # Of two at once the second has waited for the first one's commit: each holds its user's row.
            taken = session.execute(
                "insert into kept_answers (user_id, key, request_hash, begun_at) values (%s, %s, %s, %s)"
                " on conflict (user_id, key) do nothing",
                (request.user_id, request.key, request.request_hash, request.begun_at),
            )
            if taken.rowcount == 1:
                return None
            row = session.execute(
                "select request_hash, begun_at, status, headers, body from kept_answers"
                " where user_id = %s and key = %s",
                (request.user_id, request.key),
            ).fetchone()
        if row is None:
            raise LookupError("a key was taken and is gone at once")
        first = KeyedRequest(request.user_id, request.key, bytes(row["request_hash"]), row["begun_at"])
        is_answered = row["status"] is not None
        return KeptRequest(first, KeptAnswer(row["status"], row["headers"], row["body"]) if is_answered else None)

    def finish(self, request: KeyedRequest, answer: KeptAnswer) -> None:
        """See ports.KeptAnswers."""
        with self._database.tenant(request.user_id) as session:
            session.execute(
                "update kept_answers set status = %s, headers = %s::jsonb, body = %s"
                " where user_id = %s and key = %s and begun_at = %s and status is null",
                (
                    answer.status,
                    json.dumps(dict(answer.headers)),
                    answer.body,
                    request.user_id,
                    request.key,
                    request.begun_at,
                ),
            )

    def forget(self, request: KeyedRequest) -> None:
        """See ports.KeptAnswers."""
        with self._database.tenant(request.user_id) as session:
            session.execute(
                "delete from kept_answers where user_id = %s and key = %s and begun_at = %s and status is null",
                (request.user_id, request.key, request.begun_at),
            )
