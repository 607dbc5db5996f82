"""What a session of chaos is judged by: plain values, so that a verdict can be tried without a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

NANO: Final = 1_000_000_000
ENDED: Final = frozenset({"COMPLETE", "CANCELLED", "REJECTED"})
"""The statuses after which the exchange does not change an order any more."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution at the exchange."""

    at_ns: int
    quantity: int


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """An order as the exchange has it. Times in nanoseconds since the epoch."""

    order_id: str
    tag: str | None
    account: str
    symbol: str
    side: str
    quantity: int
    filled: int
    average_price: Decimal
    status: str
    received_ns: int
    ended_ns: int | None
    """When it came to its final status; None while it lives."""
    trades: Sequence[Trade] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """An order as the ledger has it."""

    strategy_id: UUID
    leg: str
    attempt: int
    tag: str
    side: str
    quantity: int
    filled: int
    average_price: Decimal
    state: str
    broker_order_id: str | None
    broker_status: str | None
    message: str | None
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None
    committed_at: datetime | None
    """When PostgreSQL committed the decision to send it; None where it does not say."""


@dataclass(frozen=True, slots=True)
class StrategyRecord:
    """A strategy as planned, and as the ledger has it in the end."""

    strategy_id: UUID
    name: str
    role: str
    account: str
    symbol: str
    quantity: int
    buy_at: datetime
    sell_at: datetime
    stop_loss: Decimal
    status: str
    state: str | None
    claim: str | None
    wanted: str | None
    note: str | None
    is_due: bool = True
    """Whether it ran before its buy time; one that was started later buys from the next day on."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that wakes an operator; `strategy_id` None where the metric speaks of the whole."""

    at: datetime
    metric: str
    source: str
    strategy_id: UUID | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the watchers answered when they were asked. `guarded` None: none of them did."""

    at_ns: int
    guarded: frozenset[UUID] | None
    troubles: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """A price as it was handed to the sockets."""

    at_ns: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything."""

    strategies: Mapping[UUID, StrategyRecord]
    intents: Sequence[Intent]
    orders: Sequence[ExchangeOrder]
    alarms: Sequence[Alarm]
    sights: Sequence[Sight]
    ticks: Mapping[str, Sequence[Tick]]
    truths: Mapping[str, float]
    """Seconds from the sending of an order of unknown fate until the ledger knew, by tag."""
    grace_seconds: float
    is_at_rest: bool
    """Whether everything came to rest within the calm end's time."""
    unrest: Sequence[str] = ()
    """What had not."""
    audit_trouble: str | None = None
    """What is wrong with the audit chains; None: every one holds."""

    def resting_stops(self, strategy_id: UUID) -> list[tuple[int, int | None]]:
        """When a stop order of the strategy lived at the exchange; None: it still does."""
        tags = {i.tag for i in self.intents if i.strategy_id == strategy_id and i.leg == "stop"}
        return [(order.received_ns, order.ended_ns) for order in self.orders if order.tag in tags]

    def orders_of(self, strategy_id: UUID, side: str | None = None) -> list[ExchangeOrder]:
        """A strategy's orders at the exchange, by tag, in order of arrival."""
        tags = {intent.tag for intent in self.intents if intent.strategy_id == strategy_id}
        found = [o for o in self.orders if o.tag in tags and side in (None, o.side)]
        return sorted(found, key=lambda order: order.received_ns)


def nanoseconds(at: datetime) -> int:
    """Since the epoch, exact to the microsecond."""
    return int(at.timestamp() * 1_000_000) * 1000
