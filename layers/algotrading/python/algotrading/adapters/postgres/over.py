"""Takes away what is of no use any more, of everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from algotrading.adapters.postgres.database import Database

# Rows are many after a day of much traffic, and nobody waits for them.
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows went."""

    registrations: int
    email_links: int
    kept_answers: int
    sms_codes: int
    refresh_tokens: int


class PostgresOver:
    """Works across all users, as the system."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def forget(self, now: datetime) -> Forgotten:
        """Registrations and links of mails that nobody can use any more, answers kept for repetitions for longer than a
        day, codes to mobile numbers from before yesterday, tokens used a week ago and those of logins that were over a
        month ago. In one transaction.

        Raises:
            DatabaseUnavailable: nothing went.
        """
        with self._database.system(statement_seconds=_SECONDS) as session:
            row = session.execute("select * from forget_what_is_over(%s)", (now,)).fetchone()
        assert row is not None
        return Forgotten(**row)
