"""ports.Ledger on PostgreSQL: taking a cycle, reading it, and what is on record about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit, ledger_writes
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.risk_check import read_locks
from algotrading.adapters.postgres.rows import Row, plan_parameters, read_cycle, read_intent
from algotrading.domain.audit import AuditEntry, Cause
from algotrading.domain.cycle import Cycle, Intent
from algotrading.domain.effects import Decision
from algotrading.domain.errors import Fenced
from algotrading.domain.events import Event
from algotrading.domain.limits import Obstacle, obstacle_to
from algotrading.domain.orders import Fill
from algotrading.domain.strategy import Strategy
from algotrading.ports import EntryGate, OrderLog, Watched

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_TAKE = """
    -- A change of the strategy holds this lock alone: it fences what is there, and a row that is new cannot slip
    -- past it (see PostgresStrategies.save).
    with turn as materialized (select pg_advisory_xact_lock_shared(3004, hashtext(%(strategy_id)s::text)))
    insert into cycles as c (strategy_id, trading_day, user_id, account_id, epoch, state, exchange, symbol, product,
                             buy_time, sell_time, stop_loss, quantity, broker_stop, updated_at)
    select %(strategy_id)s, %(trading_day)s, %(user_id)s, %(account_id)s, 1, 'idle', %(exchange)s, %(symbol)s,
           %(product)s, %(buy_time)s, %(sell_time)s, %(stop_loss)s, %(quantity)s, %(broker_stop)s, now()
    from turn
    on conflict (strategy_id, trading_day) do update set epoch = c.epoch + 1, updated_at = now()
    returning c.*
"""
_FOLLOW_PLAN = """
    update cycles set exchange = %(exchange)s, symbol = %(symbol)s, product = %(product)s, buy_time = %(buy_time)s,
        sell_time = %(sell_time)s, stop_loss = %(stop_loss)s, quantity = %(quantity)s,
        broker_stop = %(broker_stop)s, account_id = %(account_id)s
    where strategy_id = %(strategy_id)s and trading_day = %(trading_day)s
"""
_LOCKS = """
    (select to_jsonb(p) from risk_profiles p where p.user_id = %(user_id)s) as profile,
    (select to_jsonb(d) from deployment_lock d) as deployment
"""
_CHECK = f"""
    select c.epoch, s.status = 'running' and s.deleted_at is null as is_running, {_LOCKS}
    from cycles c join strategies s using (strategy_id)
    where strategy_id = %(strategy_id)s and trading_day = %(trading_day)s
"""  # noqa: S608 - constants
_GATE = f"""
    select {_LOCKS},
        (select max(c.trading_day) from cycles c where c.strategy_id = %(strategy_id)s
            and c.trading_day < %(trading_day)s and is_unsettled(c)) as unsettled_day,
        exists (select from cycles own join cycles c using (account_id, user_id, exchange, symbol, product)
            where own.strategy_id = %(strategy_id)s and own.trading_day = %(trading_day)s
                and c.strategy_id <> own.strategy_id and is_unsettled(c)) as is_held_elsewhere,
        exists (select from cycles own join cycles c
            using (account_id, user_id, exchange, symbol, product, trading_day)
            join order_intents i on i.strategy_id = c.strategy_id and i.trading_day = c.trading_day
            where own.strategy_id = %(strategy_id)s and own.trading_day = %(trading_day)s
                and c.strategy_id <> own.strategy_id and i.state = 'not_placed') as may_surface_elsewhere,
        (select array_agg(distinct c.symbol) from risk_profiles p join cycles c using (user_id)
            where p.user_id = %(user_id)s and (p.daily_loss is not null or p.weekly_loss is not null)
                and is_unsettled(c)) as symbols
"""  # noqa: S608 - constants

_WATCHED = """
    with held as (
        select distinct on (strategy_id) strategy_id, user_id, exchange, symbol, stop_loss, quantity, trading_day
        from cycles where state in ('entering', 'long', 'exiting')
        order by strategy_id, trading_day desc
    ), running as (
        select strategy_id, user_id, exchange, symbol, stop_loss, quantity
        from strategies where status = 'running' and deleted_at is null
    )
    select strategy_id, coalesce(h.user_id, r.user_id), coalesce(h.exchange, r.exchange), coalesce(h.symbol, r.symbol),
        -- As Cycle.following has it: what was ordered stays, and is guarded by the stop of today's plan.
        case when h.exchange is null or (h.exchange, h.symbol) = (r.exchange, r.symbol) then r.stop_loss
            else h.stop_loss end,
        coalesce(h.quantity, r.quantity), h.trading_day
    from held h full join running r using (strategy_id)
"""


class PostgresLedger:
    """Cycles, intents, fills, the audit trail and the outbox: what makes an order happen once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, strategy: Strategy, trading_day: date) -> Cycle:
        """See ports.Ledger."""
        key = {"strategy_id": strategy.strategy_id, "trading_day": trading_day}
        with self._database.tenant(strategy.user_id) as session:
            owner = {"user_id": strategy.user_id, "account_id": strategy.account_id}
            row = session.execute(_TAKE, {**key, **owner, **plan_parameters(strategy.plan)}).fetchone()
            assert row is not None
            # We hold the cycle's row from here to the commit: nobody else adds an order meanwhile.
            (stored,) = _with_intents(session, [row])
            cycle = stored.following(strategy)
            if cycle != stored:
                followed = {**key, "account_id": cycle.account_id, **plan_parameters(cycle.plan)}
                session.execute(_FOLLOW_PLAN, followed)
        return cycle

    def save(
        self,
        decision: Decision,
        *,
        event: Event,
        now: datetime,
        logs: Sequence[OrderLog] = (),
        cause: Cause | None = None,
        marks: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        """See ports.Ledger."""
        with self._database.tenant(decision.cycle.user_id) as session:
            ledger_writes.store(session, decision, event, now, logs=logs, cause=cause, marks=marks)

    def add_logs(self, user_id: UUID, logs: Sequence[OrderLog]) -> None:
        """See ports.Ledger."""
        with self._database.tenant(user_id) as session:
            ledger_writes.write_logs(session, user_id, logs)

    def note(self, entry: AuditEntry) -> None:
        """See ports.Ledger."""
        with self._database.tenant(entry.user_id) as session:
            audit.append(session, entry)

    def check(self, cycle: Cycle) -> Obstacle | None:
        """See ports.Ledger."""
        with self._database.tenant(cycle.user_id) as session:
            row = session.execute(_CHECK, _key(cycle)).fetchone()
        if row is None or row["epoch"] != cycle.epoch:
            raise Fenced(f"the cycle is not at epoch {cycle.epoch} any more")
        return obstacle_to(read_locks(row), is_running=row["is_running"])

    def gate(self, cycle: Cycle) -> EntryGate:
        """See ports.Ledger."""
        with self._database.tenant(cycle.user_id) as session:
            row = session.execute(_GATE, _key(cycle)).fetchone()
        assert row is not None
        symbols = frozenset(row["symbols"] or ())
        return EntryGate(
            read_locks(row),
            row["unsettled_day"],
            symbols,
            is_held_elsewhere=row["is_held_elsewhere"],
            may_surface_elsewhere=row["may_surface_elsewhere"],
        )

    def find(self, user_id: UUID, strategy_id: UUID, trading_day: date) -> Cycle | None:
        """See ports.Ledger."""
        return _first(self._read(user_id, "strategy_id = %s and trading_day = %s", (strategy_id, trading_day)))

    def of_day(self, user_id: UUID, trading_day: date) -> Sequence[Cycle]:
        """See ports.Ledger."""
        return self._read(user_id, "user_id = %s and trading_day = %s order by strategy_id", (user_id, trading_day))

    def latest(self, user_id: UUID, strategy_id: UUID) -> Cycle | None:
        """See ports.Ledger."""
        return _first(self._read(user_id, "strategy_id = %s order by trading_day desc limit 1", (strategy_id,)))

    def fills(self, user_id: UUID, strategy_id: UUID, *, trading_day: date | None = None) -> Sequence[Fill]:
        """See ports.Ledger."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select trade_id, broker_order_id, exchange, quantity, price, filled_at from trades"
                " where strategy_id = %(strategy)s and (%(day)s::date is null or trading_day = %(day)s)"
                " order by trading_day, filled_at nulls last, trade_id",
                {"strategy": strategy_id, "day": trading_day},
            ).fetchall()
        return [Fill(**row) for row in rows]

    def of_deleted(self, user_id: UUID, day: date) -> Sequence[Cycle]:
        """See ports.Ledger."""
        return self._read(
            user_id,
            "user_id = %s and trading_day = %s and strategy_id in (select strategy_id from strategies where deleted_at"
            " is not null) order by strategy_id",
            (user_id, day),
        )

    def orders(self, user_id: UUID, strategy_id: UUID) -> Sequence[Intent]:
        """See ports.Ledger."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select * from order_intents where strategy_id = %s order by created_at, leg, attempt", (strategy_id,)
            ).fetchall()
        return [read_intent(row) for row in rows]

    def logs(
        self, user_id: UUID, strategy_id: UUID, *, begins: datetime | None = None, ends: datetime | None = None
    ) -> Sequence[OrderLog]:
        """See ports.Ledger."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select order_id, strategy_id, order_type, timestamp, raw_response, tag, broker_order_id, outcome,"
                " execution_time_ms from order_logs where strategy_id = %s"
                " and timestamp >= coalesce(%s::timestamptz, '-infinity')"
                " and timestamp < coalesce(%s::timestamptz, 'infinity') order by timestamp, order_id",
                (strategy_id, begins, ends),
            ).fetchall()
        return [OrderLog(**{**row, "execution_time_ms": float(row["execution_time_ms"])}) for row in rows]

    def unsettled(self, user_id: UUID, strategy_id: UUID) -> Sequence[Cycle]:
        """See ports.Ledger."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                """
                select * from cycles c where c.strategy_id = %(strategy_id)s and (
                    c.state in ('entering', 'long', 'exiting')
                    or exists (select from order_intents i where i.strategy_id = c.strategy_id
                               and i.trading_day = c.trading_day and i.state in ('pending', 'accepted', 'unknown')))
                order by c.trading_day
                """,
                {"strategy_id": strategy_id},
            ).fetchall()
            return _with_intents(session, rows)

    def traded_on(self, user_id: UUID, day: date) -> Sequence[Cycle]:
        """See ports.Ledger."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select c.* from cycles c where c.user_id = %s and c.trading_day = %s and exists (select from"
                " order_intents i where i.strategy_id = c.strategy_id and i.trading_day = c.trading_day)"
                " order by c.strategy_id",
                (user_id, day),
            ).fetchall()
            return _with_intents(session, rows)

    def unsettled_of(self, user_id: UUID) -> Sequence[Cycle]:
        """See ports.Ledger."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select c.* from cycles c where c.user_id = %s and is_unsettled(c)"
                " order by c.trading_day, c.strategy_id",
                (user_id,),
            ).fetchall()
            return _with_intents(session, rows)

    def begun(self, strategy_ids: Sequence[UUID], trading_day: date) -> frozenset[UUID]:
        """See ports.Ledger."""
        with self._database.system() as session:
            rows = session.execute(
                "select strategy_id from cycles where strategy_id = any(%s) and trading_day = %s and state <> 'idle'",
                (list(strategy_ids), trading_day),
            ).fetchall()
        return frozenset(row["strategy_id"] for row in rows)

    def unfinished(self) -> Sequence[Cycle]:
        """See ports.Ledger."""
        with self._database.system() as session:
            rows = session.execute(
                """
                select * from cycles where state in ('entering', 'long', 'exiting')
                union
                select c.* from cycles c join order_intents i using (strategy_id, trading_day)
                where i.state in ('pending', 'accepted', 'unknown')
                    or (i.state = 'not_placed' and i.trading_day > current_date - 2)
                    or (c.state = 'flat' and not c.is_verified and c.trading_day > current_date - 2
                        and i.side = 'SELL' and i.filled > 0)
                order by trading_day, strategy_id
                """
            ).fetchall()
            return _with_intents(session, rows)

    def to_watch(self) -> Sequence[Watched]:
        """See ports.Ledger."""
        from psycopg.rows import tuple_row

        with self._database.system() as session:
            rows = session.cursor(row_factory=tuple_row).execute(_WATCHED).fetchall()
        # Outside of the transaction: of a hundred thousand it takes longer than one may be idle.
        return [Watched._make(row) for row in rows]

    def _read(self, user_id: UUID, condition: str, parameters: tuple[Any, ...]) -> list[Cycle]:
        with self._database.tenant(user_id) as session:
            rows = session.execute(f"select * from cycles where {condition}", parameters).fetchall()  # noqa: S608 - constants
            return _with_intents(session, rows)


def _key(cycle: Cycle) -> dict[str, Any]:
    return {"strategy_id": cycle.strategy_id, "trading_day": cycle.trading_day, "user_id": cycle.user_id}


def _first(cycles: Sequence[Cycle]) -> Cycle | None:
    return cycles[0] if cycles else None


def _with_intents(session: Session, rows: Sequence[Row]) -> list[Cycle]:
    if not rows:
        return []
    intents = session.execute(
        """
        select i.* from order_intents i
        join unnest(%s::uuid[], %s::date[]) as wanted (strategy_id, trading_day) using (strategy_id, trading_day)
        order by i.created_at, i.leg, i.attempt
        """,
        ([row["strategy_id"] for row in rows], [row["trading_day"] for row in rows]),
    ).fetchall()
    by_cycle: dict[tuple[UUID, date], list[Row]] = defaultdict(list)
    for intent in intents:
        by_cycle[intent["strategy_id"], intent["trading_day"]].append(intent)
    return [read_cycle(row, by_cycle[row["strategy_id"], row["trading_day"]]) for row in rows]
