"""Whether an entry may be written down, asked in the transaction that does, in its user's turn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres.json_values import clean_text
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import Cycle, CycleState, Intent, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.errors import RiskLocked, RiskRefused
from algotrading.domain.instruments import Product
from algotrading.domain.limits import Breach, Lock, Locks, RiskLimits
from algotrading.domain.orders import Leg, Side
from algotrading.domain.risk import Booked, EntryOrder, Usage, check_entry, new_entry
from algotrading.domain.strategy import Plan

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_NO_MOMENT = datetime.min.replace(tzinfo=UTC)


def refuse_breach(session: Session, decision: Decision, marks: Mapping[str, Decimal], now: datetime) -> None:
    """Let the decision pass when it writes down no new entry, or one that fits.

    From here to the commit every other entry of the user waits.

    Raises:
        RiskRefused: it does not fit. The transaction must then be rolled back.
    """
    entry = new_entry(decision)
    if entry is None:
        return
    cycle = decision.cycle
    row = session.execute(
        "select entry_risk(%s, %s, %s, %s, %s)::text as found",
        (cycle.user_id, now, cycle.trading_day, cycle.strategy_id, entry.tag),
    ).fetchone()
    assert row is not None
    found = read_json(row["found"])
    price = marks.get(cycle.plan.symbol)
    order = EntryOrder(cycle.plan.exchange, cycle.plan.symbol, entry.quantity, price, cycle.trading_day)
    breach = check_entry(read_limits(found), read_locks(found), read_usage(found), order, marks)
    if breach is not None:
        raise refusal_of(breach)


def refusal_of(breach: Breach) -> RiskRefused:
    """The error that a breach is to its caller."""
    return RiskLocked(breach) if breach.kind.is_lock else RiskRefused(breach)


def write_blocked(session: Session, cycle: Cycle, breach: Breach, now: datetime) -> None:
    """Record that an entry of this cycle was blocked."""
    write_event(
        session,
        cycle.user_id,
        breach.kind,
        breach.text,
        now,
        used=breach.used,
        allowed=breach.limit,
        strategy_id=cycle.strategy_id,
        trading_day=cycle.trading_day,
    )


def write_event(
    session: Session,
    user_id: UUID,
    kind: str,
    text: str,
    now: datetime,
    *,
    used: Decimal | None = None,
    allowed: Decimal | None = None,
    strategy_id: UUID | None = None,
    trading_day: date | None = None,
    period: date | None = None,
) -> bool:
    """Record something about risk; False when it was recorded in that period already."""
    written = session.execute(
        """
        insert into risk_events (user_id, strategy_id, trading_day, at, kind, used, allowed, text, period)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
        """,
        (user_id, strategy_id, trading_day, now, kind, used, allowed, clean_text(text), period),
    )
    return written.rowcount == 1


def read_json(text: str) -> Mapping[str, Any]:
    """What PostgreSQL made JSON of, numbers exact."""
    found: Mapping[str, Any] = json.loads(text, parse_float=Decimal)
    return found


def read_limits(found: Mapping[str, Any]) -> RiskLimits:
    """The limits in an answer of risk_usage."""
    row = found["profile"]
    if row is None:
        return RiskLimits()
    return RiskLimits(
        daily_loss=_amount(row["daily_loss"]),
        weekly_loss=_amount(row["weekly_loss"]),
        position_size=_amount(row["position_size"]),
        symbol_exposure=_amount(row["symbol_exposure"]),
        orders_per_minute=row["orders_per_minute"],
        open_strategies=row["open_strategies"],
        square_off=row["square_off"],
    )


def read_locks(found: Mapping[str, Any]) -> Locks:
    """The locks in an answer of risk_usage."""
    user, deployment = found["profile"], found["deployment"]
    return Locks(
        user=_lock(user, "killed_at", "killed_by", "kill_reason") if user else None,
        deployment=_lock(deployment, "locked_at", "locked_by", "reason") if deployment else None,
    )


def read_usage(found: Mapping[str, Any]) -> Usage:
    """What an answer of risk_usage says is in use."""
    return Usage(
        orders=found["orders"],
        open_cycles=tuple(read_risk_cycle(row) for row in found["open"]),
        booked={
            date.fromisoformat(row["trading_day"]): Booked(Decimal(row["realised"]), Decimal(row["charges"]))
            for row in found["booked"]
        },
    )


def _lock(row: Mapping[str, Any], since: str, by: str, reason: str) -> Lock | None:
    return Lock(datetime.fromisoformat(row[since]), row[by], row[reason]) if row[since] else None


def _amount(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def read_risk_cycle(row: Mapping[str, Any]) -> Cycle:
    """What risk_cycle says of a cycle: as far as limits and results need it: no times, no epoch. Before migration 0025,
    which is when results are filled in, it names no account: every cycle was traded in its user's first."""
    user_id = UUID(row["user_id"])
    plan = Plan(
        exchange=row["exchange"],
        symbol=row["symbol"],
        product=Product(row["product"]),
        buy_time=time.min,
        sell_time=time.max,
        stop_loss=Decimal(row["stop_loss"]),
        quantity=row["quantity"],
    )
    return Cycle(
        strategy_id=UUID(row["strategy_id"]),
        user_id=user_id,
        account_id=UUID(row["account_id"]) if "account_id" in row else first_account_of(user_id),
        trading_day=date.fromisoformat(row["trading_day"]),
        plan=plan,
        state=CycleState(row["state"]),
        intents=tuple(_intent(intent) for intent in row["intents"]),
        closed_outside=row["closed_outside"],
    )


def _intent(row: Mapping[str, Any]) -> Intent:
    return Intent(
        leg=Leg(row["leg"]),
        attempt=row["attempt"],
        tag=row["tag"],
        side=Side(row["side"]),
        quantity=row["quantity"],
        state=IntentState(row["state"]),
        created_at=_NO_MOMENT,
        due_at=_NO_MOMENT,
        filled=row["filled"],
        average_price=Decimal(row["average_price"]),
    )
