"""ports.SecondFactors on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.logins import end_all
from algotrading.adapters.postgres.outbox import write_notice
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.domain.account_notices import CODE_REUSED, SECOND_FACTOR_OFF, SECOND_FACTOR_ON
from algotrading.domain.audit import AuditKind, second_factor_entry, staff_deed_entry
from algotrading.domain.errors import Conflict
from algotrading.domain.logins import LoginEnd
from algotrading.domain.notices import NoticeKind
from algotrading.domain.roles import Role
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.sessions import trading_day_of

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


class PostgresSecondFactors:
    """Second factors, secrets sealed, recovery codes hashed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, user_id: UUID) -> SecondFactor | None:
        """See ports.SecondFactors."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select sealed_secret, created_at, confirmed_at, last_step, confirmed_step, recovery_salt"
                " from second_factors"
                " where user_id = %s",
                (user_id,),
            ).fetchone()
        return None if row is None else SecondFactor(user_id, **row)

    def begin(self, factor: SecondFactor) -> None:
        """See ports.SecondFactors."""
        with self._database.tenant(factor.user_id) as session:
            hold_undeleted(session, factor.user_id)
            session.execute("delete from second_factors where user_id = %s and confirmed_at is null", (factor.user_id,))
            added = session.execute(
                "insert into second_factors (user_id, sealed_secret, created_at, last_step, recovery_salt)"
                " values (%s, %s, %s, %s, %s)"
                " on conflict (user_id) do nothing",
                (factor.user_id, factor.sealed_secret, factor.created_at, factor.last_step, factor.recovery_salt),
            )
            if added.rowcount == 0:
                raise Conflict("a second factor is on: take it away first")

    def confirm(self, factor: SecondFactor, step: int, recovery: Collection[bytes], now: datetime) -> None:
        """See ports.SecondFactors."""
        user_id = factor.user_id
        with self._database.tenant(user_id) as session:
            confirmed = session.execute(
                # That very one: another may have been begun while the recovery codes were hashed.
                "update second_factors set confirmed_at = %s, last_step = %s, confirmed_step = %s"
                " where user_id = %s and confirmed_at is null"
                " and sealed_secret = %s and recovery_salt is not distinct from %s",
                (now, step, step, user_id, factor.sealed_secret, factor.recovery_salt),
            )
            if confirmed.rowcount == 0:
                raise Conflict("there is no second factor to confirm")
            session.execute(
                "insert into recovery_codes (user_id, code_hash) select %s, unnest(%s::bytea[])",
                (user_id, list(recovery)),
            )
            audit.append(session, second_factor_entry(user_id, AuditKind.SECOND_FACTOR_ON, now))
            write_notice(session, user_id, NoticeKind.SECOND_FACTOR_ON, SECOND_FACTOR_ON, now)

    def use_step(self, user_id: UUID, step: int) -> bool:
        """See ports.SecondFactors."""
        with self._database.tenant(user_id) as session:
            used = session.execute(
                "update second_factors set last_step = %s where user_id = %s and last_step < %s",
                (step, user_id, step),
            )
            return used.rowcount == 1

    def note_reuse(self, user_id: UUID, now: datetime) -> None:
        """See ports.SecondFactors."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            audit.append(session, second_factor_entry(user_id, AuditKind.CODE_REUSED, now))
            is_first = session.execute(
                "insert into daily_summaries (user_id, trading_day, kind) values (%s, %s, %s) on conflict do nothing",
                (user_id, trading_day_of(now), NoticeKind.CODE_REUSED),
            )
            if is_first.rowcount:
                write_notice(session, user_id, NoticeKind.CODE_REUSED, CODE_REUSED, now)

    def recovery_left(self, user_id: UUID) -> int:
        """See ports.SecondFactors."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select count(*) as codes from recovery_codes where user_id = %s", (user_id,)
            ).fetchone()
        assert row is not None
        return int(row["codes"])

    def use_recovery(self, user_id: UUID, code_hash: bytes, now: datetime) -> bool:
        """See ports.SecondFactors."""
        with self._database.tenant(user_id) as session:
            used = session.execute(
                "delete from recovery_codes where user_id = %s and code_hash = %s", (user_id, code_hash)
            )
            if used.rowcount:
                audit.append(session, second_factor_entry(user_id, AuditKind.RECOVERY_CODE_USED, now))
            return used.rowcount == 1

    def remove(self, user_id: UUID, now: datetime, *, but: UUID | None = None) -> None:
        """See ports.SecondFactors."""
        with self._database.tenant(user_id) as session:
            # Whoever grants a role holds this row, too, and looks at the second factor under it.
            hold_undeleted(session, user_id)
            if forget_second_factor(session, user_id, now, by=str(user_id)):
                audit.append(session, second_factor_entry(user_id, AuditKind.SECOND_FACTOR_OFF, now))
                end_all(session, LoginEnd.REVOKED, now, but=but)
                write_notice(session, user_id, NoticeKind.SECOND_FACTOR_OFF, SECOND_FACTOR_OFF, now)


def forget_second_factor(session: Session, user_id: UUID, now: datetime, *, by: str) -> bool:
    """Forget a user's second factor, its recovery codes, and the roles of the staff, which were granted to whoever
    shows it; whether there was one. The roles go on record as withdrawn. However a second factor goes, it goes by this.

    `session` is a transaction of the user's that holds the user's row; `by` is whose deed it is."""
    withdrawn = session.execute("delete from user_roles where user_id = %s returning role", (user_id,)).fetchall()
    for role in sorted(Role(each["role"]) for each in withdrawn):
        audit.append(session, staff_deed_entry(user_id, AuditKind.ROLE_WITHDRAWN, now, by=by, role=role))
    return session.execute("delete from second_factors where user_id = %s", (user_id,)).rowcount > 0
