"""JSON rows of orders and trades (Kite Connect documentation, orders)."""

import hashlib
from typing import Any

from exchange_simulator.accounts import App
from exchange_simulator.clock import wire_time
from exchange_simulator.engine.orders import REJECTED, Order, Trade
from exchange_simulator.money import rupees


def order_row(order: Order) -> dict[str, Any]:
    """One line of the order book or of an order's history."""
    return {
        "account_id": order.user_id,
        "placed_by": order.user_id,
        "order_id": order.order_id,
        "exchange_order_id": order.exchange_order_id,
        "parent_order_id": order.parent_order_id,
        "status": order.status,
        "status_message": order.status_message,
        "status_message_raw": order.status_message_raw,
        "order_timestamp": wire_time(order.received_ns),
        "exchange_update_timestamp": wire_time(order.updated_ns) if order.exchange_order_id else None,
        "exchange_timestamp": wire_time(order.exchange_ns),
        "variety": order.variety,
        "modified": order.modified,
        "exchange": order.instrument.exchange,
        "tradingsymbol": order.instrument.symbol,
        "instrument_token": order.instrument.token,
        "order_type": order.order_type,
        "transaction_type": order.side,
        "validity": order.validity,
        "validity_ttl": order.validity_ttl,
        "product": order.product,
        "quantity": order.quantity,
        "disclosed_quantity": order.disclosed_quantity,
        "price": rupees(order.price),
        "trigger_price": rupees(order.trigger_price),
        "auction_number": order.auction_number,
        "average_price": round(order.filled_value / order.filled / 100, 4) if order.filled else 0,
        "filled_quantity": order.filled,
        "pending_quantity": 0 if order.status == REJECTED else order.quantity - order.filled,
        "cancelled_quantity": order.cancelled,
        "market_protection": order.market_protection,
        "meta": order.meta,
        "tag": order.tag,
        "guid": order.guid,
        **({"tags": list(order.tags)} if order.tags else {}),
    }


def trade_row(trade: Trade) -> dict[str, Any]:
    """One execution. Its `order_timestamp` is only a time of day (Kite Connect mocks, trades)."""
    at = wire_time(trade.at_ns)
    assert at is not None
    return {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "exchange_order_id": trade.exchange_order_id,
        "exchange": trade.instrument.exchange,
        "tradingsymbol": trade.instrument.symbol,
        "instrument_token": trade.instrument.token,
        "product": trade.product,
        "average_price": rupees(trade.price),
        "quantity": trade.quantity,
        "transaction_type": trade.side,
        "fill_timestamp": at,
        "order_timestamp": at[11:],
        "exchange_timestamp": at,
    }


def postback(order: Order, event: str, app: App) -> dict[str, Any]:
    """An order update as posted to the app and sent over the socket; `event` is the status it carries."""
    row = order_row(order)
    signed = f"{order.order_id}{row['order_timestamp']}{app.api_secret}"
    return {
        "user_id": app.user_id,
        "app_id": app.app_id,
        "unfilled_quantity": order.quantity - order.filled,
        "checksum": hashlib.sha256(signed.encode()).hexdigest(),
        **row,
        "status": event,
    }
