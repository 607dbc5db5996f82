"""ports.Outbox on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from algotrading.adapters.postgres.database import Database
from algotrading.ports import Notice


class PostgresOutbox:
    """Notices not delivered yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, limit: int) -> Sequence[Notice]:
        """See ports.Outbox."""
        with self._database.system() as session:
            rows = session.execute(
                "select notice_id, user_id, strategy_id, kind, text, created_at from outbox"
                " where delivered_at is null order by notice_id limit %s",
                (limit,),
            ).fetchall()
        return [Notice(**row) for row in rows]

    def mark_delivered(self, notice_id: int, now: datetime) -> None:
        """See ports.Outbox."""
        with self._database.system() as session:
            session.execute(
                "update outbox set delivered_at = %s where notice_id = %s and delivered_at is null", (now, notice_id)
            )
