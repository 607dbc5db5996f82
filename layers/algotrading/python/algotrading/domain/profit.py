"""Profit and loss of cycles, before and after charges, from what was executed.

A cycle's buys and sells are matched at their average prices. What is matched is realised; what is still held is open
and worth what a mark, the latest traded price, says. Where there is no mark, or where shares left a cycle by another
way than its own orders, the result is not known, and every sum says how many such results are missing from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from algotrading.domain.charges import NO_CHARGES, Charges, ChargeSegment, charges_of_order, segment_of, to_paisa
from algotrading.domain.cycle import Cycle, Intent
from algotrading.domain.orders import Fill, Side

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Execution:
    """What one order did: its filled quantity, and the rupees that quantity was traded for."""

    side: Side
    quantity: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class Profit:
    """The result of one cycle, or the sum of several. Rupees, to the paisa."""

    realised: Decimal = _ZERO
    """Sells minus buys of the matched quantity, before charges."""
    open_known: Decimal = _ZERO
    """What the open positions with a mark would bring more than they cost, before charges; see `open`."""
    charges: Charges = NO_CHARGES
    """Of all orders so far; what closing open positions will cost is not in it."""
    unmarked: int = 0
    """Open positions without a mark: their result is in no figure here."""
    unpriced: int = 0
    """Cycles of which shares went otherwise than through our orders, at a price that we do not know."""

    @property
    def open(self) -> Decimal | None:
        """Open profit before charges; None while a position has no mark."""
        return None if self.unmarked else self.open_known

    @property
    def net_realised(self) -> Decimal:
        """Realised profit after all charges so far, as far as it is known (`unpriced`)."""
        return self.realised - self.charges.total

    @property
    def net_known(self) -> Decimal:
        """Realised and open profit after charges, as far as they are known (`unmarked`, `unpriced`)."""
        return self.net_realised + self.open_known

    @property
    def net(self) -> Decimal | None:
        """Realised and open profit after charges; None when a part of it is not known."""
        return None if self.unmarked or self.unpriced else self.net_known

    def __add__(self, other: Profit) -> Profit:
        return Profit(
            realised=self.realised + other.realised,
            open_known=self.open_known + other.open_known,
            charges=self.charges + other.charges,
            unmarked=self.unmarked + other.unmarked,
            unpriced=self.unpriced + other.unpriced,
        )


def profit_of(cycle: Cycle, mark: Decimal | None, fills: Iterable[Fill] = ()) -> Profit:
    """The result of one cycle. `mark` is the instrument's price now, None when nobody knows one. `fills` may be
    those of many cycles; an order whose fills are not among them counts at its intent's average price.

    Raises:
        ValueError: the rates of the cycle's trading day are not known.
    """
    done = executions(cycle, fills)
    buys, sells = _of(done, Side.BUY), _of(done, Side.SELL)
    bought, sold = _quantity(buys), _quantity(sells)
    matched = min(bought, sold)
    cost, proceeds = _share(_value(buys), matched, bought), _share(_value(sells), matched, sold)
    left = bought - sold
    held = max(left - cycle.closed_outside, 0) if left > 0 else left
    profit = Profit(
        realised=to_paisa(proceeds - cost),
        charges=_charges(cycle, done, matched),
        unpriced=1 if left > 0 and cycle.closed_outside else 0,
    )
    if held == 0:
        return profit
    if mark is None:
        return profit + Profit(unmarked=1)
    opened = _share(_value(buys), held, bought) if held > 0 else -_share(_value(sells), -held, sold)
    return profit + Profit(open_known=to_paisa(mark * held - opened))


def executions(cycle: Cycle, fills: Iterable[Fill] = ()) -> tuple[Execution, ...]:
    """What each order of the cycle did, oldest first, orders without fills left out. Prices are those of `fills`; a
    quantity that the order book shows and no fill explains counts at the order's average price."""
    by_order: dict[str, list[Fill]] = {}
    for fill in fills:
        by_order.setdefault(fill.broker_order_id, []).append(fill)
    found = (_execution(intent, by_order.get(intent.broker_order_id or "", [])) for intent in cycle.intents)
    return tuple(one for one in found if one.quantity > 0)


def total(profits: Iterable[Profit]) -> Profit:
    """The sum; nothing at all when there are none."""
    return sum(profits, Profit())


def week_of(day: date) -> date:
    """The Monday of the trading week, Monday to Sunday in India, that a trading day belongs to."""
    return day - timedelta(days=day.weekday())


def by_day(profits: Iterable[tuple[date, Profit]]) -> Mapping[date, Profit]:
    """Results of cycles, each with its trading day, summed by day."""
    sums: dict[date, Profit] = {}
    for day, profit in profits:
        sums[day] = sums.get(day, Profit()) + profit
    return sums


def by_week(profits: Iterable[tuple[date, Profit]]) -> Mapping[date, Profit]:
    """Results of cycles, each with its trading day, summed by the Monday of their week."""
    return by_day((week_of(day), profit) for day, profit in profits)


# --- one order ------------------------------------------------------------------------------------


def _execution(intent: Intent, fills: Sequence[Fill]) -> Execution:
    explained = sum(fill.quantity for fill in fills)
    value = sum((fill.price * fill.quantity for fill in fills), _ZERO)
    unexplained = max(intent.filled - explained, 0)
    return Execution(intent.side, explained + unexplained, value + unexplained * intent.average_price)


def _charges(cycle: Cycle, done: Sequence[Execution], matched: int) -> Charges:
    plan = cycle.plan
    segment = segment_of(plan.exchange, plan.symbol, plan.product)
    charges = NO_CHARGES
    for execution in done:
        if segment is not ChargeSegment.DELIVERY:
            charges += charges_of_order(cycle.trading_day, segment, execution.side, execution.value)
            continue
        # Equity that is sold on the day it was bought is never delivered, and is charged as intraday.
        intraday = _share(execution.value, matched, _quantity(_of(done, execution.side)))
        for kind, value in ((ChargeSegment.INTRADAY, intraday), (segment, execution.value - intraday)):
            charges += charges_of_order(cycle.trading_day, kind, execution.side, value)
    return charges


def _of(done: Sequence[Execution], side: Side) -> list[Execution]:
    return [execution for execution in done if execution.side is side]


def _quantity(done: Sequence[Execution]) -> int:
    return sum(execution.quantity for execution in done)


def _value(done: Sequence[Execution]) -> Decimal:
    return sum((execution.value for execution in done), _ZERO)


def _share(value: Decimal, part: int, whole: int) -> Decimal:
    return _ZERO if whole == 0 or part == 0 else value if part == whole else value * part / whole
