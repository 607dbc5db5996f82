"""The product's own record, read from PostgreSQL past the API: what it meant, sent and learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class LedgerOrder:
    """One intent."""

    strategy_id: UUID
    symbol: str
    leg: str
    attempt: int
    tag: str
    side: str
    quantity: int
    state: str
    due_at: datetime
    cause_at: datetime | None
    sent_at: datetime | None
    broker_order_id: str | None
    broker_status: str | None
    message: str | None
    filled: int
    average_price: Decimal
    trigger_price: Decimal | None = None
    turned_at: datetime | None = None
    """When a resting stop order became the exit."""
    account: str | None = None
    """The broker's user id of the account that its cycle trades in; None where no broker is connected there now."""

    @property
    def is_scheduled(self) -> bool:
        """Whether it was due at a time of day: those are whole seconds, an owner's commands are not."""
        return self.cause_at is None and self.due_at.microsecond == 0


@dataclass(frozen=True, slots=True)
class LedgerStrategy:
    """One strategy with its newest cycle, as far as there is one."""

    strategy_id: UUID
    symbol: str
    status: str
    stop_reason: str | None
    state: str | None
    claim: str | None
    note: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing will be traded today any more."""
        return self.state in {"flat", "failed"}


@dataclass(frozen=True, slots=True)
class Ledger:
    """A reading of one user's rows."""

    strategies: Mapping[UUID, LedgerStrategy]
    orders: Sequence[LedgerOrder]


class LedgerReader:
    """Reads as the user that sees every row."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def read(self, user_id: str) -> Ledger:
        """The user's strategies and orders, orders in order of their making."""
        async with self._connection.cursor(row_factory=class_row(LedgerStrategy)) as cursor:
            await cursor.execute(_STRATEGIES, (user_id,))
            strategies = await cursor.fetchall()
        async with self._connection.cursor(row_factory=class_row(LedgerOrder)) as cursor:
            await cursor.execute(_ORDERS, (user_id,))
            orders = await cursor.fetchall()
        return Ledger({strategy.strategy_id: strategy for strategy in strategies}, orders)


_STRATEGIES = """
    select distinct on (s.strategy_id) s.strategy_id, s.symbol, s.status, s.stop_reason, c.state, c.claim, c.note
    from strategies s left join cycles c using (strategy_id)
    where s.user_id = %s order by s.strategy_id, c.trading_day desc
"""
_ORDERS = """
    select i.strategy_id, c.symbol, i.leg, i.attempt, i.tag, i.side, i.quantity, i.state, i.due_at, i.cause_at,
           i.sent_at, i.broker_order_id, i.broker_status, i.message, i.filled, i.average_price,
           i.trigger_price, i.turned_at, k.broker_user_id as account
    from order_intents i join cycles c using (strategy_id, trading_day)
        left join broker_connections k on k.account_id = c.account_id
    where i.user_id = %s order by i.created_at
"""
