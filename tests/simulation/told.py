"""What owners are told as it happens: nothing that the exchange's record does not confirm at that instant, in the
quantities that its sentences state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from algotrading.domain.cycle import Cycle, Intent, IntentState
from algotrading.domain.effects import Decision, Tell
from algotrading.domain.events import BookRead, Event
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Leg, Side
from tests.fakes.exchange import MemoryOrder
from tests.simulation.kernel import Kernel
from tests.simulation.record import Traded
from tests.simulation.statements import Statement, statement_of

_SAY_NOTHING_BOUGHT = {
    NoticeKind.ENTRY_MISSED,
    NoticeKind.ENTRY_UNFILLED,
    NoticeKind.ENTRY_SKIPPED,
    NoticeKind.ENTRY_BLOCKED,
    NoticeKind.ENTRY_REFUSED,
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision, and the exchange's record of its cycle at that instant."""

    before: Cycle | None
    cycle: Cycle
    event: Event
    traded: Traded
    in_time: int
    """What was bought by orders that had not been proven absent before they surfaced."""
    at: datetime

    @property
    def bought(self) -> int:
        """By the exchange's record."""
        return self.traded.bought(self.at)

    @property
    def gone(self) -> int:
        """Sold by the exchange's record, or counted as sold by its owner, which is held against the record as well."""
        return self.traded.sold(self.at) + self.cycle.closed_outside

    @property
    def held(self) -> int:
        """By the exchange's record."""
        return self.bought - self.gone

    def became(self, intent: Intent, state: IntentState) -> bool:
        """Whether this decision brought the intent into that state."""
        old = () if self.before is None else self.before.intents
        return intent.state is state and all(each.state is not state for each in old if each.tag == intent.tag)


@dataclass(slots=True)
class Told:
    """Checks each notice of each decision."""

    kernel: Kernel
    broken: Callable[[str, str], None]

    def decided(self, decision: Decision, moment: Moment) -> None:
        """A decision was stored, and with it what its owner is told."""
        absent: Counter[str] = Counter()
        for tell in decision.effects:
            if not isinstance(tell, Tell):
                continue
            if tell.kind in _SAY_NOTHING_BOUGHT and moment.in_time:
                self.broken("told", f"that nothing was bought, and {moment.in_time} were: {tell.text}")
            try:
                stated = statement_of(tell)
            except ValueError as unknown:
                self.broken("told", str(unknown))
                continue
            if stated is not None and not _is_true(tell.kind, stated, moment):
                self.broken("told", f"what the exchange does not confirm: {tell.text}")
            if stated is not None and tell.kind is NoticeKind.ORDER_NOT_PLACED:
                absent[stated.order] += 1
        proven = Counter(_word(i) for i in moment.cycle.intents if moment.became(i, IntentState.NOT_PLACED))
        if absent != proven:
            self.broken("told", f"that {dict(absent)} were never placed, where {dict(proven)} are proven absent")


def _is_true(kind: NoticeKind, stated: Statement, moment: Moment) -> bool:
    """Whether the exchange's record (of orders that are said to be unknown: ours) says the same at this instant."""
    match kind:
        case NoticeKind.BUY_ACCEPTED:
            return _has_order(moment.traded.entries, stated.quantity)
        case NoticeKind.SELL_ACCEPTED:
            return _has_order(moment.traded.exits, stated.quantity)
        case NoticeKind.PARTLY_BOUGHT:
            return _is_partly(moment.traded.entries, stated, moment.at)
        case NoticeKind.BOUGHT:
            # Of what surfaces after it was proven absent nobody can know.
            in_full = stated.quantity >= moment.cycle.plan.quantity
            is_asked = stated.asked is None if in_full else stated.asked == moment.cycle.plan.quantity
            # Another entry, which surfaced late, may be buying still.
            is_all = stated.quantity >= moment.in_time or bool(moment.cycle.open_intents(Leg.ENTRY))
            return is_asked and 0 < stated.quantity <= moment.bought and is_all
        case NoticeKind.PARTLY_SOLD:
            return _is_partly(moment.traded.exits, stated, moment.at)
        case NoticeKind.SOLD_SO_FAR:
            return 0 < stated.quantity == moment.traded.sold(moment.at)
        case NoticeKind.SOLD:
            return 0 < stated.quantity == moment.traded.sold(moment.at) and moment.held <= 0
        case NoticeKind.ORDER_UNKNOWN:
            states = {IntentState.UNKNOWN} if stated.sentence == 0 else {IntentState.ACCEPTED}
            orders = [(_word(i), i.quantity) for i in moment.cycle.intents if i.state in states]
            return (stated.order, stated.quantity) in orders
        case NoticeKind.EXIT_UNFILLED:
            return stated.quantity == moment.held
        case NoticeKind.CLOSED_OUTSIDE:
            known = 0 if moment.before is None else moment.before.closed_outside
            return stated.quantity == moment.cycle.closed_outside - known
        case NoticeKind.LATE_ORDER:
            planned = 0 if stated.verb else moment.cycle.plan.quantity
            return stated.quantity == moment.held - planned
        case NoticeKind.OVERSOLD if stated.sentence == 0:
            return stated.quantity == -moment.held
        case NoticeKind.OVERSOLD:
            return isinstance(moment.event, BookRead) and moment.event.held == -stated.quantity
        case _:
            return True


def _has_order(orders: list[MemoryOrder], quantity: int) -> bool:
    return any(order.ticket.quantity == quantity for order in orders)


def _is_partly(orders: list[MemoryOrder], stated: Statement, at: datetime) -> bool:
    """Whether an order over as many had bought or sold just as many at some instant up to now."""
    return any(
        order.ticket.quantity == stated.asked and order.filled(instant) == stated.quantity > 0
        for order in orders
        for instant in (at, *(execution.at for execution in order.executions if execution.at <= at))
    )


def _word(intent: Intent) -> str:
    if intent.leg is Leg.STOP:
        return "stop order"
    return "buy" if intent.side is Side.BUY else "sell"
