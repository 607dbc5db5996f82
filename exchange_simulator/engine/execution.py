"""Carries orders through the matching engine: fills, trades, triggers and the status changes they cause."""

import itertools
from collections.abc import Callable

from exchange_simulator.clock import Clock
from exchange_simulator.engine import orders as states
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.ids import IdSource
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.matching import BookOrder, Fill
from exchange_simulator.engine.orders import Order, Trade
from exchange_simulator.engine.protection import protect

OrderListener = Callable[[Order, str], None]
"""Called with an order and the status its update carries (UPDATE for a partial fill or a modification)."""
MarketListener = Callable[[Market], None]


class Execution:
    """Everything that happens to orders after the exchange has them."""

    def __init__(self, clock: Clock, ids: IdSource) -> None:
        self._clock = clock
        self._ids = ids
        self._sequence = itertools.count()
        self._live: dict[str, tuple[Order, TradingAccount]] = {}
        self._stops: dict[int, dict[str, Order]] = {}
        self._markets: dict[int, Market] = {}
        self.order_listeners: list[OrderListener] = []
        self.finish_listeners: list[Callable[[Order, TradingAccount], None]] = []
        self.market_listeners: list[MarketListener] = []

    def notify(self, order: Order, event: str) -> None:
        """Tell the listeners about an order."""
        for listener in self.order_listeners:
            listener(order, event)

    def live_tokens(self) -> set[int]:
        """Tokens of the instruments in which any order works."""
        return {order.instrument.token for order, _ in self._live.values()}

    def enter(self, order: Order, account: TradingAccount, market: Market, allowance: int | None = None) -> None:
        """Open an order in the book and match it; an IOC remainder is cancelled at once."""
        self._live[order.order_id] = (order, account)
        self._markets[market.instrument.token] = market
        order.become(states.OPEN, self._clock.now_ns())
        self._match(order, market, allowance)
        self._fire_stops(market)

    def arm(self, order: Order, account: TradingAccount, market: Market) -> None:
        """Let a stop order wait for its trigger price."""
        self._live[order.order_id] = (order, account)
        self._markets[market.instrument.token] = market
        order.become(states.TRIGGER_PENDING, self._clock.now_ns())
        self._stops.setdefault(market.instrument.token, {})[order.order_id] = order
        self._fire_stops(market)

    def withdraw(self, order: Order) -> None:
        """Take an order out of the book or out of the armed stops, leaving its status alone."""
        token = order.instrument.token
        self._stops.get(token, {}).pop(order.order_id, None)
        market = self._markets.get(token)
        if market is not None:
            market.book.withdraw(order.order_id)
        self._live.pop(order.order_id, None)

    def finish(self, order: Order, account: TradingAccount, status: str, message: str | None = None) -> None:
        """End an order without a fill: cancelled or rejected."""
        self.withdraw(order)
        if status == states.CANCELLED:
            order.cancelled = order.quantity - order.filled
        order.become(status, self._clock.now_ns(), message)
        self._ended(order, account, status)

    def reject(self, order: Order, account: TradingAccount, message: str, raw: str) -> None:
        """End an order with the reason of a rejection."""
        order.status_message_raw = raw
        order.become(states.REJECTED, self._clock.now_ns(), message, raw)
        self._ended(order, account, states.REJECTED)

    def price_moved(self, market: Market, fills: list[Fill]) -> None:
        """Account for what a move of the market executed, and fire the stops it reached."""
        self._apply(market, fills, print_trades=False)
        self._fire_stops(market)
        self._publish(market)

    def force_fill(self, order: Order, account: TradingAccount, market: Market) -> None:
        """Execute the rest of an order at its own price, off the tape, whatever the book says."""
        self.withdraw(order)
        self._live[order.order_id] = (order, account)
        fill = Fill(order.order_id, order.price or market.last, order.quantity - order.filled)
        self._apply(market, [fill], print_trades=False)

    def release(self, order: Order, market: Market) -> None:
        """Lift the limit on how much of a resting order may trade and match it again."""
        resting = market.book.withdraw(order.order_id)
        if resting is not None:
            resting.allowance = None
            self._apply(market, market.book.submit(resting))
            self._publish(market)

    def _match(self, order: Order, market: Market, allowance: int | None = None) -> None:
        entry = BookOrder(
            order_id=order.order_id,
            owner=order.user_id,
            side=order.side,
            price=order.price,
            quantity=order.pending,
            sequence=next(self._sequence),
            allowance=allowance,
        )
        self._apply(market, market.book.submit(entry))
        if order.validity == "IOC" and order.is_open:
            self.finish(order, self._live[order.order_id][1], states.CANCELLED)
        self._publish(market)

    def _apply(self, market: Market, fills: list[Fill], *, print_trades: bool = True) -> None:
        for fill in fills:
            order, account = self._live[fill.order_id]
            now = self._clock.now_ns()
            trade = Trade(
                trade_id=self._ids.trade_id(),
                order_id=order.order_id,
                exchange_order_id=order.exchange_order_id or "",
                user_id=order.user_id,
                instrument=order.instrument,
                product=order.product,
                side=order.side,
                price=fill.price,
                quantity=fill.quantity,
                at_ns=now,
            )
            account.trades.append(trade)
            account.portfolio.apply(order.instrument, order.product, order.side, fill.quantity, fill.price)
            order.filled += fill.quantity
            order.filled_value += fill.quantity * fill.price
            order.exchange_ns = now
            if print_trades and fill.prints:
                market.record_trade(fill.price, fill.quantity, now)
            self._after_fill(order, account, now)

    def _after_fill(self, order: Order, account: TradingAccount, now: int) -> None:
        if order.filled < order.quantity:
            order.record(now)
            self.notify(order, "UPDATE")
            return
        order.become(states.COMPLETE, now)
        del self._live[order.order_id]
        self._ended(order, account, states.COMPLETE)

    def _ended(self, order: Order, account: TradingAccount, status: str) -> None:
        account.working.pop(order.order_id, None)
        self.notify(order, status)
        for listener in self.finish_listeners:
            listener(order, account)

    def _fire_stops(self, market: Market) -> None:
        """Fire every armed stop that the last price has reached; their own trades may reach further stops."""
        armed = self._stops.get(market.instrument.token)
        while armed:
            order = next((stop for stop in armed.values() if _is_reached(stop, market.last)), None)
            if order is None:
                return
            del armed[order.order_id]
            if order.order_type == "SL-M":
                protect(order, market)
            order.become(states.OPEN, self._clock.now_ns())
            self.notify(order, "UPDATE")
            self._match(order, market)

    def _publish(self, market: Market) -> None:
        for listener in self.market_listeners:
            listener(market)


def _is_reached(stop: Order, last: int) -> bool:
    return last >= stop.trigger_price if stop.side == "BUY" else last <= stop.trigger_price
