"""ports.SmsCodes on PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.domain.sms import CodeLimits


class PostgresSmsCodes:
    """Each user's own rows, under row-level security; only the counting reaches further."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def spend(self, user_id: UUID, mark: int, limits: CodeLimits, now: datetime) -> bool:
        """See ports.SmsCodes."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            row = session.execute(
                "select spend_sms_code(%s::smallint, %s, %s, %s, %s) as may",
                (mark, now, limits.of_user, limits.of_number, limits.of_deployment),
            ).fetchone()
        assert row is not None
        return bool(row["may"])

    def last_spent(self, user_id: UUID) -> datetime | None:
        """See ports.SmsCodes."""
        with self._database.tenant(user_id) as session:
            row = session.execute("select max(sent_at) as at from sms_codes where user_id = %s", (user_id,)).fetchone()
        assert row is not None
        at: datetime | None = row["at"]
        return at
