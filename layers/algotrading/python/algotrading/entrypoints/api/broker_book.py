"""How a kept book is shown to its owner."""

from __future__ import annotations

from algotrading.contracts.api_broker import BookAnswer, BookOrder, BookPosition, BookTrade
from algotrading.domain.orders import OrderRow
from algotrading.services.broker_books import KeptBook


def book_answer(kept: KeptBook) -> BookAnswer:
    """The whole of it."""
    book = kept.snapshot.book
    return BookAnswer(
        day=kept.snapshot.trading_day,
        taken_at=book.begun_at,
        orders=[_order(row, is_ours=bool(row.tags & kept.our_tags)) for row in book.rows],
        trades=[
            BookTrade(
                trade_id=fill.trade_id,
                order_id=fill.broker_order_id,
                exchange=fill.exchange,
                quantity=fill.quantity,
                price=fill.price,
                filled_at=fill.filled_at,
            )
            for fill in book.fills
        ],
        positions=[
            BookPosition(
                exchange=held.exchange,
                symbol=held.symbol,
                product=held.product,
                quantity=held.quantity,
                average_price=held.average_price,
                last_price=held.last_price,
            )
            for held in book.positions
        ],
    )


def _order(row: OrderRow, *, is_ours: bool) -> BookOrder:
    return BookOrder(
        order_id=row.broker_order_id,
        exchange=row.exchange,
        symbol=row.symbol,
        side=row.side,
        product=row.product,
        quantity=row.quantity,
        filled_quantity=row.filled_quantity,
        average_price=row.average_price,
        status=row.status_text,
        message=row.message,
        ours=is_ours,
    )
