"""Whether nothing of ours is held any more, by our record, the broker's order book and its positions together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from algotrading.domain.cycle import Cycle
from algotrading.domain.orders import BookReading, Holding, OrderRow, Side

InstrumentKey = tuple[str, str, str]
"""Exchange, symbol and product: the broker keeps one net position for each."""


@dataclass(frozen=True, slots=True)
class ForeignPosition:
    """Held at the broker in an instrument that we traded, and none of ours."""

    exchange: str
    symbol: str
    product: str
    quantity: int


@dataclass(frozen=True, slots=True)
class FlatProof:
    """The broker's own book and positions show that nothing of ours is held."""

    at: datetime
    milliseconds: int
    """From the lock to this proof."""
    foreign: tuple[ForeignPosition, ...] = ()


@dataclass(frozen=True, slots=True)
class NothingPlaced:
    """No order of ours was written on the day of the lock and our record holds nothing open. The broker was not asked,
    so nothing is claimed about what it holds."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison found: `why_not` is None when nothing of ours is held."""

    why_not: str | None
    foreign: tuple[ForeignPosition, ...] = ()


def judge_flat(cycles: Sequence[Cycle], reading: BookReading, positions: Iterable[Holding]) -> Verdict:
    """Compare what our cycles of a day traded with the broker's rows of our tags and with its net positions.

    Our record and the book have to agree about what we bought and sold. Where they say that we hold nothing, a
    position that is left is the trader's own. Where shares of ours are believed to have been sold by hand, a
    position that is left contradicts that.
    """
    recorded: defaultdict[InstrumentKey, int] = defaultdict(int)
    outside: defaultdict[InstrumentKey, int] = defaultdict(int)
    for cycle in cycles:
        key = (cycle.plan.exchange, cycle.plan.symbol, str(cycle.plan.product))
        recorded[key] += cycle.bought - cycle.sold
        outside[key] += cycle.closed_outside
    tags = {intent.tag for cycle in cycles for intent in cycle.intents}
    booked = _net_of([row for row in reading.rows if row.tags & tags])
    held = dict.fromkeys(recorded, 0)
    for position in positions:
        key = (position.exchange, position.symbol, str(position.product))
        if key in held:
            held[key] += position.quantity
    for key, net in recorded.items():
        exchange, symbol, _ = key
        if net != outside[key]:
            return Verdict(f"{exchange}:{symbol}: our record holds {net - outside[key]}")
        if booked[key] != net:
            return Verdict(
                f"{exchange}:{symbol}: the broker's book shows {booked[key]} of our orders, our record {net}"
            )
        if outside[key] and held[key] > 0:
            return Verdict(f"{exchange}:{symbol}: {held[key]} are held that were believed to be sold by hand")
    return Verdict(None, tuple(ForeignPosition(*key, quantity) for key, quantity in held.items() if quantity))


def _net_of(rows: Iterable[OrderRow]) -> defaultdict[InstrumentKey, int]:
    net: defaultdict[InstrumentKey, int] = defaultdict(int)
    for row in rows:
        sign = 1 if row.side is Side.BUY else -1
        net[row.exchange, row.symbol, str(row.product)] += sign * row.filled_quantity
    return net
