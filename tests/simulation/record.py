"""The exchange's record of one cycle, and what of it the ledger may not tell differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from algotrading.domain.cycle import Cycle
from algotrading.domain.orders import BrokerStatus, Fill
from tests.fakes.exchange import MemoryOrder

Key = tuple[UUID, date]
_FINEST = Decimal("0.00000001")
"""An average is kept as finely as this."""


@dataclass(slots=True)
class Traded:
    """The exchange's record of one cycle."""

    entries: list[MemoryOrder] = field(default_factory=list)
    exits: list[MemoryOrder] = field(default_factory=list)

    def bought(self, at: datetime) -> int:
        """How many were bought by `at`."""
        return sum(order.filled(at) for order in self.entries)

    def sold(self, at: datetime) -> int:
        """How many were sold by `at`."""
        return sum(order.filled(at) for order in self.exits)

    def pending(self, at: datetime) -> bool:
        """Whether an entry can still buy."""
        return any(remaining(order, at) for order in self.entries)

    def rests(self, at: datetime) -> bool:
        """Whether a stop order waits at the exchange."""
        return any(order.status(at) is BrokerStatus.WAITING and order.placed_at <= at for order in self.exits)

    def sells(self, at: datetime) -> bool:
        """Whether an order that sells at once is in the book."""
        return any(not o.status(at).is_terminal and o.status(at) is not BrokerStatus.WAITING for o in self.exits)

    def may_still_sell(self, at: datetime) -> int:
        """How many the orders of before can still sell."""
        return sum(remaining(order, at) for order in self.exits)


def remaining(order: MemoryOrder, at: datetime) -> int:
    """What an order can still execute; one that is on its way into the book can execute all of it."""
    if order.status(at).is_terminal:
        return 0
    return order.ticket.quantity - order.filled(at)


def untrue(cycle: Cycle, traded: Traded, stored: Iterable[Fill], at: datetime) -> Iterator[str]:
    """In what the ledger's quantities, its averages and the stored trades differ from the exchange's record."""
    bought, sold = traded.bought(at), traded.sold(at)
    if (cycle.bought, cycle.sold) != (bought, sold):
        yield f"the ledger says {cycle.bought} bought and {cycle.sold} sold, the exchange {bought} and {sold}"
    orders = (*traded.entries, *traded.exits)
    by_tag = {order.ticket.tag: order for order in orders}
    for intent in cycle.intents:
        order = by_tag.get(intent.tag)
        price = Decimal(0) if order is None else order.average_price(at)
        if abs(intent.average_price - price) > _FINEST:
            yield f"the ledger says that {intent.tag} was filled at {intent.average_price}, the exchange at {price}"
    happened = {(o.order_id, e.trade_id, e.quantity, e.price) for o in orders for e in o.executions if e.at <= at}
    kept = {(fill.broker_order_id, fill.trade_id, fill.quantity, fill.price) for fill in stored}
    if lacking := happened - kept:
        yield f"trades of the exchange are not stored: {sorted(lacking)}"
    if foreign := kept - happened:
        yield f"stored trades are none of the exchange: {sorted(foreign)}"
