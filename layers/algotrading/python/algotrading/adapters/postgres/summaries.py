"""ports.Summaries on PostgreSQL: days are gone through under the system role, executors tell under their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.json_values import clean_text
from algotrading.domain.notices import NoticeKind


class PostgresSummaries:
    """Whose day there is something to tell of, and that it was told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def traders(self, day: date) -> Sequence[UUID]:
        """See ports.Summaries."""
        with self._database.system() as session:
            rows = session.execute(
                "select distinct c.user_id from cycles c where c.trading_day = %s and not exists ("
                " select from daily_summaries d where d.user_id = c.user_id and d.trading_day = c.trading_day"
                " and d.kind = %s) order by c.user_id",
                (day, NoticeKind.DAILY_SUMMARY),
            ).fetchall()
        return [row["user_id"] for row in rows]

    def tell(
        self,
        user_id: UUID,
        day: date,
        kind: NoticeKind,
        text: str,
        now: datetime,
        *,
        strategy_id: UUID | None = None,
        trouble: str = "",
    ) -> bool:
        """See ports.Summaries."""
        about = trouble if strategy_id is None else f"{strategy_id} {trouble}"
        with self._database.tenant(user_id) as session:
            taken = session.execute(
                "insert into daily_summaries (user_id, trading_day, kind, about) values (%s, %s, %s, %s)"
                " on conflict do nothing",
                (user_id, day, kind, about),
            )
            if taken.rowcount == 0:
                return False
            session.execute(
                "insert into outbox (user_id, strategy_id, account_id, kind, text, created_at) values (%(user)s,"
                " %(strategy)s, (select account_id from strategies where strategy_id = %(strategy)s), %(kind)s,"
                " %(text)s, %(now)s)",
                {"user": user_id, "strategy": strategy_id, "kind": kind, "text": clean_text(text), "now": now},
            )
        return True
