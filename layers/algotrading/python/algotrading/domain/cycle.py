"""The daily cycle of one strategy: its state and its intents.

Values only. `domain.events` is what can happen to it, `domain.effects` what must be done about it, and
`domain.decide` where one becomes the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from algotrading.domain.instruments import Product
from algotrading.domain.orders import BrokerStatus, Leg, Side
from algotrading.domain.strategy import Plan, Strategy


class CycleState(StrEnum):
    """idle -> entering -> long -> exiting -> flat, or failed (DESIGN of the daily cycle)."""

    # Back from exiting to long while something is held, and to entering while the entry may still buy.

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
    """Never looked at by the broker (its rate limit, no connection, or we held it back): not an attempt, and safe to
    send again."""
    NOT_PLACED = "not_placed"
    """Proven absent by the book (broker never had it)."""
    DONE = "done"
    """Terminal in the broker's book, see `broker_status`."""

    @property
    def is_open(self) -> bool:
        """Whether this intent can still change what is held."""
        return self in {IntentState.PENDING, IntentState.ACCEPTED, IntentState.UNKNOWN}


CANCELS_IN_VAIN = 2
"""Cancels of an entry that do not show, after which an exit does not wait for its end."""


class TurnAnswer(StrEnum):
    """The broker's answer to letting a resting stop order sell at once."""

    TAKEN = "taken"
    REFUSED = "refused"
    """It is cancelled then, and another order sells what is left."""
    UNSURE = "unsure"


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
    """When it was asked last; of a stop order that somebody else cancelled, when that was noticed."""
    trigger_price: Decimal | None = None
    """Of a stop order: the price at or below which it sells."""
    turned_at: datetime | None = None
    """When a stop order became the exit: its trigger was reached, or it was asked to sell at once."""
    turn_answer: TurnAnswer | None = None
    """What the broker answered to letting the stop order sell at once; None while it has not been heard."""

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
    def is_unseen(self) -> bool:
        """Whether it may have been filled without our knowing: the broker's book has not shown it yet, or goes on
        showing it at work after it was to be cancelled."""
        is_at_work = self.state is IntentState.ACCEPTED and self.broker_status is not None
        return self.state.is_open and (not is_at_work or self.cancels >= CANCELS_IN_VAIN)

    @property
    def is_filled(self) -> bool:
        """Whether all of it was traded."""
        return self.filled >= self.quantity

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
    account_id: UUID
    """The broker account that it trades in: the strategy's, until something was ordered."""
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
    doubted_since: datetime | None = None
    """Since when the broker has shown less held than we know of; None while it does not."""
    doubted_held: int = 0
    """The most that it has shown since."""
    held_before: int | None = None
    """What the account held of the instrument before the entry; None when that could not be read."""
    is_verified: bool = False
    """Whether the broker's positions were looked at after the end: nothing was sold that was not held."""
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
    def may_buy_more(self) -> bool:
        """Whether an entry that has not ended can still buy more than was sold."""
        unfilled = sum(intent.quantity - intent.filled for intent in self.open_intents(Leg.ENTRY))
        return unfilled > 0 and self.open_quantity + unfilled > 0

    @property
    def others_since(self) -> datetime | None:
        """From when on what others sold may have been this position. None where all of the day counts: intraday
        positions begin it at nothing. What is carried over night may have been sold before the entry left, and says
        nothing about what that bought."""
        if self.plan.product is Product.MIS:
            return None
        return min((i.sent_at or i.created_at for i in self.intents if i.leg is Leg.ENTRY), default=None)

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
        return "STOPLOSS" if (self.claim or self.wanted) is ExitReason.STOPLOSS else "SELL"

    def last_order_id(self, side: Side) -> str | None:
        """The broker's id of the latest confirmed order of `side`; a stop order that only rests is none."""
        orders = [i for i in self.intents if i.side is side and (i.leg is not Leg.STOP or i.is_exit or i.filled)]
        ids = [intent.broker_order_id for intent in orders if intent.broker_order_id]
        return ids[-1] if ids else None

    @property
    def excess(self) -> int:
        """What is held beyond the plan: an order that surfaced late has bought it."""
        return max(0, self.open_quantity - self.plan.quantity)

    def following(self, strategy: Strategy) -> Cycle:
        """This cycle after the trader changed the strategy. Before anything was ordered it follows the whole plan,
        and into another account; once an order may exist, what was ordered stays where it is and what guards it
        (stop and exit time) still follows; once over, nothing does."""
        plan = strategy.plan
        if self.state is CycleState.IDLE and not self.intents:
            return replace(self, plan=plan, account_id=strategy.account_id)
        same_instrument = (plan.exchange, plan.symbol) == (self.plan.exchange, self.plan.symbol)
        if self.is_armed and same_instrument:
            kept = replace(self.plan, stop_loss=plan.stop_loss, sell_time=plan.sell_time, broker_stop=plan.broker_stop)
            return replace(self, plan=kept)
        return self

    @property
    def needs_verifying(self) -> bool:
        """Whether it has ended by orders of ours, and nobody has looked yet that no more was sold than was held."""
        return self.state is CycleState.FLAT and self.sold > 0 and not self.is_verified

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
