"""Market protection: a market order is a limit order at a price some percent through the last trade.

Kite answers with LIMIT, the protection price and the tags `mktp`, `mktp:<percent>` (Kite Connect mocks, orders).
The automatic bands are figures of the simulator; the broker does not publish its own.
"""

import math

from exchange_simulator.engine.market import Market
from exchange_simulator.engine.matching import Side
from exchange_simulator.engine.orders import Order

AUTOMATIC = -1
_AUTOMATIC_PERCENT = 2.0
_AUTOMATIC_OPTION_PERCENT = 10.0


def protection_price(side: Side, market: Market, percent: float) -> int:
    """The worst price at which a protected order may trade: on the tick, inside the circuit limits."""
    tick = market.instrument.tick
    if side == "BUY":
        return market.clamp(math.floor(market.last * (1 + percent / 100) / tick) * tick)
    return market.clamp(math.ceil(market.last * (1 - percent / 100) / tick) * tick)


def protect(order: Order, market: Market) -> None:
    """Turn a MARKET order, or an SL-M order that has just triggered, into LIMIT at its protection price."""
    percent = order.market_protection
    if percent == AUTOMATIC:
        percent = _AUTOMATIC_OPTION_PERCENT if order.instrument.is_option else _AUTOMATIC_PERCENT
    order.price = protection_price(order.side, market, percent)
    order.order_type = "LIMIT"
    order.market_protection = 0
    order.system_tags = (*order.system_tags, "mktp", f"mktp:{percent:.2f}")
