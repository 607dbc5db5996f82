"""ports.Snapshots on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.json_values import to_json
from algotrading.domain.orders import AccountBook, BrokerStatus, Fill, Holding, OrderRow, Side
from algotrading.ports import BookSnapshot


class PostgresSnapshots:
    """Whole books of accounts, one for each trading day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, snapshot: BookSnapshot) -> None:
        """See ports.Snapshots."""
        book = snapshot.book
        with self._database.tenant(snapshot.user_id) as session:
            session.execute(
                """
                insert into book_snapshots (user_id, account_id, trading_day, taken_at, orders, trades, positions)
                values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing
                """,
                (
                    snapshot.user_id,
                    snapshot.account_id,
                    snapshot.trading_day,
                    book.begun_at,
                    *(json.dumps(to_json(rows)) for rows in (book.rows, book.fills, book.positions)),
                ),
            )

    def find(self, user_id: UUID, account_id: UUID, trading_day: date) -> BookSnapshot | None:
        """See ports.Snapshots."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select taken_at, orders, trades, positions from book_snapshots"
                " where user_id = %s and account_id = %s and trading_day = %s",
                (user_id, account_id, trading_day),
            ).fetchone()
        return None if row is None else BookSnapshot(user_id, account_id, trading_day, _book(row))

    def missing(self, trading_day: date) -> Sequence[tuple[UUID, UUID]]:
        """See ports.Snapshots."""
        with self._database.system() as session:
            rows = session.execute(
                """
                select user_id, min(strategy_id::text)::uuid as strategy_id from cycles c where trading_day = %(day)s
                and not exists (select from book_snapshots b
                                where b.account_id = c.account_id and b.trading_day = %(day)s)
                group by user_id, account_id order by user_id, account_id
                """,
                {"day": trading_day},
            ).fetchall()
        return [(row["user_id"], row["strategy_id"]) for row in rows]


def _book(row: Mapping[str, Any]) -> AccountBook:
    return AccountBook(
        row["taken_at"],
        tuple(_order(order) for order in row["orders"]),
        tuple(_fill(fill) for fill in row["trades"]),
        tuple(_holding(holding) for holding in row["positions"]),
    )


def _order(stored: Mapping[str, Any]) -> OrderRow:
    at = stored.get("changed_at")  # books of before do not have it
    return OrderRow(
        **{name: value for name, value in stored.items() if name != "type"}
        | {
            "tags": frozenset(stored["tags"]),
            "side": Side(stored["side"]),
            "average_price": Decimal(stored["average_price"]),
            "status": BrokerStatus(stored["status"]),
            "changed_at": None if at is None else datetime.fromisoformat(at),
        }
    )


def _fill(stored: Mapping[str, Any]) -> Fill:
    at = stored["filled_at"]
    return Fill(
        **{name: value for name, value in stored.items() if name != "type"}
        | {"price": Decimal(stored["price"]), "filled_at": None if at is None else datetime.fromisoformat(at)}
    )


def _holding(stored: Mapping[str, Any]) -> Holding:
    return Holding(
        **{name: value for name, value in stored.items() if name != "type"}
        | {name: Decimal(stored[name]) for name in ("average_price", "last_price")}
    )
