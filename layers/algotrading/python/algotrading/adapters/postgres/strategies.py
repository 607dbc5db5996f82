"""ports.Strategies on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.named_accounts import hold_account
from algotrading.adapters.postgres.rows import plan_parameters, read_strategy
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.domain.audit import strategy_entry
from algotrading.domain.errors import Conflict, NotFound, StrategyOverlap
from algotrading.domain.named_accounts import no_such_account
from algotrading.domain.strategy import Strategy, StrategyStatus, held_fixed

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


class PostgresStrategies:
    """The traders' standing orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, strategy: Strategy) -> None:
        """See ports.Strategies."""
        with self._database.tenant(strategy.user_id) as session:
            hold_undeleted(session, strategy.user_id)
            _refuse_overlap(session, strategy)
            hold_account(session, strategy.user_id, strategy.account_id)
            session.execute(
                """
                insert into strategies (strategy_id, user_id, account_id, exchange, symbol, product, buy_time,
                                        sell_time, stop_loss, quantity, broker_stop, status, stop_reason, version,
                                        created_at, updated_at, timed_at)
                values (%(strategy_id)s, %(user_id)s, %(account_id)s, %(exchange)s, %(symbol)s, %(product)s,
                        %(buy_time)s, %(sell_time)s, %(stop_loss)s, %(quantity)s, %(broker_stop)s, %(status)s,
                        %(stop_reason)s, %(version)s, %(created_at)s, %(updated_at)s, %(timed_at)s)
                """,
                _parameters(strategy),
            )
            audit.append(session, strategy_entry(None, strategy, strategy.created_at))

    def get(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """See ports.Strategies."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select * from strategies where strategy_id = %s and user_id = %s and deleted_at is null",
                (strategy_id, user_id),
            ).fetchone()
        if row is None:
            raise _not_found()
        return read_strategy(row)

    def list_for(self, user_id: UUID) -> Sequence[Strategy]:
        """See ports.Strategies."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select * from strategies where user_id = %s and deleted_at is null order by created_at, strategy_id",
                (user_id,),
            ).fetchall()
        return [read_strategy(row) for row in rows]

    def save(self, strategy: Strategy, *, expected_version: int) -> None:
        """See ports.Strategies."""
        from psycopg.errors import ForeignKeyViolation

        try:
            self._save(strategy, expected_version)
        except ForeignKeyViolation as error:
            # It names one thing of others: the account, which no look of ours has to come before.
            raise no_such_account() from error

    def _save(self, strategy: Strategy, expected_version: int) -> None:
        with self._database.tenant(strategy.user_id) as session:
            # Before the update: whoever holds a strategy's row never waits for its user's.
            hold_undeleted(session, strategy.user_id)
            _refuse_overlap(session, strategy)
            _fence_idle(session, strategy.strategy_id)
            # Locked no harder than an update does: a record that refers to the strategy is chained meanwhile, by
            # somebody whom our own record's chaining may have to wait for.
            row = session.execute(
                """
                with before as (select * from strategies where strategy_id = %(strategy_id)s
                                and user_id = %(user_id)s and deleted_at is null and version = %(expected_version)s
                                for no key update)
                update strategies s set
                    account_id = %(account_id)s,
                    exchange = %(exchange)s, symbol = %(symbol)s, product = %(product)s, buy_time = %(buy_time)s,
                    sell_time = %(sell_time)s, stop_loss = %(stop_loss)s, quantity = %(quantity)s,
                    broker_stop = %(broker_stop)s, status = %(status)s,
                    stop_reason = %(stop_reason)s, version = %(version)s, updated_at = %(updated_at)s,
                    timed_at = %(timed_at)s
                from before where s.strategy_id = before.strategy_id
                returning before.*
                """,
                {**_parameters(strategy), "expected_version": expected_version},
            ).fetchone()
            if row is None:
                raise _why_not_replaced(session, strategy)
            before = read_strategy(row)
            fixed = held_fixed(before, strategy)
            if fixed is not None and _holds_something(session, strategy.strategy_id):
                raise fixed
            if before.account_id != strategy.account_id:
                hold_account(session, strategy.user_id, strategy.account_id)
            audit.append(session, strategy_entry(before, strategy, strategy.updated_at))

    def delete(self, user_id: UUID, strategy_id: UUID, *, expected_version: int, now: datetime) -> None:
        """See ports.Strategies."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            _fence_idle(session, strategy_id)
            deleted = session.execute(
                """
                update strategies s set deleted_at = %(now)s, version = version + 1
                where strategy_id = %(strategy_id)s and user_id = %(user_id)s and deleted_at is null
                    and version = %(expected_version)s and status <> 'running'
                    and not exists (select from cycles c where c.strategy_id = s.strategy_id
                                    and c.state in ('entering', 'long', 'exiting'))
                    and not exists (select from order_intents i where i.strategy_id = s.strategy_id
                                    and i.state in ('pending', 'accepted', 'unknown'))
                returning *
                """,
                {"strategy_id": strategy_id, "user_id": user_id, "expected_version": expected_version, "now": now},
            ).fetchone()
            if deleted is None:
                raise _why_not_deleted(session, user_id, strategy_id, expected_version)
            before = replace(read_strategy(deleted), version=expected_version)
            audit.append(session, strategy_entry(before, None, now))

    def is_owned(self, user_id: UUID, strategy_id: UUID) -> bool:
        """See ports.Strategies."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select from strategies where strategy_id = %s and user_id = %s", (strategy_id, user_id)
            ).fetchone()
        return row is not None

    def running(self) -> Sequence[Strategy]:
        """See ports.Strategies."""
        with self._database.system() as session:
            rows = session.execute(
                "select * from strategies where status = 'running' and deleted_at is null"
                " order by created_at, strategy_id"
            ).fetchall()
        return [read_strategy(row) for row in rows]


def _fence_idle(session: Session, strategy_id: UUID) -> None:
    """Keep whoever has taken an idle cycle of the strategy from storing and sending anything in it.

    It waits for a worker that is storing, whose cycle is then not idle any more; a statement after it sees that.
    Cycles before the strategy, as workers lock them. The lock is the one that taking a cycle shares: a cycle that
    is new is fenced here, or is taken after this transaction and so by whoever reads the strategy again after it.
    """
    session.execute("select pg_advisory_xact_lock(3004, hashtext(%s))", (str(strategy_id),))
    session.execute("update cycles set epoch = epoch + 1 where strategy_id = %s and state = 'idle'", (strategy_id,))


def _holds_something(session: Session, strategy_id: UUID) -> bool:
    row = session.execute(
        "select from cycles c where c.strategy_id = %s and is_unsettled(c) limit 1", (strategy_id,)
    ).fetchone()
    return row is not None


def _refuse_overlap(session: Session, strategy: Strategy) -> None:
    """Raise StrategyOverlap if a running `strategy` would meet another one in its broker account.

    The lock on the user's row, which the transaction has taken, makes starts of one user wait for each other. It is the
    weakest that does: rows that merely refer to the user are still written meanwhile.
    """
    if not strategy.is_running:
        return
    other = session.execute(
        """
        select strategy_id, buy_time, sell_time from strategies
        where user_id = %(user_id)s and account_id = %(account_id)s
            and exchange = %(exchange)s and symbol = %(symbol)s and status = 'running'
            and deleted_at is null and strategy_id <> %(strategy_id)s
            and buy_time <= %(sell_time)s and sell_time >= %(buy_time)s
        limit 1
        """,
        _parameters(strategy),
    ).fetchone()
    if other is not None:
        raise StrategyOverlap(
            f"strategy {other['strategy_id']} already trades {strategy.plan.exchange}:{strategy.plan.symbol}"
            f" from {other['buy_time']} to {other['sell_time']}"
        )


def _why_not_replaced(session: Session, strategy: Strategy) -> Conflict | NotFound:
    row = _standing(session, strategy.user_id, strategy.strategy_id)
    return _not_found() if row is None else _changed(row["version"])


def _why_not_deleted(session: Session, user_id: UUID, strategy_id: UUID, expected_version: int) -> Conflict | NotFound:
    row = _standing(session, user_id, strategy_id)
    if row is None:
        return _not_found()
    if row["version"] != expected_version:
        return _changed(row["version"])
    if row["status"] == StrategyStatus.RUNNING:
        return Conflict("the strategy is running: stop it first")
    return Conflict("orders of this strategy are not settled yet: delete it once they are")


def _standing(session: Session, user_id: UUID, strategy_id: UUID) -> Mapping[str, Any] | None:
    return session.execute(
        "select version, status from strategies where strategy_id = %s and user_id = %s and deleted_at is null",
        (strategy_id, user_id),
    ).fetchone()


def _changed(version: int) -> Conflict:
    return Conflict(f"the strategy was changed meanwhile: it is at version {version}")


def _not_found() -> NotFound:
    return NotFound("no such strategy")


def _parameters(strategy: Strategy) -> dict[str, Any]:
    return {
        "strategy_id": strategy.strategy_id,
        "user_id": strategy.user_id,
        "account_id": strategy.account_id,
        **plan_parameters(strategy.plan),
        "status": strategy.status,
        "stop_reason": strategy.stop_reason,
        "version": strategy.version,
        "created_at": strategy.created_at,
        "updated_at": strategy.updated_at,
        "timed_at": strategy.timed_at,
    }
