"""What one decision leaves in the database, in the one transaction that `PostgresLedger.save` opens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit, risk_check
from algotrading.adapters.postgres.json_values import clean_text, to_json
from algotrading.adapters.postgres.outbox import write_notice_of_cycle
from algotrading.adapters.postgres.rows import milliseconds_of, plan_parameters, read_strategy
from algotrading.domain.audit import AuditEntry, Cause, decision_entry, strategy_entry
from algotrading.domain.cycle import Cycle, Intent
from algotrading.domain.effects import Decision, StopStrategy, Tell
from algotrading.domain.errors import Fenced
from algotrading.domain.events import BookRead, Event
from algotrading.domain.notices import NoticeKind
from algotrading.domain.risk import Booked, booked_of, breach_of
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import OrderLog

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


_FORGET_FLAT = """
    -- An order that had been proven absent has bought: what was proven flat before is to be proven anew.
    update risk_profiles set verified_flat_at = null, flat_ms = null, foreign_positions = '[]' where user_id = %s
"""


def store(
    session: Session,
    decision: Decision,
    event: Event,
    now: datetime,
    *,
    logs: Sequence[OrderLog],
    cause: Cause | None,
    marks: Mapping[str, Decimal],
) -> None:
    """Write everything, the audit record with it.

    Raises:
        Fenced: the cycle's epoch has moved, or an order that is new to this cycle was written down by
            another worker already. The transaction must then be rolled back.
        RiskRefused: it writes down an entry that is not allowed. The same holds.
    """
    cycle = decision.cycle
    # Only a reading of the book changes what was filled.
    _write_cycle(session, cycle, now, booked_of(cycle) if isinstance(event, BookRead) else None)
    _write_intents(session, cycle)
    if (breach := breach_of(event)) is not None:
        risk_check.write_blocked(session, cycle, breach, now)
    if isinstance(event, BookRead):
        _write_fills(session, cycle, event)
    if logs:
        write_logs(session, cycle.user_id, logs)
    stopped = None
    for effect in decision.effects:
        if isinstance(effect, Tell):
            write_notice_of_cycle(session, cycle, effect, now)
            if effect.kind is NoticeKind.LATE_ORDER:
                session.execute(_FORGET_FLAT, (cycle.user_id,))
        elif isinstance(effect, StopStrategy):
            stopped = _stop_strategy(session, cycle, effect, now)
    audit.append(session, decision_entry(decision, event, now, cause))
    if stopped is not None:
        audit.append(session, stopped)
    # Last: from here to the commit the user's other entries wait.
    risk_check.refuse_breach(session, decision, marks, now)


def _write_cycle(session: Session, cycle: Cycle, now: datetime, booked: Booked | None) -> None:
    written = session.execute(
        """
        update cycles set
            state = %(state)s, exchange = %(exchange)s, symbol = %(symbol)s, product = %(product)s,
            buy_time = %(buy_time)s, sell_time = %(sell_time)s, stop_loss = %(stop_loss)s, quantity = %(quantity)s,
            broker_stop = %(broker_stop)s, naked_ms = %(naked_ms)s, sampled_at = %(sampled_at)s,
            sampled_blind_ms = %(sampled_blind_ms)s, claim = %(claim)s, wanted = %(wanted)s,
            closed_outside = %(closed_outside)s, doubted_since = %(doubted_since)s, doubted_held = %(doubted_held)s,
            held_before = %(held_before)s, is_verified = %(is_verified)s, note = %(note)s,
            realised = coalesce(%(realised)s, realised), charges = coalesce(%(charges)s, charges), updated_at = %(now)s
        where strategy_id = %(strategy_id)s and trading_day = %(trading_day)s and epoch = %(epoch)s
        """,
        {
            **plan_parameters(cycle.plan),
            "strategy_id": cycle.strategy_id,
            "trading_day": cycle.trading_day,
            "epoch": cycle.epoch,
            "state": cycle.state,
            "claim": cycle.claim,
            "wanted": cycle.wanted,
            "closed_outside": cycle.closed_outside,
            "doubted_since": cycle.doubted_since,
            "doubted_held": cycle.doubted_held,
            "held_before": cycle.held_before,
            "is_verified": cycle.is_verified,
            "naked_ms": milliseconds_of(cycle.naked),
            "sampled_at": cycle.sampled_at,
            "sampled_blind_ms": milliseconds_of(cycle.sampled_blind),
            "note": None if cycle.note is None else clean_text(cycle.note),
            "realised": None if booked is None else booked.realised,
            "charges": None if booked is None else booked.charges,
            "now": now,
        },
    )
    if written.rowcount != 1:
        raise Fenced(f"the cycle is not at epoch {cycle.epoch} any more")


def _write_intents(session: Session, cycle: Cycle) -> None:
    """Add what is new, bring up to date what is known.

    An intent is known by its key, tag and moment of creation: a row with the same key that was made
    at another moment is another worker's order, and must never be overwritten.
    """
    from psycopg.errors import UniqueViolation

    try:
        written = session.execute(
            """
            insert into order_intents as known (
                strategy_id, trading_day, leg, attempt, user_id, tag, side, quantity, state, created_at, due_at,
                cause_at, sent_at, answered_at, broker_order_id, broker_status, message, filled, average_price,
                clean_reads, cancels, cancel_asked_at, trigger_price, turned_at, turn_answer)
            select
                strategy_id, trading_day, leg, attempt, user_id, tag, side, quantity, state, created_at, due_at,
                cause_at, sent_at, answered_at, broker_order_id, broker_status, message, filled, average_price,
                clean_reads, cancels, cancel_asked_at, trigger_price, turned_at, turn_answer
            from jsonb_populate_recordset(null::order_intents, %s)
            on conflict (strategy_id, trading_day, leg, attempt) do update set
                state = excluded.state, due_at = excluded.due_at, cause_at = excluded.cause_at,
                sent_at = excluded.sent_at, answered_at = excluded.answered_at,
                broker_order_id = excluded.broker_order_id, broker_status = excluded.broker_status,
                message = excluded.message, filled = excluded.filled, average_price = excluded.average_price,
                clean_reads = excluded.clean_reads, cancels = excluded.cancels,
                cancel_asked_at = excluded.cancel_asked_at, trigger_price = excluded.trigger_price,
                turned_at = excluded.turned_at, turn_answer = excluded.turn_answer
            where known.tag = excluded.tag and known.created_at = excluded.created_at
                and known.quantity = excluded.quantity
            """,
            (json.dumps([_intent_columns(cycle, intent) for intent in cycle.intents]),),
        )
    except UniqueViolation as error:
        raise Fenced("an order with one of this cycle's tags was written down by another worker") from error
    if written.rowcount != len(cycle.intents):
        raise Fenced("one of this cycle's orders was written down by another worker")


def _intent_columns(cycle: Cycle, intent: Intent) -> Mapping[str, Any]:
    return {**to_json(intent), **_key(cycle)}


def _key(cycle: Cycle) -> dict[str, str]:
    return {
        "strategy_id": str(cycle.strategy_id),
        "trading_day": cycle.trading_day.isoformat(),
        "user_id": str(cycle.user_id),
    }


def _write_fills(session: Session, cycle: Cycle, event: BookRead) -> None:
    tags = {intent.broker_order_id: intent.tag for intent in cycle.intents if intent.broker_order_id is not None}
    fills = [
        {**to_json(fill), **_key(cycle), "tag": tags[fill.broker_order_id]}
        for fill in event.reading.fills
        if fill.broker_order_id in tags
    ]
    if not fills:
        return
    session.execute(
        """
        insert into trades (user_id, exchange, trade_id, broker_order_id, strategy_id, trading_day, tag, quantity,
                            price, filled_at)
        select user_id, exchange, trade_id, broker_order_id, strategy_id, trading_day, tag, quantity, price, filled_at
        from jsonb_populate_recordset(null::trades, %s)
        on conflict (user_id, exchange, trade_id, broker_order_id) do nothing
        """,
        (json.dumps(fills),),
    )


def write_logs(session: Session, user_id: UUID, logs: Sequence[OrderLog]) -> None:
    """Words with the broker; those that are there already stay as they are."""
    session.execute(
        """
        insert into order_logs (order_id, strategy_id, user_id, order_type, timestamp, raw_response, tag,
                                broker_order_id, outcome, execution_time_ms)
        select order_id, strategy_id, user_id, order_type, timestamp, raw_response, tag, broker_order_id, outcome,
               execution_time_ms
        from jsonb_populate_recordset(null::order_logs, %s)
        on conflict (order_id) do nothing
        """,
        (json.dumps([{**to_json(log), "user_id": str(user_id)} for log in logs]),),
    )


def _stop_strategy(session: Session, cycle: Cycle, effect: StopStrategy, now: datetime) -> AuditEntry | None:
    """Stop it, and answer what is to be put on record about that; None where it did not run."""
    row = session.execute(
        """
        update strategies set status = 'stopped', stop_reason = %s, version = version + 1, updated_at = %s
        where strategy_id = %s and status = 'running' and deleted_at is null
        returning *
        """,
        (clean_text(effect.reason), now, cycle.strategy_id),
    ).fetchone()
    if row is None:
        return None
    after = read_strategy(row)
    before = replace(after, status=StrategyStatus.RUNNING, version=after.version - 1, stop_reason=None)
    return strategy_entry(before, after, now)
