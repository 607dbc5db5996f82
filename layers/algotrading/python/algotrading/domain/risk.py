"""Whether one more entry fits under a trader's limits and locks.

Pure: what is used right now is gathered elsewhere, under a lock, in the transaction of the entry's intent
(`adapters.postgres.risk_check`). Amounts are rupees. A limit that is None does not limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from algotrading.domain.charges import to_paisa
from algotrading.domain.cycle import Cycle, Intent
from algotrading.domain.effects import Decision, SendOrder
from algotrading.domain.events import EntryDue, EntryMissed, EntryWithdrawn, Event
from algotrading.domain.limits import Breach, BreachKind, Locks, RiskLimits
from algotrading.domain.orders import Leg
from algotrading.domain.profit import profit_of, week_of
from algotrading.domain.strategy import plain_number


@dataclass(frozen=True, slots=True)
class Booked:
    """What one or more cycles have brought so far, rupees: of the quantity that was bought and sold again, and what
    all orders cost. What is still held is not in it."""

    realised: Decimal = Decimal(0)
    charges: Decimal = Decimal(0)

    def __add__(self, other: Booked) -> Booked:
        return Booked(self.realised + other.realised, self.charges + other.charges)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user has in use at one moment, without the entry that is being checked."""

    orders: int = 0
    """Orders of every kind, written down or sent within the last `limits.MINUTE`, or not answered yet; not those that
    were never sent, or that the broker's own rate limit turned away."""
    open_cycles: Sequence[Cycle] = ()
    """Cycles of any day that hold something or have an order open."""
    booked: Mapping[date, Booked] = field(default_factory=dict)
    """Of this week's days up to today; left out where no loss limit needs it."""


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """The entry that asks to pass. `price` is the last traded price, None when nobody knows one."""

    exchange: str
    symbol: str
    quantity: int
    price: Decimal | None
    trading_day: date


def new_entry(decision: Decision) -> Intent | None:
    """The entry that this decision writes down to be sent, if it does."""
    tags = {effect.tag for effect in decision.effects if isinstance(effect, SendOrder)}
    return next((i for i in decision.cycle.intents if i.tag in tags and i.leg is Leg.ENTRY), None)


def breach_of(event: Event) -> Breach | None:
    """The limit or lock that blocked an entry, where the event says so."""
    match event:
        case EntryMissed(breach=breach):
            return breach
        case EntryWithdrawn(obstacle=obstacle):
            return obstacle.breach
        case _:
            return None


def without_entry(decision: Decision, event: Event, before: Cycle) -> Decision:
    """What remains of a decision whose new entry must not be: the news that led to it, and nothing sent."""
    entry = new_entry(decision)
    if entry is None or isinstance(event, EntryDue):
        return Decision(before)
    kept = tuple(intent for intent in decision.cycle.intents if intent.tag != entry.tag)
    effects = tuple(e for e in decision.effects if not (isinstance(e, SendOrder) and e.tag == entry.tag))
    return Decision(replace(decision.cycle, intents=kept), effects)


def check_entry(
    limits: RiskLimits, locks: Locks, usage: Usage, order: EntryOrder, marks: Mapping[str, Decimal]
) -> Breach | None:
    """The first thing that stands against the entry; None when it may leave.

    `marks` are last prices by symbol. A position without one counts at what it cost. An order without a price
    cannot be held against a limit in rupees: it breaches it.
    """
    return (
        locks.breach()
        or _check_counts(limits, usage)
        or _check_values(limits, usage, order)
        or _first(loss_breaches(limits, usage, order.trading_day, marks))
    )


def loss_breaches(limits: RiskLimits, usage: Usage, day: date, marks: Mapping[str, Decimal]) -> tuple[Breach, ...]:
    """The loss limits that are reached on `day`."""
    results = results_of(usage, day, marks)
    periods = (
        (BreachKind.DAILY_LOSS, limits.daily_loss, results.day, "today's"),
        (BreachKind.WEEKLY_LOSS, limits.weekly_loss, results.week, "this week's"),
    )
    return tuple(
        Breach(kind, -result.net, limit, _loss_text(whose, -result.net, limit, results.estimated))
        for kind, limit, result, whose in periods
        if limit is not None and -result.net >= limit
    )


@dataclass(frozen=True, slots=True)
class Result:
    """Profit of a period, rupees; a loss is negative."""

    booked: Booked = Booked()
    open: Decimal = Decimal(0)
    """What is held would bring that much more than it cost, before charges."""

    @property
    def net(self) -> Decimal:
        """Realised and open, after all charges so far."""
        return self.booked.realised - self.booked.charges + self.open


@dataclass(frozen=True, slots=True)
class Results:
    """Profit of a day and of its week up to then. `estimated` names open symbols that count at what they cost,
    because their price is not known."""

    day: Result
    week: Result
    estimated: tuple[str, ...]


def booked_of(cycle: Cycle) -> Booked:
    """What the cycle has brought so far. Nothing for a day whose charges are in no table: before the table begins,
    nobody traded here."""
    try:
        profit = profit_of(cycle, None)
    except ValueError:
        return Booked()
    return Booked(profit.realised, profit.charges.total)


def results_of(usage: Usage, day: date, marks: Mapping[str, Decimal]) -> Results:
    """Profit of `day` and of its week, with what is open at its mark, or at its cost where none is known."""
    days = {on: booked for on, booked in usage.booked.items() if week_of(day) <= on <= day}
    held = [c for c in usage.open_cycles if week_of(day) <= c.trading_day <= day and c.open_quantity > 0]
    gains = [(cycle.trading_day, _open_gain(cycle, marks.get(cycle.plan.symbol))) for cycle in held]
    of_week = Result(sum(days.values(), Booked()), sum((gain for _, gain in gains), Decimal(0)))
    of_day = Result(days.get(day, Booked()), sum((gain for on, gain in gains if on == day), Decimal(0)))
    unknown = {cycle.plan.symbol for cycle in held if cycle.plan.symbol not in marks}
    return Results(of_day, of_week, tuple(sorted(unknown)))


def exposures(cycles: Sequence[Cycle], marks: Mapping[str, Decimal]) -> Mapping[tuple[str, str], tuple[int, Decimal]]:
    """Held and ordered quantity by exchange and symbol, with its value. Without a mark it counts at the
    average price; what is only ordered, and has no price at all, at its stop-loss."""
    sums: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for cycle in cycles:
        quantity = quantity_at_risk(cycle)
        price = marks.get(cycle.plan.symbol) or _average_cost(cycle) or cycle.plan.stop_loss
        key = (cycle.plan.exchange, cycle.plan.symbol)
        before, value = sums.get(key, (0, Decimal(0)))
        if quantity > 0:
            sums[key] = (before + quantity, value + quantity * price)
    return sums


@dataclass(frozen=True, slots=True)
class Held:
    """What is held in one symbol, over all strategies, and the rupees that it cost."""

    quantity: int = 0
    cost: Decimal = Decimal(0)

    @property
    def average_price(self) -> Decimal | None:
        """What one cost, to the paisa; None where nothing is held."""
        return to_paisa(self.cost / self.quantity) if self.quantity else None

    def gain(self, mark: Decimal | None) -> Decimal | None:
        """What it would bring more than it cost, before charges, to the paisa; None without a mark, or where nothing
        is held."""
        return None if mark is None or not self.quantity else to_paisa(mark * self.quantity - self.cost)


def held_of(cycles: Sequence[Cycle]) -> Mapping[tuple[str, str], Held]:
    """What is held by exchange and symbol, at the average price of each cycle's buys. What is only on order, and what
    left a position otherwise than through our orders, is not in it."""
    sums: dict[tuple[str, str], Held] = {}
    for cycle in cycles:
        price, quantity = _average_cost(cycle), cycle.open_quantity
        if price is None or quantity <= 0:
            continue
        key = (cycle.plan.exchange, cycle.plan.symbol)
        before = sums.get(key, Held())
        sums[key] = Held(before.quantity + quantity, before.cost + price * quantity)
    return sums


def quantity_at_risk(cycle: Cycle) -> int:
    """What is held, and what open entries can still buy."""
    return max(cycle.open_quantity, 0) + sum(i.quantity - i.filled for i in cycle.open_intents(Leg.ENTRY))


# --- parts of the check ---------------------------------------------------------------------------


def _check_counts(limits: RiskLimits, usage: Usage) -> Breach | None:
    if limits.orders_per_minute is not None and usage.orders >= limits.orders_per_minute:
        text = f"{usage.orders} orders were written in the last minute, and your limit is {limits.orders_per_minute}"
        return _counted(BreachKind.ORDERS_PER_MINUTE, usage.orders + 1, limits.orders_per_minute, text)
    opened = len({cycle.strategy_id for cycle in usage.open_cycles})
    if limits.open_strategies is not None and opened >= limits.open_strategies:
        text = f"{opened} strategies are open, and your limit is {limits.open_strategies}"
        return _counted(BreachKind.OPEN_STRATEGIES, opened + 1, limits.open_strategies, text)
    return None


def _check_values(limits: RiskLimits, usage: Usage, order: EntryOrder) -> Breach | None:
    if limits.position_size is None and limits.symbol_exposure is None:
        return None
    if order.price is None:
        kind = BreachKind.POSITION_SIZE if limits.position_size is not None else BreachKind.SYMBOL_EXPOSURE
        limit = limits.position_size if limits.position_size is not None else limits.symbol_exposure
        return Breach(kind, None, limit, f"no price of {order.symbol} is known to hold against your limit")
    value = order.quantity * order.price
    if limits.position_size is not None and value > limits.position_size:
        text = f"the position would be {_rupees(value)}, and your limit is {_rupees(limits.position_size)}"
        return Breach(BreachKind.POSITION_SIZE, value, limits.position_size, text)
    here = [c for c in usage.open_cycles if (c.plan.exchange, c.plan.symbol) == (order.exchange, order.symbol)]
    exposed = value + order.price * sum(quantity_at_risk(cycle) for cycle in here)
    if limits.symbol_exposure is not None and exposed > limits.symbol_exposure:
        limit_text = _rupees(limits.symbol_exposure)
        text = f"{_rupees(exposed)} would be in {order.symbol}, and your limit for one symbol is {limit_text}"
        return Breach(BreachKind.SYMBOL_EXPOSURE, exposed, limits.symbol_exposure, text)
    return None


def _counted(kind: BreachKind, used: int, limit: int, text: str) -> Breach:
    return Breach(kind, Decimal(used), Decimal(limit), text)


def _open_gain(cycle: Cycle, mark: Decimal | None) -> Decimal:
    cost = _average_cost(cycle)
    return to_paisa((mark - cost) * cycle.open_quantity) if mark is not None and cost is not None else Decimal(0)


def _average_cost(cycle: Cycle) -> Decimal | None:
    entries = [intent for intent in cycle.intents if intent.leg is Leg.ENTRY and intent.filled]
    value = sum((intent.filled * intent.average_price for intent in entries), Decimal(0))
    return value / cycle.bought if value else None


def _loss_text(whose: str, loss: Decimal, limit: Decimal, estimated: Sequence[str]) -> str:
    text = f"{whose} loss after charges is {_rupees(loss)}, and your limit is {_rupees(limit)}"
    return f"{text} ({', '.join(estimated)} counted at cost: no price is known)" if estimated else text


def _rupees(value: Decimal) -> str:
    return f"{plain_number(value.quantize(Decimal('0.01')))} rupees"


def _first(breaches: Sequence[Breach]) -> Breach | None:
    return breaches[0] if breaches else None
