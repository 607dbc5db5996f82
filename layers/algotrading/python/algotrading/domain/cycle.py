"""The daily cycle of one strategy: its state, its intents, what happened to it, what must be done.

Values only; `domain.decide` is where one becomes the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from algotrading.domain.limits import STOPPED, Breach, Obstacle
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Answer, BookReading, BrokerStatus, Leg, Side
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Plan


class CycleState(StrEnum):
    """idle -> entering -> long -> exiting -> flat, or failed (DESIGN of the daily cycle)."""

    IDLE = "idle"
    ENTERING = "entering"
    LONG = "long"
    EXITING = "exiting"
    FLAT = "flat"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether nothing will be traded in this cycle any more."""
        return self in {CycleState.FLAT, CycleState.FAILED}


class Position(StrEnum):
    """The API's word for where a cycle stands."""

    NONE = "none"
    BOUGHT = "bought"
    SOLD = "sold"


class ExitReason(StrEnum):
    """Who wants the exit. All of them compete for one claim."""

    SELL_TIME = "SELL"
    STOPLOSS = "STOPLOSS"
    USER = "USER"
    SQUARE_OFF = "SQUARE_OFF"
    """The owner wants today's position sold; the strategy goes on trading tomorrow."""
    KILL = "KILL"
    """The kill switch, the user's own or the operator's."""
    RISK = "RISK"
    """A loss limit was reached, and its owner wants it to sell."""
    LATE = "LATE"
    """An order that was proven absent surfaced after all: what it bought is sold."""
    EXCESS = "EXCESS"
    """More was bought than planned, by an order that surfaced late: the excess alone is sold."""


class IntentState(StrEnum):
    """Life of one order we decided on. Only the broker's evidence ends it."""

    PENDING = "pending"
    """Written down; sending may have begun. For any other worker the same as UNKNOWN."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    THROTTLED = "throttled"
    """Never looked at by the broker (its rate limit, or we held it back): not an attempt, and safe to
    send again."""
    NOT_PLACED = "not_placed"
    """Proven absent by the book (broker never had it)."""
    DONE = "done"
    """Terminal in the broker's book, see `broker_status`."""

    @property
    def is_open(self) -> bool:
        """Whether this intent can still change what is held."""
        return self in {IntentState.PENDING, IntentState.ACCEPTED, IntentState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Intent:
    """One order, written down before it is sent, under the unique key
    (strategy, trading day, leg, attempt)."""

    leg: Leg
    attempt: int
    tag: str
    side: Side
    quantity: int
    state: IntentState
    created_at: datetime
    due_at: datetime
    """When it was to leave: the plan's instant, also when that has passed; `created_at` for orders that
    are due because they are decided."""
    cause_at: datetime | None = None
    """When the tick that caused it was received."""
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    broker_order_id: str | None = None
    broker_status: BrokerStatus | None = None
    message: str | None = None
    filled: int = 0
    average_price: Decimal = Decimal(0)
    clean_reads: int = 0
    """Successful book reads after the evidence window in which the tag was absent."""
    cancels: int = 0
    """How often the broker was asked to cancel it."""
    cancel_asked_at: datetime | None = None
    trigger_price: Decimal | None = None
    """Of a stop order: the price at or below which it sells."""
    turned_at: datetime | None = None
    """When a stop order became the exit: its trigger was reached, or it was asked to sell at once."""
    turn_refused: bool = False
    """Whether the broker refused to let the stop order sell at once: it is cancelled then."""

    @property
    def is_exit(self) -> bool:
        """Whether this order leaves the position now; a stop order only once it has been turned into that."""
        return self.leg is Leg.EXIT or (self.leg is Leg.STOP and self.turned_at is not None)

    @property
    def rests(self) -> bool:
        """Whether the broker has this stop order waiting for its trigger, as far as its book was read."""
        at_broker = self.state is IntentState.ACCEPTED and self.broker_status in {None, BrokerStatus.WAITING}
        return self.leg is Leg.STOP and at_broker and self.turned_at is None

    @property
    def failed_proven(self) -> bool:
        """Whether this attempt provably bought or sold nothing and never will (and counts as a try)."""
        if self.state in {IntentState.REFUSED, IntentState.NOT_PLACED}:
            return True
        return self.state is IntentState.DONE and self.broker_status is BrokerStatus.REJECTED and self.filled == 0


@dataclass(frozen=True, slots=True)
class Cycle:
    """One strategy on one trading day. `epoch` is the fence: only the worker that raised it last may
    write or send."""

    strategy_id: UUID
    user_id: UUID
    trading_day: date
    plan: Plan
    state: CycleState = CycleState.IDLE
    epoch: int = 0
    intents: tuple[Intent, ...] = ()
    claim: ExitReason | None = None
    """The one exit reason that won and is being carried out."""
    wanted: ExitReason | None = None
    """An exit that somebody asked for and that is not carried out yet: repaired until done."""
    closed_outside: int = 0
    """Bought by us, and gone without an order of ours: the trader sold it by hand."""
    absent_reads: int = 0
    """Consecutive position readings in which the broker showed less held than we know of."""
    naked: timedelta = timedelta(0)
    """How long something was held that neither a watcher saw nor a stop order at the broker guarded."""
    sampled_at: datetime | None = None
    """When that was measured last."""
    sampled_blind: timedelta | None = None
    """How long the watchers had been blind by then."""
    note: str | None = None
    """In plain words, why the cycle stands where it stands."""

    @property
    def bought(self) -> int:
        """Quantity the broker's trades say was bought."""
        return sum(intent.filled for intent in self.intents if intent.leg is Leg.ENTRY)

    @property
    def sold(self) -> int:
        """Quantity the broker's trades say was sold."""
        return sum(intent.filled for intent in self.intents if intent.side is Side.SELL)

    @property
    def open_quantity(self) -> int:
        """What is held by this cycle, by the broker's trades."""
        return self.bought - self.sold - self.closed_outside

    @property
    def position(self) -> Position:
        """none, bought or sold, as the API shows it."""
        if self.bought == 0:
            return Position.NONE
        return Position.BOUGHT if self.open_quantity > 0 else Position.SOLD

    @property
    def is_armed(self) -> bool:
        """Whether the watcher must guard this cycle: from the moment an entry may exist until flat."""
        return self.state in {CycleState.ENTERING, CycleState.LONG, CycleState.EXITING}

    @property
    def last_action(self) -> str | None:
        """BUY, SELL or STOPLOSS: the latest order that the broker took; one that it rejected is none."""
        confirmed = [i for i in self.intents if i.broker_order_id is not None and not i.failed_proven]
        acted = [intent for intent in confirmed if intent.leg is Leg.ENTRY or intent.is_exit or intent.filled]
        if not acted:
            return None
        last = max(acted, key=lambda intent: intent.turned_at or intent.created_at)
        if last.leg is Leg.ENTRY:
            return "BUY"
        return "STOPLOSS" if self.claim is ExitReason.STOPLOSS else "SELL"

    def last_order_id(self, side: Side) -> str | None:
        """The broker's id of the latest confirmed order of `side`; a stop order that only rests is none."""
        orders = [i for i in self.intents if i.side is side and (i.leg is not Leg.STOP or i.is_exit or i.filled)]
        ids = [intent.broker_order_id for intent in orders if intent.broker_order_id]
        return ids[-1] if ids else None

    @property
    def excess(self) -> int:
        """What is held beyond the plan: an order that surfaced late has bought it."""
        return max(0, self.open_quantity - self.plan.quantity)

    def following(self, plan: Plan) -> Cycle:
        """This cycle after the trader changed the strategy's plan. Before anything was ordered it
        follows the whole plan; once an order may exist, what was ordered stays and what guards it (stop
        and exit time) still follows; once over, nothing does."""
        if self.state is CycleState.IDLE and not self.intents:
            return replace(self, plan=plan)
        same_instrument = (plan.exchange, plan.symbol) == (self.plan.exchange, self.plan.symbol)
        if self.is_armed and same_instrument:
            kept = replace(self.plan, stop_loss=plan.stop_loss, sell_time=plan.sell_time, broker_stop=plan.broker_stop)
            return replace(self, plan=kept)
        return self

    @property
    def is_settled(self) -> bool:
        """Whether nothing is held, and no order of it can still change that."""
        unsure = any(intent.state.is_open for intent in self.intents)
        return not (self.is_armed or unsure)

    @property
    def has_absent_order(self) -> bool:
        """Whether an order was given up as never placed: it is looked for until the day ends."""
        return any(intent.state is IntentState.NOT_PLACED for intent in self.intents)

    def open_intents(self, leg: Leg) -> tuple[Intent, ...]:
        """Intents of `leg` that can still change what is held."""
        return tuple(intent for intent in self.intents if intent.leg is leg and intent.state.is_open)


# --- what can happen to a cycle -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntryDue:
    """The buy time is near (or was, up to the grace). `last_price` None when nobody knows one."""

    now: datetime
    due: datetime
    last_price: Decimal | None
    sight: Sight | None = None
    """How the watchers see; None when that cannot be read."""


@dataclass(frozen=True, slots=True)
class EntryWithdrawn:
    """Between the intent and its instant something came up: the order was not sent."""

    now: datetime
    tag: str
    obstacle: Obstacle = STOPPED


@dataclass(frozen=True, slots=True)
class EntryHeldBack:
    """The broker would have taken the order only after its grace, for it takes so many of an account: not sent."""

    now: datetime
    tag: str
    why: str


@dataclass(frozen=True, slots=True)
class ExitDue:
    """Somebody wants out. `held` is the broker's net quantity, None when the broker cannot be asked."""

    now: datetime
    due: datetime
    reason: ExitReason
    held: int | None
    cause_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExitBlocked:
    """Somebody wants out, and there is no broker session to send the order through."""

    now: datetime
    reason: ExitReason
    why: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The broker's answer to the order with this tag."""

    now: datetime
    tag: str
    sent_at: datetime
    answer: Answer
    late: str | None = None
    """Why it left later than it was due, where its account's other orders were the reason."""


@dataclass(frozen=True, slots=True)
class BookRead:
    """The broker's book was read, and what could be learned beside it."""

    now: datetime
    reading: BookReading
    held: int | None = None
    """The broker's net quantity, None when it was not asked or did not answer."""
    sight: Sight | None = None
    """How the watchers see; None when that cannot be read."""
    stop_obstacle: str | None = None
    """Why no stop order can rest at the broker now, in words for the trader; None: it can."""


@dataclass(frozen=True, slots=True)
class LastRead(BookRead):
    """The broker's book was read after the session: nothing is ordered any more."""

    is_final: bool = True
    """Whether it is the last reading: what it leaves open stays open."""


@dataclass(frozen=True, slots=True)
class BookLost:
    """The session is over, and there is no login to read the broker's book with."""

    now: datetime


@dataclass(frozen=True, slots=True)
class StopTurned:
    """The broker's answer to asking the stop order with this tag to sell at once."""

    now: datetime
    tag: str
    sent_at: datetime
    answer: Answer


@dataclass(frozen=True, slots=True)
class EntryMissed:
    """The entry will not happen today; nothing (more) was sent."""

    now: datetime
    why: str
    breach: Breach | None = None
    """The limit or lock that blocked it, if one did."""


@dataclass(frozen=True, slots=True)
class DayOver:
    """The cycle's trading day has ended, and its book with it."""

    now: datetime


Event = (
    EntryDue
    | EntryWithdrawn
    | EntryHeldBack
    | ExitDue
    | ExitBlocked
    | Answered
    | BookRead
    | StopTurned
    | BookLost
    | DayOver
    | EntryMissed
)


# --- what must be done about it -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendOrder:
    """Send the intent with this tag at `at` (at once when past), after `pause` seconds of back-off."""

    tag: str
    at: datetime
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Ask the broker to cancel; the book, not the reply, says whether it did."""

    broker_order_id: str


@dataclass(frozen=True, slots=True)
class TurnStop:
    """Ask the broker at `at` (at once when past) to sell by the stop order that rests there: one order, so never
    sold twice."""

    tag: str
    broker_order_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReadBook:
    """Look at the broker's book: something is not settled yet."""


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """Look at what is held and at the book after `pause` seconds: the broker showed less than we know of."""

    pause: float


@dataclass(frozen=True, slots=True)
class RetryExit:
    """Ask the broker what is held after `pause` seconds, then want the exit again."""

    reason: ExitReason
    pause: float


@dataclass(frozen=True, slots=True)
class StopStrategy:
    """The strategy trades no more until its owner starts it again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the owner. `kind` is stable for programs, `text` is for people."""

    kind: NoticeKind
    text: str


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Tell the operators: a metric with this name is emitted and alarmed upon."""

    metric: str
    text: str


Effect = SendOrder | CancelOrder | TurnStop | ReadBook | ReadPosition | RetryExit | StopStrategy | Tell | RaiseAlarm


@dataclass(frozen=True, slots=True)
class Decision:
    """What one event made of a cycle."""

    cycle: Cycle
    effects: tuple[Effect, ...] = ()
