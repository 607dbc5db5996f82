"""The balance of a session: what each strategy came to, and what its orders are measured by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from twin.ledger import Ledger, LedgerOrder, LedgerStrategy
from twin.report import Pair, Report, make_report
from twin.script import Market, Part, Role

STRATEGY = UUID(int=1)
DUE = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
TICK = DUE + timedelta(seconds=3, milliseconds=120)


def order(leg: str, side: str, price: str, **other: Any) -> LedgerOrder:
    """One that left a millisecond late and was filled."""
    order_id = f"broker-{leg}"
    values: dict[str, Any] = {
        "strategy_id": STRATEGY,
        "symbol": "INFY",
        "leg": leg,
        "attempt": 1,
        "tag": leg,
        "side": side,
        "quantity": 10,
        "state": "done",
        "due_at": DUE,
        "cause_at": None,
        "sent_at": DUE + timedelta(milliseconds=1),
        "broker_order_id": order_id,
        "broker_status": "COMPLETE",
        "message": None,
        "filled": 10,
        "average_price": Decimal(price),
        "account": "TRADER01",
    }
    return LedgerOrder(**values | other)


def at_exchange(mine: LedgerOrder, received_at: datetime) -> dict[str, Any]:
    """The same order as the exchange has it."""
    return {
        "placed_by": mine.account,
        "order_id": mine.broker_order_id,
        "tag": mine.tag,
        "tradingsymbol": mine.symbol,
        "transaction_type": mine.side,
        "quantity": mine.quantity,
        "filled_quantity": mine.filled,
        "status": mine.broker_status,
        "average_price": float(mine.average_price),
        "received_at": received_at.isoformat(),
        "received_ns": int(received_at.timestamp() * 1_000_000) * 1000,
    }


def stopped_out() -> Report:
    """A strategy that bought at 1500 and was sold by its stop at 1485.50, a tick of the exchange being the cause."""
    part = Part(
        role=Role.STOPPED_OUT,
        market=Market("INFY", Decimal("0.1"), Decimal(1500)),
        quantity=10,
        buy_at=DUE,
        sell_at=DUE + timedelta(minutes=1),
        stop_loss=Decimal(1486),
    )
    entry = order("entry", "BUY", "1500")
    leaving = order("exit", "SELL", "1485.50", cause_at=TICK, sent_at=TICK + timedelta(milliseconds=20))
    strategy = LedgerStrategy(STRATEGY, "INFY", "running", None, "flat", "STOPLOSS", None)
    orders = [
        at_exchange(entry, DUE + timedelta(milliseconds=3)),
        at_exchange(leaving, TICK + timedelta(milliseconds=22)),
    ]
    emitted = {STRATEGY: int((TICK - timedelta(milliseconds=2)).timestamp() * 1_000_000) * 1000}
    return make_report({STRATEGY: part}, Ledger({STRATEGY: strategy}, [entry, leaving]), orders, emitted)


def test_a_strategy_is_told_with_its_reason_and_what_it_lost() -> None:
    (outcome,) = stopped_out().outcomes

    assert outcome.result == "flat: sold at its stop-loss"
    assert outcome.gross == Decimal("-145.00")
    assert stopped_out().is_good


def test_a_stop_is_measured_from_the_tick_and_an_entry_from_its_instant() -> None:
    figures = stopped_out().document(wall_seconds=1.0)

    assert figures["trigger_error_ms"] == {"p50": 1.0, "p99": 1.0, "max": 1.0, "count": 1}
    assert figures["trigger_error_at_exchange_ms"]["p50"] == 3.0
    assert figures["tick_to_order_ms"]["p50"] == 20.0
    assert figures["tick_to_exchange_ms"]["p50"] == 24.0


def test_an_order_at_another_account_than_its_strategys_is_a_difference() -> None:
    mine = order("entry", "BUY", "1500")
    theirs = {**at_exchange(mine, DUE), "placed_by": "TRADER02"}

    assert Pair(mine, theirs).differences() == ("account: TRADER01 / TRADER02",)
    assert Pair(mine, at_exchange(mine, DUE)).differences() == ()
