"""A broker that knows the truth, and shows it late, in part, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from algotrading.domain.cycle import Intent
from algotrading.domain.orders import (
    Accepted,
    Answer,
    BookReading,
    BrokerStatus,
    Leg,
    OrderRow,
    Refused,
    Side,
    Unknown,
)
from tests.fakes.examples import MOMENT
from tests.unit.domain.walks.trace import Trace
from tests.unit.domain.walks.weather import EntryPace, Weather

NO_FUNDS = Refused("MarginException", "Insufficient funds.", retryable=True, raw={})
DEAD_TOKEN = Refused("TokenException", "Incorrect api_key or access_token.", retryable=False, raw={}, is_auth=True)
RATE_LIMIT = Refused("RATE_LIMITED", "Too many requests", retryable=True, raw={}, throttled=True)
NO_ANSWER = Unknown("read timed out", {})
_ENDED_BADLY = (BrokerStatus.CANCELLED, BrokerStatus.REJECTED)
_ENTRY_RATES = {EntryPace.SLOW: 0.15, EntryPace.STUCK: 0.05, EntryPace.FROZEN: 0.001}


@dataclass(slots=True)
class Order:
    """One order as it truly is."""

    broker_order_id: str
    tag: str
    leg: Leg
    quantity: int
    shown_from: float
    """Seconds after the buy time from which on the book shows it."""
    trades_from: float
    """The same of trading: it may trade before it is shown, or be as late at the exchange."""
    status: BrokerStatus
    filled: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it may still trade."""
        return not self.status.is_terminal

    @property
    def side(self) -> Side:
        """Only entries buy."""
        return Side.BUY if self.leg is Leg.ENTRY else Side.SELL

    @property
    def sells_now(self) -> bool:
        """Whether it is a live sale: a stop order is once its trigger was reached."""
        return self.is_live and (self.leg is Leg.EXIT or (self.leg is Leg.STOP and self.status is BrokerStatus.OPEN))


@dataclass(frozen=True, slots=True)
class _Past:
    """What a reading that is as old as this shows."""

    seconds: float
    orders: dict[str, tuple[BrokerStatus, int]]
    held: int


@dataclass(slots=True)
class Broker:
    """The model. `seconds` is the time since the buy time, and passes in `wait` only."""

    weather: Weather
    random: Random
    trace: Trace
    seconds: float = -0.2
    orders: list[Order] = field(default_factory=list)
    is_calm: bool = False
    """From here on whatever is asked is done, and every reading is true."""
    was_oversold: bool = False
    """Whether more was sold than bought at any instant."""
    _past: list[_Past] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._remember()

    @property
    def now(self) -> datetime:
        """The time, as events say it."""
        return MOMENT + timedelta(seconds=self.seconds)

    @property
    def bought(self) -> int:
        """What was truly bought by orders of the cycle."""
        return sum(order.filled for order in self.orders if order.side is Side.BUY)

    @property
    def sold(self) -> int:
        """What was truly sold by orders of the cycle."""
        return sum(order.filled for order in self.orders if order.side is Side.SELL)

    @property
    def may_buy(self) -> int:
        """What live entries can still buy."""
        return sum(order.quantity - order.filled for order in self.orders if order.leg is Leg.ENTRY and order.is_live)

    def become_calm(self) -> None:
        """The faults end."""
        self.is_calm = True
        for order in self.orders:
            order.shown_from = order.trades_from = min(order.shown_from, self.seconds)
        self.trace.add(self.seconds, "--- from here on the broker is quick and true")

    def close(self) -> None:
        """The session ends: what lives is cancelled, and the book shows all of the day."""
        for order in self.orders:
            if order.is_live:
                self._end(order, BrokerStatus.CANCELLED)
        self.become_calm()
        self.seconds += 4000
        self._remember()

    # --- what time brings -------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Time passes, and live orders trade or end."""
        self.seconds += seconds
        live = [order for order in self.orders if order.is_live and order.trades_from <= self.seconds]
        for order in live:
            if self.is_calm:
                self._trade_calmly(order)
            elif order.leg is Leg.ENTRY:
                self._trade_entry(order, seconds)
            elif order.sells_now:
                self._trade_exit(order)
            elif self._happens(0.02):
                order.status = BrokerStatus.OPEN  # the price has reached its trigger
        if live:
            self._remember()

    def _trade_calmly(self, order: Order) -> None:
        if order.leg is not Leg.ENTRY:
            if order.sells_now:
                self._fill(order, order.quantity)
        elif self._happens(0.5):
            self._end(order, BrokerStatus.CANCELLED)
        else:
            self._fill(order, self.random.randint(1, 10))

    def _trade_entry(self, order: Order, seconds: float) -> None:
        pace = self.weather.entry_pace
        if pace is EntryPace.WHOLE:
            self._fill(order, order.quantity)
        elif self._happens(min(0.9, _ENTRY_RATES[pace] * max(1.0, seconds))) or (
            not order.filled and self._happens(0.5)
        ):
            self._fill(order, self.random.randint(1, 6))
        elif self._happens(0.002):
            self._end(order, BrokerStatus.CANCELLED)

    def _trade_exit(self, order: Order) -> None:
        if self.weather.fills_exits_whole:
            self._fill(order, order.quantity)
            return
        if self._happens(0.5):
            self._fill(order, self.random.randint(1, 5))
        if order.is_live and self._happens(0.15):
            self._end(order, BrokerStatus.CANCELLED if order.filled else self.random.choice(_ENDED_BADLY))

    def _fill(self, order: Order, quantity: int) -> None:
        order.filled = min(order.quantity, order.filled + quantity)
        if order.filled == order.quantity:
            order.status = BrokerStatus.COMPLETE
        self.was_oversold |= self.sold > self.bought
        self.trace.add(
            self.seconds, f"# {order.leg} {order.broker_order_id} has traded {order.filled}/{order.quantity}"
        )

    def _end(self, order: Order, status: BrokerStatus) -> None:
        order.status = status
        self.trace.add(self.seconds, f"# {order.leg} {order.broker_order_id} is {status} with {order.filled}")

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance

    # --- what is asked of it ----------------------------------------------------------------------

    def place(self, intent: Intent) -> Answer:
        """Send an order: it is taken, refused, or nobody knows."""
        if self.is_calm:
            return Accepted(self._take(intent, 0.0).broker_order_id, {})
        if self.weather.hides_entries and intent.leg is Leg.ENTRY:
            self._take(intent, self.weather.surfacing[-1]).trades_from = self.seconds
            return NO_ANSWER
        if self._happens(self.weather.loses_answers):
            if self._happens(0.7):
                self._take(intent, self.random.choice(self.weather.surfacing))
            return NO_ANSWER
        chance = self.random.random()
        if chance < 0.7:
            return Accepted(self._take(intent, self.random.choice((0.0, 0.0, 0.0, 5.0))).broker_order_id, {})
        return _refusal(chance)

    def cancel(self, broker_order_id: str) -> None:
        """Cancel an order, or answer as if, and do nothing."""
        order = self._order(broker_order_id)
        chance = self.weather.cancels_entries if order.leg is Leg.ENTRY else 0.9
        if order.is_live and (self.is_calm or self._happens(chance)):
            self._end(order, BrokerStatus.CANCELLED)
            self._remember()

    def turn(self, broker_order_id: str) -> Answer:
        """Let a stop order sell at once; the answer says little about whether it does."""
        order, chance = self._order(broker_order_id), 0.0 if self.is_calm else self.random.random()
        if order.status is BrokerStatus.WAITING and chance < 0.8:
            order.status = BrokerStatus.OPEN
            self._remember()
        if self._happens(self.weather.loses_answers) and not self.is_calm:
            return NO_ANSWER
        return Accepted(broker_order_id, {}) if chance < 0.7 else _refusal(chance)

    def _take(self, intent: Intent, shown_after: float) -> Order:
        status = BrokerStatus.WAITING if intent.leg is Leg.STOP else BrokerStatus.OPEN
        name, shown_from = f"O{len(self.orders) + 1}", self.seconds + shown_after
        trades_from = self.random.choice((self.seconds, shown_from))
        order = Order(name, intent.tag, intent.leg, intent.quantity, shown_from, trades_from, status)
        self.orders.append(order)
        self._remember()
        self.trace.add(self.seconds, f"# {intent.leg} {name} is at the broker, and in its book {shown_after} s later")
        return order

    def _order(self, broker_order_id: str) -> Order:
        return next(order for order in self.orders if order.broker_order_id == broker_order_id)

    # --- what it shows ----------------------------------------------------------------------------

    def read_book(self) -> BookReading:
        """The order book, which may be old."""
        past = self._recall(self.weather.book_lag)
        shown = [o for o in self.orders if o.broker_order_id in past.orders and o.shown_from <= self.seconds]
        return BookReading(self.now, tuple(_row(order, *past.orders[order.broker_order_id]) for order in shown), ())

    def read_held(self) -> int | None:
        """What the account holds, which may be old; None where positions do not answer."""
        if not self.is_calm and self._happens(0.05):
            return None
        return self._recall(self.weather.positions_lag).held

    def _recall(self, lag: float) -> _Past:
        if self.is_calm or not lag or self._happens(0.5):
            return self._past[-1]
        then = self.seconds - self.random.uniform(0, lag)
        return next((past for past in reversed(self._past) if past.seconds <= then), self._past[0])

    def _remember(self) -> None:
        orders = {order.broker_order_id: (order.status, order.filled) for order in self.orders}
        held = self.weather.held_before + self.bought - self.sold
        self._past.append(_Past(self.seconds, orders, held))


def _refusal(chance: float) -> Refused:
    """Half of the refusals, which begin at 0.7, are for want of funds; a login is refused now and then."""
    if chance < 0.85:
        return NO_FUNDS
    return RATE_LIMIT if chance < 0.97 else DEAD_TOKEN


def _row(order: Order, status: BrokerStatus, filled: int) -> OrderRow:
    return OrderRow(
        broker_order_id=order.broker_order_id,
        tags=frozenset({order.tag}),
        exchange="NSE",
        symbol="TCS",
        side=order.side,
        product="MIS",
        quantity=order.quantity,
        filled_quantity=filled,
        average_price=Decimal(3510),
        status=status,
        status_text=status.value,
        message="RMS says no" if status is BrokerStatus.REJECTED else None,
        raw={},
    )
