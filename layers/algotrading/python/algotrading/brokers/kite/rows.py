"""Kite's rows as domain values.

Lenient where Kite is: unknown statuses are open, fields that older rows lack have defaults, numbers
may be texts. Strict where a guess could cost money: a row that cannot be understood spoils the whole
reading, for a row silently dropped would look like an order that was never placed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from algotrading.domain.accounts import Margins
from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.orders import BrokerStatus, Fill, Holding, OrderRow, Side
from algotrading.domain.sessions import IST

_STATUSES = {
    **{status.value: status for status in BrokerStatus if status.is_terminal},
    "OPEN": BrokerStatus.OPEN,
    "TRIGGER PENDING": BrokerStatus.WAITING,
}

_MOST_DIGITS = 18
"""Before the decimal point: more than any sum of rupees has."""

Row = Mapping[str, Any]


def rows_in(data: Any, what: str) -> list[Row]:
    """`data` as a list of rows. Raises BrokerUnavailable when it is anything else."""
    if isinstance(data, list) and all(isinstance(row, dict) for row in data):
        return data
    raise BrokerUnavailable(f"Kite's {what} are not a list of rows")


def fields_in(data: Any, what: str) -> Row:
    """`data` as one row. Raises BrokerUnavailable when it is anything else."""
    if isinstance(data, dict):
        return data
    raise BrokerUnavailable(f"Kite's {what} is not a row")


def tags_of(row: Row) -> frozenset[str]:
    """The caller's own tag stands in `tag`, in `tags` among the system's, or in both."""
    listed = row.get("tags")
    tags = [*(listed if isinstance(listed, list) else []), row.get("tag")]
    return frozenset(tag for tag in tags if isinstance(tag, str) and tag)


def order_of(row: Row) -> OrderRow:
    """One row of the order book or of an order's history."""
    status = text_of(row, "status").strip().upper()
    message = row.get("status_message")
    side = required_of(row, "transaction_type")
    if side not in {Side.BUY, Side.SELL}:
        raise BrokerUnavailable(f"Kite shows an order with transaction_type {side!r}")
    return OrderRow(
        broker_order_id=required_of(row, "order_id"),
        tags=tags_of(row),
        exchange=text_of(row, "exchange"),
        symbol=text_of(row, "tradingsymbol"),
        side=Side(side),
        product=text_of(row, "product"),
        quantity=integer_of(row, "quantity"),
        filled_quantity=integer_of(row, "filled_quantity"),
        average_price=decimal_of(row, "average_price"),
        status=_STATUSES.get(status, BrokerStatus.WORKING),
        status_text=status,
        message=message if isinstance(message, str) else None,
        raw=dict(row),
        changed_at=instant_in(row, ("exchange_update_timestamp",)),
    )


def readable_orders(rows: Iterable[Row]) -> Iterator[OrderRow]:
    """Rows of orders that are not ours, as far as they can be understood: one that cannot proves nothing, and must not
    keep ours from being read."""
    for row in rows:
        with suppress(BrokerUnavailable):
            yield order_of(row)


def fill_of(row: Row) -> Fill:
    """One row of the trade book."""
    return Fill(
        trade_id=required_of(row, "trade_id"),
        broker_order_id=required_of(row, "order_id"),
        exchange=text_of(row, "exchange"),
        quantity=integer_of(row, "quantity"),
        price=decimal_of(row, "average_price"),
        filled_at=instant_in(row, ("fill_timestamp", "exchange_timestamp")),
    )


def holding_of(row: Row) -> Holding:
    """One row of the net positions."""
    return Holding(
        exchange=text_of(row, "exchange"),
        symbol=required_of(row, "tradingsymbol"),
        product=text_of(row, "product"),
        quantity=integer_of(row, "quantity"),
        average_price=decimal_of(row, "average_price"),
        last_price=decimal_of(row, "last_price"),
    )


def margins_of(equity: Row) -> Margins:
    """The equity segment's funds."""
    return Margins(
        net=decimal_of(equity, "net"),
        cash=decimal_of(fields_in(equity.get("available", {}), "available funds"), "cash"),
        utilised=decimal_of(fields_in(equity.get("utilised", {}), "used funds"), "debits"),
    )


def text_of(row: Row, name: str) -> str:
    """A text; empty when missing."""
    value = row.get(name)
    return "" if value is None else str(value)


def required_of(row: Row, name: str) -> str:
    """A text without which the row means nothing. Raises BrokerUnavailable when it is missing."""
    if value := text_of(row, name):
        return value
    raise BrokerUnavailable(f"Kite shows a row without {name}")


def decimal_of(row: Row, name: str) -> Decimal:
    """A number, as text or not; 0 when missing. Raises BrokerUnavailable when it is no number, or one so large that
    nothing can be computed with it."""
    value = row.get(name)
    try:
        number = Decimal(0) if value is None else Decimal(str(value))
    except InvalidOperation as error:
        raise BrokerUnavailable(f"Kite shows {name} {str(value)[:40]!r}") from error
    if not number.is_finite() or number.adjusted() > _MOST_DIGITS:
        raise BrokerUnavailable(f"Kite shows {name} {str(value)[:40]!r}")
    return number


def integer_of(row: Row, name: str) -> int:
    """A whole number; 0 when missing. Raises BrokerUnavailable when it is none."""
    number = decimal_of(row, name)
    if abs(number) > 10**15 or number != int(number):
        raise BrokerUnavailable(f"Kite shows {name} {str(number)[:40]}, not a whole number in reach")
    return int(number)


def instant_in(row: Row, names: Iterable[str]) -> datetime | None:
    """The first readable time stamp. Kite's are naive and in IST (Kite Connect documentation)."""
    for name in names:
        try:
            naive = datetime.strptime(text_of(row, name), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
            return naive.replace(tzinfo=IST).astimezone(UTC)
        except (ValueError, OverflowError):
            # The latter: the first morning of the year 1 in IST is no moment of UTC.
            continue
    return None
