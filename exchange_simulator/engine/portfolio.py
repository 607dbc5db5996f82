"""Positions and holdings of one account."""

from dataclasses import dataclass

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.matching import Side


@dataclass(slots=True)
class Position:
    """Net exposure in one instrument under one product. Quantities are signed; money is paise.

    `cost` is what the open quantity was bought (positive) or sold (negative) for.
    """

    instrument: Instrument
    product: str
    overnight_quantity: int = 0
    overnight_price: int = 0
    quantity: int = 0
    cost: int = 0
    realised: int = 0
    day_buy_quantity: int = 0
    day_buy_value: int = 0
    day_sell_quantity: int = 0
    day_sell_value: int = 0

    @property
    def average(self) -> float:
        """Average price in paise of the open quantity, 0 when flat."""
        return self.cost / self.quantity if self.quantity else 0.0

    def apply(self, side: Side, quantity: int, price: int) -> None:
        """Account for a trade of today."""
        if side == "BUY":
            self.day_buy_quantity += quantity
            self.day_buy_value += quantity * price
        else:
            self.day_sell_quantity += quantity
            self.day_sell_value += quantity * price
        self._shift(quantity if side == "BUY" else -quantity, price)

    def _shift(self, signed: int, price: int) -> None:
        closing = min(abs(signed), abs(self.quantity)) if signed * self.quantity < 0 else 0
        if closing:
            direction = 1 if self.quantity > 0 else -1
            cost = self.cost * closing // abs(self.quantity)
            self.realised += direction * closing * price - cost
            self.quantity -= direction * closing
            self.cost -= cost
            signed += direction * closing
        self.quantity += signed
        self.cost += signed * price


@dataclass(slots=True)
class Holding:
    """Shares in the demat account. `t1_quantity` was bought yesterday and is not settled yet."""

    instrument: Instrument
    quantity: int
    average: int
    t1_quantity: int = 0
    used_quantity: int = 0
    authorised_quantity: int = 0

    @property
    def sellable(self) -> int:
        """What may still be sold today."""
        return self.quantity + self.t1_quantity - self.used_quantity


class Portfolio:
    """Everything one account owns or owes."""

    def __init__(self) -> None:
        self.positions: dict[tuple[str, str], Position] = {}
        self.holdings: dict[str, Holding] = {}
        self.holding_sale_value = 0

    def position(self, instrument: Instrument, product: str) -> Position:
        """The position, created flat when there is none."""
        key = (instrument.key, product)
        if key not in self.positions:
            self.positions[key] = Position(instrument, product)
        return self.positions[key]

    def net_quantity(self, instrument: Instrument, product: str) -> int:
        """Signed open quantity."""
        position = self.positions.get((instrument.key, product))
        return position.quantity if position else 0

    def sellable(self, instrument: Instrument) -> int:
        """Shares that a CNC sale can deliver: today's purchases and unused holdings."""
        holding = self.holdings.get(instrument.key)
        return max(self.net_quantity(instrument, "CNC"), 0) + (holding.sellable if holding else 0)

    def apply(self, instrument: Instrument, product: str, side: Side, quantity: int, price: int) -> None:
        """Account for a trade; a CNC sale beyond today's purchases uses holdings."""
        position = self.position(instrument, product)
        if product == "CNC" and side == "SELL":
            held = self.holdings.get(instrument.key)
            from_holdings = max(quantity - max(position.quantity, 0), 0)
            if held is not None and from_holdings:
                held.used_quantity += from_holdings
                self.holding_sale_value += from_holdings * price
        position.apply(side, quantity, price)

    def convert(self, instrument: Instrument, side: Side, quantity: int, old: str, new: str) -> bool:
        """Move open quantity to another product at its average price; False when there is not that much."""
        source = self.position(instrument, old)
        signed = quantity if side == "BUY" else -quantity
        if quantity <= 0 or signed * source.quantity <= 0 or quantity > abs(source.quantity):
            return False
        average = round(source.average)
        source.apply("SELL" if side == "BUY" else "BUY", quantity, average)
        self.position(instrument, new).apply(side, quantity, average)
        return True

    def roll_day(self) -> int:
        """Settle the day and return what it adds to the cash, in paise.

        CNC purchases become holdings, other open positions are carried, flat ones vanish.
        """
        settled = sum(position.realised for position in self.positions.values())
        settled -= sum(position.cost for position in self.positions.values() if position.product == "CNC")
        for holding in self.holdings.values():
            holding.quantity += holding.t1_quantity - holding.used_quantity
            holding.t1_quantity = holding.used_quantity = holding.authorised_quantity = 0
        for key, position in list(self.positions.items()):
            if position.product == "CNC" and position.quantity > 0:
                self._deliver(position)
            if position.product == "CNC" or position.quantity == 0:
                del self.positions[key]
            else:
                self.positions[key] = _carried(position)
        self.holdings = {key: held for key, held in self.holdings.items() if held.quantity + held.t1_quantity > 0}
        self.holding_sale_value = 0
        return settled

    def _deliver(self, position: Position) -> None:
        held = self.holdings.setdefault(position.instrument.key, Holding(position.instrument, 0, 0))
        before = held.quantity + held.t1_quantity
        held.average = (held.average * before + position.cost) // (before + position.quantity)
        held.t1_quantity += position.quantity


def _carried(position: Position) -> Position:
    return Position(
        instrument=position.instrument,
        product=position.product,
        overnight_quantity=position.quantity,
        overnight_price=round(position.average),
        quantity=position.quantity,
        cost=position.cost,
    )
