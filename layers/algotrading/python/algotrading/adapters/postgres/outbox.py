"""ports.Outbox on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.json_values import clean_text
from algotrading.domain.cycle import Cycle
from algotrading.domain.delivery import PATIENCE, Waiting, next_of
from algotrading.domain.effects import Tell
from algotrading.domain.named_accounts import around_name
from algotrading.domain.notices import NoticeKind
from algotrading.ports import Notice

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_LONGEST_ERROR = 500
_OF_CYCLE = """
    insert into outbox (user_id, strategy_id, account_id, kind, text, created_at)
    values (%(user)s, %(strategy)s, %(account)s, %(kind)s, coalesce(
        %(before)s::text || (
            -- Where its owner has no other account, there is nothing to tell apart.
            select a.name from broker_accounts a where a.account_id = %(account)s and a.user_id = %(user)s
            and exists (select from broker_accounts o
                        where o.user_id = a.user_id and o.account_id <> a.account_id and o.removed_at is null)
        ) || %(after)s::text, %(text)s), %(now)s)
"""
_UNDER_ITS_LEASE = "notice_id = %s and delivered_at is null and attempts = %s"
"""Each claim counts: nobody has claimed the notice since."""


class PostgresOutbox:
    """Notices on their way. Under the functions' role it sees the tenant's, under the system role everybody's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, now: datetime, limit: int) -> Sequence[UUID]:
        """See ports.Outbox."""
        with self._database.system() as session:
            rows = session.execute(
                """
                select user_id from outbox where delivered_at is null and (next_try_at is null or next_try_at <= %s)
                group by user_id order by min(coalesce(next_try_at, created_at)), user_id limit %s
                """,
                (now, limit),
            ).fetchall()
        return [row["user_id"] for row in rows]

    def claim(self, user_id: UUID, now: datetime, *, lease: timedelta) -> Notice | None:
        """See ports.Outbox."""
        with self._database.tenant(user_id) as session:
            # The first that is due or holds the later ones up; however many others wait in vain before it. Whoever
            # else claims for this user waits here, and then sees what we took.
            row = session.execute(
                """
                select notice_id, user_id, strategy_id, account_id, kind, text, created_at, attempts, next_try_at
                from outbox
                where user_id = %s and delivered_at is null
                    and (next_try_at is null or next_try_at <= %s or attempts < %s)
                order by notice_id limit 1 for update
                """,
                (user_id, now, PATIENCE),
            ).fetchone()
            if row is None or next_of([Waiting(row["notice_id"], row["attempts"], row["next_try_at"])], now) is None:
                return None
            session.execute(
                "update outbox set attempts = attempts + 1, next_try_at = %s where notice_id = %s",
                (now + lease, row["notice_id"]),
            )
        return Notice(
            notice_id=row["notice_id"],
            user_id=row["user_id"],
            strategy_id=row["strategy_id"],
            kind=row["kind"],
            text=row["text"],
            created_at=row["created_at"],
            attempts=row["attempts"] + 1,
            account_id=row["account_id"],
        )

    def mark_delivered(self, notice: Notice, now: datetime) -> None:
        """See ports.Outbox."""
        with self._database.tenant(notice.user_id) as session:
            session.execute(
                f"update outbox set delivered_at = %s where {_UNDER_ITS_LEASE}",  # noqa: S608 - constant
                (now, notice.notice_id, notice.attempts),
            )

    def mark_failed(self, notice: Notice, error: str, retry_at: datetime) -> None:
        """See ports.Outbox."""
        with self._database.tenant(notice.user_id) as session:
            session.execute(
                f"update outbox set last_error = %s, next_try_at = %s where {_UNDER_ITS_LEASE}",  # noqa: S608 - constant
                (clean_text(error)[:_LONGEST_ERROR], retry_at, notice.notice_id, notice.attempts),
            )

    def stuck(self, since: datetime) -> int:
        """See ports.Outbox."""
        with self._database.system() as session:
            row = session.execute(
                "select count(*) as stuck from outbox where delivered_at is null and created_at < %s", (since,)
            ).fetchone()
        assert row is not None
        return int(row["stuck"])


def write_notice(session: Session, user_id: UUID, kind: NoticeKind, text: str, now: datetime) -> None:
    """Tell a user, with the change that the transaction makes."""
    session.execute(
        "insert into outbox (user_id, kind, text, created_at) values (%s, %s, %s, %s)",
        (user_id, kind, clean_text(text), now),
    )


def write_notice_of_cycle(session: Session, cycle: Cycle, told: Tell, now: datetime) -> None:
    """Tell the owner of a cycle what became of it, and in which account, by the name that it has now, where there are
    several. One statement: an order may wait for the transaction."""
    text = clean_text(told.text)
    before, after = around_name(cycle.plan.symbol, text)
    session.execute(
        _OF_CYCLE,
        {
            "user": cycle.user_id,
            "strategy": cycle.strategy_id,
            "account": cycle.account_id,
            "kind": told.kind,
            "before": before,
            "after": after,
            "text": text,
            "now": now,
        },
    )
