"""Money of one account: cash, what orders and positions tie up, and what is left to trade with."""

from collections.abc import Iterable
from dataclasses import dataclass

from exchange_simulator.engine.margins import Margin, margin_for
from exchange_simulator.engine.matching import Side
from exchange_simulator.engine.orders import Order
from exchange_simulator.engine.portfolio import Portfolio

_SALE_CREDIT_PERCENT = 80
"""Share of a holdings sale that can be traded with on the same day."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What ties up money, in paise."""

    positions: Margin
    orders: int
    realised: int
    sale_credit: int

    def available(self, cash: int) -> int:
        """Money left to trade with."""
        return cash + self.realised + self.sale_credit - self.positions.total - self.orders


def position_margin(portfolio: Portfolio) -> Margin:
    """Margin of all open positions, at cost. A sale out of holdings ties up nothing."""
    parts = [
        margin_for(p.instrument, p.product, "BUY" if p.quantity > 0 else "SELL", abs(p.quantity), round(abs(p.average)))
        for p in portfolio.positions.values()
        if p.quantity
    ]
    return Margin(
        span=sum(part.span for part in parts),
        exposure=sum(part.exposure for part in parts),
        option_premium=sum(part.option_premium for part in parts),
        var=sum(part.var for part in parts),
    )


def usage(portfolio: Portfolio, open_orders: Iterable[Order]) -> Usage:
    """Everything that ties up or frees money now."""
    return Usage(
        positions=position_margin(portfolio),
        orders=blocked_by_orders(portfolio, open_orders),
        realised=sum(p.realised for p in portfolio.positions.values() if not _is_delivery_sale(p.product, p.quantity)),
        sale_credit=portfolio.holding_sale_value * _SALE_CREDIT_PERCENT // 100,
    )


def blocked_by_orders(portfolio: Portfolio, orders: Iterable[Order]) -> int:
    """Margin of the open orders, oldest first; quantity that only closes a position needs none."""
    closable = {key: position.quantity for key, position in portfolio.positions.items()}
    blocked = 0
    for order in orders:
        key = (order.instrument.key, order.product)
        opening, closable[key] = _split_opening(order.side, order.pending, closable.get(key, 0))
        blocked += margin_for(order.instrument, order.product, order.side, opening, margin_price(order)).total
    return blocked


def opening_quantity(
    portfolio: Portfolio, orders: Iterable[Order], key: tuple[str, str], side: Side, quantity: int
) -> int:
    """How much of one more order would open exposure behind the open orders, oldest first. `key` is the instrument's
    and the product."""
    position = portfolio.positions.get(key)
    closable = position.quantity if position else 0
    for order in orders:
        if (order.instrument.key, order.product) == key:
            _, closable = _split_opening(order.side, order.pending, closable)
    return _split_opening(side, quantity, closable)[0]


def margin_price(order: Order) -> int:
    """The price an order's margin is computed at: its limit, else its trigger, else the previous close."""
    return order.price or order.trigger_price or order.instrument.reference


def _split_opening(side: Side, quantity: int, closable: int) -> tuple[int, int]:
    """(quantity that opens exposure, signed quantity still closable by later orders)."""
    against = -closable if side == "BUY" else closable
    closing = min(quantity, max(against, 0))
    return quantity - closing, closable + (closing if side == "BUY" else -closing)


def _is_delivery_sale(product: str, quantity: int) -> bool:
    return product == "CNC" and quantity < 0
