"""Orders as the trading core sees them: what we meant, what the broker answered, what it shows.

The answer to a send has three kinds, never two. `Accepted` and `Refused` are proven; everything else
is `Unknown`, and an unknown order is never sent again before the broker's own book has spoken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from algotrading.domain.instruments import Product

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WHOLE_SECOND = timedelta(seconds=1)
TAG_LENGTH = 18
"""Kite keeps 20 alphanumerics, Angel One fewer than 20; 18 characters of base 62 are 107 bits."""


class Side(StrEnum):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """Kite's order types (Kite Connect documentation, orders)."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    SL = "SL"
    SL_M = "SL-M"


class Leg(StrEnum):
    """Which half of a cycle an order belongs to."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    """The protective stop that rests at the broker; the exit of a position it guards is this same order."""


class BrokerStatus(StrEnum):
    """The statuses that end an order, and three that do not: a status we do not know is WORKING."""

    WORKING = "WORKING"
    """Not ended: on its way, being changed, or in a state without a name of ours."""
    WAITING = "WAITING"
    """A stop order that waits for its trigger price."""
    OPEN = "OPEN"
    """In the exchange's book; of a stop order: its trigger price was reached."""
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def is_terminal(self) -> bool:
        """Whether the broker will not change this order any more."""
        return self in {BrokerStatus.COMPLETE, BrokerStatus.CANCELLED, BrokerStatus.REJECTED}


@dataclass(frozen=True, slots=True)
class OrderTicket:
    """One order as sent to a broker. Market orders carry market protection (mandatory over the
    Kite API since 2026-04-01); the adapter adds what its broker needs."""

    exchange: str
    symbol: str
    side: Side
    quantity: int
    product: Product
    tag: str
    order_type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    trigger_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has the order under this id."""

    broker_order_id: str
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker proved that there is no such order. `retryable` is False where the same order can
    only be refused again (dead token, forbidden address, malformed order)."""

    kind: str
    message: str
    retryable: bool
    raw: dict[str, Any]
    is_auth: bool = False
    throttled: bool = False
    """Nobody has looked at the order: the broker's rate limit turned it away, no connection came about, or it was held
    back."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows yet: time-out, lost connection, gateway error, an answer in no known form."""

    reason: str
    raw: dict[str, Any]


Answer = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One row of the broker's order book."""

    broker_order_id: str
    tags: frozenset[str]
    exchange: str
    symbol: str
    side: Side
    product: str
    quantity: int
    filled_quantity: int
    average_price: Decimal
    status: BrokerStatus
    status_text: str
    message: str | None
    raw: dict[str, Any]
    changed_at: datetime | None = None
    """When the exchange last changed it, an execution included; None where the broker does not say."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. Identity is (exchange, trade_id, broker_order_id)."""

    trade_id: str
    broker_order_id: str
    exchange: str
    quantity: int
    price: Decimal
    filled_at: datetime | None


@dataclass(frozen=True, slots=True)
class BookReading:
    """A successful read of order book and trades of one account, begun at `begun_at`."""

    begun_at: datetime
    rows: tuple[OrderRow, ...]
    fills: tuple[Fill, ...]
    others: Mapping[str, int] = field(default_factory=dict)
    """Bought less sold by orders without our tags, by `position_key`: the trader's own, the broker's square-off,
    other strategies. All of that day, or since the instant that was asked for. What is not named is 0."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Net quantity the broker says is held in one instrument and product (negative when short)."""

    exchange: str
    symbol: str
    product: str
    quantity: int
    average_price: Decimal
    last_price: Decimal


@dataclass(frozen=True, slots=True)
class AccountBook:
    """Everything one account's book shows, whoever placed it, and what is held; reading began at `begun_at`."""

    begun_at: datetime
    rows: tuple[OrderRow, ...]
    fills: tuple[Fill, ...]
    positions: tuple[Holding, ...]

    def of_tags(self, tags: frozenset[str], since: datetime | None = None) -> BookReading:
        """What `Broker.read_book` would have read."""
        rows = tuple(row for row in self.rows if row.tags & tags)
        ids = {row.broker_order_id for row in rows}
        fills = tuple(fill for fill in self.fills if fill.broker_order_id in ids)
        return BookReading(self.begun_at, rows, fills, net_of_others(self.rows, tags, since))

    def held(self, exchange: str, symbol: str, product: str) -> int:
        """Net quantity held of an instrument."""
        key = (exchange, symbol, product)
        return sum(p.quantity for p in self.positions if (p.exchange, p.symbol, p.product) == key)


def position_key(exchange: str, symbol: str, product: str) -> str:
    """The name of what a broker nets orders into."""
    return f"{exchange}:{symbol}:{product}"


def net_of_others(rows: Iterable[OrderRow], tags: frozenset[str], since: datetime | None = None) -> Mapping[str, int]:
    """Bought less sold, by `position_key`, of the orders that carry none of `tags` and were not over before `since`."""
    net: dict[str, int] = {}
    for row in rows:
        if row.filled_quantity and not row.tags & tags and not _was_over(row, since):
            key = position_key(row.exchange, row.symbol, row.product)
            net[key] = net.get(key, 0) + (row.filled_quantity if row.side is Side.BUY else -row.filled_quantity)
    return {key: quantity for key, quantity in net.items() if quantity}


def _was_over(row: OrderRow, since: datetime | None) -> bool:
    """Whether nothing happened to the order from `since` on, surely: brokers' times are whole seconds."""
    return since is not None and row.changed_at is not None and row.changed_at + _WHOLE_SECOND <= since


def make_tag(strategy_id: UUID, trading_day: date, leg: Leg, attempt: int) -> str:
    """The deterministic mark the broker keeps with the order: same key, same tag, in any process."""
    key = f"{strategy_id}|{trading_day.isoformat()}|{leg}|{attempt}".encode()
    number = int.from_bytes(hashlib.sha256(key).digest(), "big")
    digits = []
    for _ in range(TAG_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(digits)
