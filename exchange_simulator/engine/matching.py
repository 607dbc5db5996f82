"""The order book of one instrument: price priority, then time priority, against users and against the house.

The house is everybody else in the market: up to five levels of finite quantity on each side, replaced whenever the
price moves. At an equal price users go before the house, because the house re-enters its quantity all the time.
A trade is always at the price of the side that was there first.
"""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Side = Literal["BUY", "SELL"]


def opposite(side: Side) -> Side:
    """The other side."""
    return "SELL" if side == "BUY" else "BUY"


@dataclass(slots=True)
class BookOrder:
    """A limit order's life inside the book. `quantity` is what remains."""

    order_id: str
    owner: str
    side: Side
    price: int
    quantity: int
    sequence: int
    allowance: int | None = None
    """At most this much may still trade, as if the rest of the market had gone; None for no such limit."""

    @property
    def tradable(self) -> int:
        """Quantity that may trade now."""
        return self.quantity if self.allowance is None else min(self.quantity, self.allowance)

    def accepts(self, price: int) -> bool:
        """Whether a trade at this price keeps to the limit."""
        return price <= self.price if self.side == "BUY" else price >= self.price

    def take(self, quantity: int) -> None:
        """Account for a trade."""
        self.quantity -= quantity
        if self.allowance is not None:
            self.allowance -= quantity


@dataclass(slots=True)
class Level:
    """One visible price level."""

    price: int
    quantity: int
    orders: int = 1


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one user's order; `counterparty` is the other user's order id, None for the house.

    Of the two fills of a trade between users only the taker's `prints` on the tape.
    """

    order_id: str
    price: int
    quantity: int
    counterparty: str | None = None
    prints: bool = True


@dataclass(slots=True)
class Depth:
    """Levels of both sides, best first."""

    buy: list[Level] = field(default_factory=list)
    sell: list[Level] = field(default_factory=list)


class OrderBook:
    """Resting orders and house liquidity of one instrument."""

    def __init__(self) -> None:
        self._resting: dict[Side, list[BookOrder]] = {"BUY": [], "SELL": []}
        self._house: dict[Side, list[Level]] = {"BUY": [], "SELL": []}
        self._index: dict[str, BookOrder] = {}

    def submit(self, order: BookOrder) -> list[Fill]:
        """Match an incoming order; what is left rests in the book."""
        fills = list(self._sweep(order))
        if order.quantity > 0:
            insort(self._resting[order.side], order, key=_priority)
            self._index[order.order_id] = order
        return fills

    def withdraw(self, order_id: str) -> BookOrder | None:
        """Take an order out of the book; None when it no longer rests there."""
        order = self._index.pop(order_id, None)
        if order is not None:
            self._resting[order.side].remove(order)
        return order

    def resting(self, order_id: str) -> BookOrder | None:
        """A resting order by id."""
        return self._index.get(order_id)

    def refresh_house(self, depth: Depth) -> list[Fill]:
        """Replace the house's levels and execute the resting orders that the new levels reach."""
        self._house = {"BUY": depth.buy, "SELL": depth.sell}
        return [*self._hit_resting("BUY"), *self._hit_resting("SELL")]

    def depth(self, levels: int = 5) -> Depth:
        """The visible book, house and users together."""
        return Depth(buy=self._visible("BUY", levels), sell=self._visible("SELL", levels))

    def _sweep(self, taker: BookOrder) -> Iterator[Fill]:
        """Trade an incoming order against the best opposing prices within its limit."""
        side = opposite(taker.side)
        while taker.tradable > 0:
            maker = next((o for o in self._resting[side] if o.owner != taker.owner and o.tradable > 0), None)
            level = next((house for house in self._house[side] if house.quantity > 0), None)
            if maker is not None and (level is None or not _better(level.price, maker.price, side)):
                if not taker.accepts(maker.price):
                    return
                quantity = min(taker.tradable, maker.tradable)
                taker.take(quantity)
                yield Fill(taker.order_id, maker.price, quantity, maker.order_id)
                yield Fill(maker.order_id, maker.price, quantity, taker.order_id, prints=False)
                self._reduce(maker, quantity)
            elif level is not None and taker.accepts(level.price):
                quantity = min(taker.tradable, level.quantity)
                taker.take(quantity)
                level.quantity -= quantity
                yield Fill(taker.order_id, level.price, quantity)
            else:
                return

    def _hit_resting(self, side: Side) -> Iterator[Fill]:
        """Trade the house's crossing levels against resting orders, at the resting orders' own prices."""
        for maker in list(self._resting[side]):
            for level in self._house[opposite(side)]:
                quantity = min(maker.tradable, level.quantity)
                if quantity > 0 and maker.accepts(level.price):
                    level.quantity -= quantity
                    self._reduce(maker, quantity)
                    yield Fill(maker.order_id, maker.price, quantity)

    def _reduce(self, maker: BookOrder, quantity: int) -> None:
        maker.take(quantity)
        if maker.quantity == 0:
            self.withdraw(maker.order_id)

    def _visible(self, side: Side, levels: int) -> list[Level]:
        merged: dict[int, Level] = {}
        for house in self._house[side]:
            if house.quantity > 0:
                merged[house.price] = Level(house.price, house.quantity, house.orders)
        for order in self._resting[side]:
            level = merged.setdefault(order.price, Level(order.price, 0, 0))
            level.quantity += order.quantity
            level.orders += 1
        ranked = sorted(merged.values(), key=lambda level: level.price, reverse=side == "BUY")
        return ranked[:levels]


def _priority(order: BookOrder) -> tuple[int, int]:
    return (-order.price if order.side == "BUY" else order.price, order.sequence)


def _better(price: int, than: int, side: Side) -> bool:
    return price > than if side == "BUY" else price < than
