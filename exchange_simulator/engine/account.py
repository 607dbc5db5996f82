"""A trading account: its money, portfolio, and today's orders and trades."""

from dataclasses import dataclass, field

from exchange_simulator.engine.funds import Usage, usage
from exchange_simulator.engine.orders import Order, Trade
from exchange_simulator.engine.portfolio import Portfolio


@dataclass(slots=True)
class TradingAccount:
    """Cash is paise. `refuse_at_api` answers a lack of funds with HTTP 400 instead of a REJECTED row."""

    user_id: str
    cash: int
    refuse_at_api: bool = False
    portfolio: Portfolio = field(default_factory=Portfolio)
    orders: dict[str, Order] = field(default_factory=dict)
    working: dict[str, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)

    def usage(self) -> Usage:
        """What ties up money now."""
        return usage(self.portfolio, self.working.values())

    def available(self) -> int:
        """Money left to trade with, in paise."""
        return self.usage().available(self.cash)

    def shortfall(self, order: Order) -> tuple[int, int] | None:
        """(required, available) when the money left by earlier orders does not cover this one, else None."""
        earlier: list[Order] = []
        for other in self.working.values():
            if other.order_id == order.order_id:
                break
            earlier.append(other)
        before = usage(self.portfolio, earlier).available(self.cash)
        required = before - usage(self.portfolio, [*earlier, order]).available(self.cash)
        return (required, before) if required > max(before, 0) else None

    def lacks_shares(self, order: Order) -> bool:
        """Whether a delivery sale exceeds what earlier sales leave to deliver."""
        if order.product != "CNC" or order.side != "SELL":
            return False
        pledged = sum(
            other.pending
            for other in self.working.values()
            if other is not order
            and (other.product, other.side, other.instrument.key) == ("CNC", "SELL", order.instrument.key)
        )
        return order.pending > self.portfolio.sellable(order.instrument) - pledged

    def add(self, order: Order) -> None:
        """Take a new order into the day's book."""
        self.orders[order.order_id] = order
        self.working[order.order_id] = order

    def roll_day(self) -> None:
        """Wipe the day's books and settle positions."""
        self.cash += self.portfolio.roll_day()
        self.orders.clear()
        self.working.clear()
        self.trades.clear()
