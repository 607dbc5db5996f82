"""ports.AuditTrail on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from algotrading.adapters.postgres.database import Database
from algotrading.domain.audit import AuditHead, AuditKind, AuditRecord
from algotrading.domain.errors import DatabaseUnavailable
from algotrading.domain.sessions import trading_day_of

_PAGE = 2000
"""Records per transaction: some megabytes."""
_COLUMNS = "r.user_id, r.seq, r.prev_hash, r.hash, r.at, r.kind, r.strategy_id, r.trading_day, r.record"
_FROM_THE_START = UUID(int=0), 0


class TrailUnreadable(DatabaseUnavailable):
    """The database cannot be verified as it is, or by whoever asks."""


class PostgresAuditTrail:
    """The chained record of every decision and command."""

    def __init__(self, database: Database, *, page: int = _PAGE) -> None:
        self._database = database
        self._page = page

    def of_strategy(
        self, user_id: UUID, strategy_id: UUID, day: date, *, begins: datetime, ends: datetime
    ) -> Sequence[AuditRecord]:
        """See ports.AuditTrail."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                f"""
                select {_COLUMNS} from audit_log r where strategy_id = %(strategy_id)s and trading_day = %(day)s
                union all
                select {_COLUMNS} from audit_log r
                where strategy_id = %(strategy_id)s and trading_day is null and at < %(ends)s
                union all
                select {_COLUMNS} from audit_log r
                where user_id = %(user_id)s and strategy_id is null and at >= %(begins)s and at < %(ends)s
                    and kind <> '{AuditKind.ACCOUNT_READ}'  -- thousands a day, where a viewer leaves a page open
                order by seq
                """,  # noqa: S608 - constant columns
                {"user_id": user_id, "strategy_id": strategy_id, "day": day, "begins": begins, "ends": ends},
            ).fetchall()
        return [_record(row) for row in rows]

    def latest_day(self, user_id: UUID, strategy_id: UUID) -> date | None:
        """See ports.AuditTrail."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select (select max(trading_day) from audit_log where strategy_id = %(id)s) as traded,"
                " (select max(at) from audit_log where strategy_id = %(id)s and trading_day is null) as commanded",
                {"id": strategy_id},
            ).fetchone()
        assert row is not None
        days = [row["traded"], row["commanded"] and trading_day_of(row["commanded"])]
        return max((day for day in days if day is not None), default=None)

    def chains(self) -> Iterator[tuple[AuditRecord, AuditHead | None]]:
        """See ports.AuditTrail. Each page is one statement, so a record and its head are of one moment."""
        self._require_everything()
        last = _FROM_THE_START
        while rows := self._read_after(*last):
            for row in rows:
                yield _record(row), _head(row)
            last = rows[-1]["user_id"], rows[-1]["seq"]

    def empty_heads(self) -> Sequence[AuditHead]:
        """See ports.AuditTrail."""
        self._require_everything()
        with self._database.system() as session:
            rows = session.execute(
                "select user_id, seq as head_seq, hash as head_hash from audit_heads h"
                " where seq > 0 and not exists (select from audit_log r where r.user_id = h.user_id) order by user_id"
            ).fetchall()
        return [head for row in rows if (head := _head(row)) is not None]

    def unchained(self) -> Sequence[UUID]:
        """See ports.AuditTrail. A head at 0 is that of a user whose strategies are older than the chains: what he
        has traded is in a chain all the same."""
        self._require_everything()
        with self._database.system() as session:
            rows = session.execute(
                """
                select user_id from (
                    select s.user_id from strategies s
                    where not exists (select from audit_heads h where h.user_id = s.user_id)
                    union
                    select c.user_id from cycles c where c.state <> 'idle'
                        and not exists (select from audit_heads h where h.user_id = c.user_id and h.seq > 0)
                ) u
                where not exists (select from audit_log r where r.user_id = u.user_id) order by user_id
                """
            ).fetchall()
        return [row["user_id"] for row in rows]

    def _require_everything(self) -> None:
        """Under a role that row-level security narrows, nothing at all would look sound."""
        with self._database.system() as session:
            row = session.execute("select to_regclass('audit_heads') is null as is_missing").fetchone()
            assert row is not None
            if row["is_missing"]:
                raise TrailUnreadable("the database has no audit chains: it is not migrated to this version")
            row = session.execute(
                "select current_user as role, pg_has_role(current_user, 'system_role', 'usage')"
                " or not row_security_active('audit_log') as sees_all"
            ).fetchone()
            assert row is not None
            if not row["sees_all"]:
                raise TrailUnreadable(f"{row['role']} does not see every chain: verify as system_role")

    def _read_after(self, user_id: UUID, seq: int) -> Sequence[Mapping[str, Any]]:
        with self._database.system() as session:
            return session.execute(
                f"select {_COLUMNS}, h.seq as head_seq, h.hash as head_hash"  # noqa: S608 - constant columns
                " from audit_log r left join audit_heads h using (user_id)"
                " where (r.user_id, r.seq) > (%s, %s) order by r.user_id, r.seq limit %s",
                (user_id, seq, self._page),
            ).fetchall()


def _record(row: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(
        user_id=row["user_id"],
        seq=row["seq"],
        prev_hash=row["prev_hash"],
        hash=row["hash"],
        at=row["at"],
        kind=row["kind"],
        strategy_id=row["strategy_id"],
        trading_day=row["trading_day"],
        record=row["record"],
    )


def _head(row: Mapping[str, Any]) -> AuditHead | None:
    return None if row["head_seq"] is None else AuditHead(row["user_id"], row["head_seq"], row["head_hash"])
