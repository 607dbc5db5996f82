"""The session's balance: ledger and exchange side by side, what each strategy came to, and how long things took."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from rich import box
from rich.markup import escape
from rich.table import Table

from twin.console import Narrator, clock_time
from twin.ledger import Ledger, LedgerOrder, LedgerStrategy
from twin.script import Ending, Part, Role

ExchangeOrder = Mapping[str, Any]
_IN_BOOK = Decimal("0.0001")
_REASONS = {
    "SELL": "sold at its sell time",
    "STOPLOSS": "sold at its stop-loss",
    "USER": "sold when its owner stopped it",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One order as the ledger and as the exchange have it; either side can be missing."""

    ledger: LedgerOrder | None
    exchange: ExchangeOrder | None

    def differences(self) -> tuple[str, ...]:
        """Everything the two sides do not agree on."""
        if self.ledger is None:
            return ("the ledger does not know this order",)
        if self.exchange is None:
            return () if self.ledger.broker_order_id is None and not self.ledger.filled else ("not at the exchange",)
        mine, theirs = self.ledger, self.exchange
        compared = {
            # Each at the account that its strategy trades in.
            "account": (mine.account, theirs["placed_by"]),
            "order id": (mine.broker_order_id, theirs["order_id"]),
            "side": (mine.side, theirs["transaction_type"]),
            "quantity": (mine.quantity, theirs["quantity"]),
            "filled": (mine.filled, theirs["filled_quantity"]),
            "status": (mine.broker_status, theirs["status"]),
            # The broker rounds an average in its book to four places; the ledger keeps more.
            "average price": (
                mine.average_price.quantize(_IN_BOOK),
                Decimal(str(theirs["average_price"])).quantize(_IN_BOOK),
            ),
        }
        return tuple(f"{name}: {ours} / {other}" for name, (ours, other) in compared.items() if ours != other)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one strategy came to, beside what the script says."""

    part: Part
    strategy: LedgerStrategy
    gross: Decimal
    """What its sales brought more than its purchases, rupees, before charges."""

    @property
    def result(self) -> str:
        """How it ended and why."""
        why = _REASONS.get(self.strategy.claim or "", self.strategy.note or self.strategy.stop_reason or "")
        return f"{self.strategy.state}: {why}" if why else self.strategy.state or "nothing happened"

    @property
    def is_as_written(self) -> bool:
        """Whether it ended as the script says."""
        found = Ending(self.strategy.state or "", self.strategy.claim, self.strategy.status)
        return found == self.part.ending


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the session is judged by. Durations in milliseconds."""

    outcomes: Sequence[Outcome]
    pairs: Sequence[Pair]
    timings: Mapping[str, Sequence[float]]
    leaks: Sequence[str] = ()
    """Secrets that were found in the logs: which, and where."""

    @property
    def is_good(self) -> bool:
        """Whether ledger and exchange agree, every strategy ended as the script says, and no log holds a secret."""
        agreed = not any(pair.differences() for pair in self.pairs)
        return agreed and all(outcome.is_as_written for outcome in self.outcomes) and not self.leaks

    def document(self, wall_seconds: float) -> dict[str, Any]:
        """`build/session.json`."""
        return {
            "agreed": not any(pair.differences() for pair in self.pairs),
            "as_written": all(outcome.is_as_written for outcome in self.outcomes),
            "strategies": [_strategy_row(outcome) for outcome in self.outcomes],
            "ledger_orders": [_ledger_row(pair.ledger) for pair in self.pairs if pair.ledger],
            "exchange_orders": [_exchange_row(pair.exchange) for pair in self.pairs if pair.exchange],
            "differences": [text for pair in self.pairs for text in pair.differences()],
            "secrets_in_logs": list(self.leaks),
            **{name: percentiles(values) for name, values in self.timings.items()},
            "wall_seconds": round(wall_seconds, 2),
        }


def make_report(
    parts: Mapping[UUID, Part], ledger: Ledger, orders: Sequence[ExchangeOrder], emitted: Mapping[UUID, int]
) -> Report:
    """Compare and measure. `emitted` is when the exchange traded at a stop, by strategy, epoch nanoseconds."""
    by_tag = {order["tag"]: order for order in orders}
    known = {order.tag for order in ledger.orders}
    pairs = [Pair(order, by_tag.get(order.tag)) for order in ledger.orders]
    pairs += [Pair(None, order) for order in orders if order["tag"] not in known]
    return Report(
        outcomes=[
            Outcome(part, ledger.strategies[strategy_id], _gross(ledger, strategy_id))
            for strategy_id, part in parts.items()
        ],
        pairs=pairs,
        timings={
            "trigger_error_ms": [
                *(_ms(o.sent_at, o.due_at) for o, _ in _timed(pairs)),
                *(_ms(o.turned_at, parts[o.strategy_id].sell_at) for o in _turned(pairs, parts)),
            ],
            "trigger_error_at_exchange_ms": [_late_ms(x, o.due_at) for o, x in _timed(pairs) if x],
            "tick_to_order_ms": [_ms(o.sent_at, o.cause_at) for o, _ in _stopped(pairs)],
            "tick_to_exchange_ms": [
                (x["received_ns"] - emitted[o.strategy_id]) / 1e6
                for o, x in _stopped(pairs)
                if x and o.strategy_id in emitted
            ],
        },
    )


def _gross(ledger: Ledger, strategy_id: UUID) -> Decimal:
    orders = [order for order in ledger.orders if order.strategy_id == strategy_id]
    return sum((o.filled * o.average_price * (1 if o.side == "SELL" else -1) for o in orders), Decimal(0))


def _timed(pairs: Sequence[Pair]) -> Iterator[tuple[LedgerOrder, ExchangeOrder | None]]:
    """Orders that were to leave at an instant known beforehand."""
    for pair in pairs:
        order = pair.ledger
        if order and order.sent_at and order.attempt == 1 and order.is_scheduled:
            yield order, pair.exchange


def _turned(pairs: Sequence[Pair], parts: Mapping[UUID, Part]) -> Iterator[LedgerOrder]:
    """Stop orders that rested until they were asked to sell at the sell time."""
    for pair in pairs:
        order = pair.ledger
        if order and order.turned_at and parts[order.strategy_id].role is Role.ON_TIME:
            yield order


def _stopped(pairs: Sequence[Pair]) -> Iterator[tuple[LedgerOrder, ExchangeOrder | None]]:
    """Orders that a tick caused."""
    for pair in pairs:
        if pair.ledger and pair.ledger.sent_at and pair.ledger.cause_at:
            yield pair.ledger, pair.exchange


def _ms(later: datetime | None, earlier: datetime | None) -> float:
    assert later is not None
    assert earlier is not None
    return (later - earlier).total_seconds() * 1000


def _late_ms(order: ExchangeOrder, due: datetime) -> float:
    return int(order["received_ns"]) / 1e6 - due.timestamp() * 1000


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Median, 99th percentile (nearest rank), greatest, and how many."""
    ordered = sorted(values)

    def at(share: float) -> float | None:
        return round(ordered[math.ceil(share * len(ordered)) - 1], 3) if ordered else None

    return {"p50": at(0.50), "p99": at(0.99), "max": at(1.0), "count": len(ordered)}


def _strategy_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "strategy_id": str(outcome.strategy.strategy_id),
        "symbol": outcome.strategy.symbol,
        "script": outcome.part.role,
        "status": outcome.strategy.status,
        "cycle": outcome.strategy.state,
        "exit_reason": outcome.strategy.claim,
        "note": outcome.strategy.note,
        "gross_profit": float(outcome.gross),
        "as_written": outcome.is_as_written,
    }


def _ledger_row(order: LedgerOrder) -> dict[str, Any]:
    return {
        "strategy_id": str(order.strategy_id),
        "tag": order.tag,
        "account": order.account,
        "broker_order_id": order.broker_order_id,
        "symbol": order.symbol,
        "leg": order.leg,
        "attempt": order.attempt,
        "side": order.side,
        "quantity": order.quantity,
        "filled": order.filled,
        "average_price": float(order.average_price),
        "status": order.broker_status or order.state,
        "due_at": order.due_at.isoformat(),
        "tick_at": order.cause_at.isoformat() if order.cause_at else None,
        "released_at": order.sent_at.isoformat() if order.sent_at else None,
    }


def _exchange_row(order: ExchangeOrder) -> dict[str, Any]:
    return {
        "order_id": order["order_id"],
        "tag": order["tag"],
        "account": order["placed_by"],
        "symbol": order["tradingsymbol"],
        "side": order["transaction_type"],
        "quantity": order["quantity"],
        "filled": order["filled_quantity"],
        "average_price": order["average_price"],
        "status": order["status"],
        "received_at": order["received_at"],
    }


def show_report(report: Report, narrator: Narrator, saved: Path) -> None:
    """Print the balance."""
    narrator.console.print(_orders_table(report))
    narrator.console.print(_results_table(report))
    for outcome in report.outcomes:
        if not outcome.is_as_written:
            found = f"{outcome.strategy.state} by {outcome.strategy.claim}, {outcome.strategy.status}"
            narrator.say(f"{outcome.strategy.symbol}: '{outcome.part.role}' ended otherwise: {found}", style="red")
    for name, values in report.timings.items():
        figures = percentiles(values)
        narrator.say(
            f"{name:<30} p50 {figures['p50']}  p99 {figures['p99']}  max {figures['max']}  of {figures['count']}"
        )
    verdict = "ledger and exchange agree" if report.is_good else "the session did not go as written"
    narrator.say(f"{verdict}; written to {saved}", style="bold green" if report.is_good else "bold red")


def _orders_table(report: Report) -> Table:
    table = Table(
        "symbol", "order", "ledger", "exchange", "released", "received", "", title="Ledger and exchange", box=box.SIMPLE
    )
    for pair in report.pairs:
        order, theirs = pair.ledger, pair.exchange
        table.add_row(
            order.symbol if order else theirs["tradingsymbol"] if theirs else "",
            f"{order.side} {order.quantity}" if order else "",
            _told(order.broker_status or order.state, order.filled, order.average_price) if order else "",
            _told(theirs["status"], theirs["filled_quantity"], Decimal(str(theirs["average_price"])))
            if theirs
            else "none",
            clock_time(order.sent_at) if order and order.sent_at else "",
            clock_time(datetime.fromisoformat(theirs["received_at"])) if theirs else "",
            "; ".join(pair.differences()) or "agree",
        )
    return table


def _told(status: str, filled: int, price: Decimal) -> str:
    return f"{status} {filled} @ {price.normalize():f}" if filled else status


def _results_table(report: Report) -> Table:
    table = Table("symbol", "strategy", "result", "gross ₹", title="Strategies", box=box.SIMPLE)
    table.columns[-1].justify = "right"
    for outcome in report.outcomes:
        table.add_row(outcome.strategy.symbol, outcome.part.role, escape(outcome.result), f"{outcome.gross:+,.2f}")
    return table
