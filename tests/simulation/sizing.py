"""I6: an exit is no larger than what the broker showed when it was sized, also one by a stop order that is turned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.effects import Decision, RaiseAlarm, TurnStop
from algotrading.domain.orders import Leg, Side
from tests.fakes.exchange import MemoryAccount, MemoryOrder
from tests.simulation.kernel import Kernel


@dataclass(slots=True)
class Sizing:
    """Which reading each exit was sized by.

    A reading serves the one decision that follows it: whoever decides again has asked again. An exit that is sized
    without one, or by more than it showed, is alarmed (decision "a stop outranks a perfect count"). What the account
    does after the reading, nobody can know.
    """

    kernel: Kernel
    broken: Callable[[str, str], None]
    _read_at: dict[str, datetime | None] = field(default_factory=dict)
    """Of which time the reading was, by the exit's tag; None: it is alarmed that there is none to rest upon."""

    def decided(self, before: Cycle | None, decision: Decision) -> None:
        """A decision was stored: which exits it sized, and by which reading."""
        worker = self.kernel.current
        micros = None if worker is None else worker.read_at
        if worker is not None:
            worker.read_at = None
        is_alarmed = any(isinstance(e, RaiseAlarm) and e.metric == "UnconfirmedExit" for e in decision.effects)
        # Of an entry of unknown fate it is alarmed that it is sold: as many as the reading shows, and no more.
        is_excused = is_alarmed and (before is None or before.state is not CycleState.ENTERING)
        for tag in _sized_by(before, decision):
            self._read_at[tag] = None
            if is_excused:
                continue
            if micros is None:
                self.broken("I6", f"an exit of {decision.cycle.plan.symbol} was sized without asking what is held")
                continue
            self._read_at[tag] = self.kernel.now() - timedelta(microseconds=self.kernel.micros - micros)

    def arrived(self, account: MemoryAccount, order: MemoryOrder) -> None:
        """An exit has reached the exchange, or a stop order was let sell there."""
        tag = order.ticket.tag
        if tag not in self._read_at:
            self.broken("I6", f"an exit of {order.ticket.quantity} that nobody has sized")
            return
        seen = self._read_at[tag]
        if seen is None:
            return
        shown, wanted = _net(account, order, seen), order.ticket.quantity - order.filled(seen)
        if shown < wanted:
            self.broken("I6", f"an exit of {wanted} where the broker showed {shown}")


def _sized_by(before: Cycle | None, decision: Decision) -> Iterator[str]:
    """Exits that a decision begins. A stop order that is asked to sell again was sized when it was asked first."""
    known = {} if before is None else {intent.tag: intent for intent in before.intents}
    turned = {effect.tag for effect in decision.effects if isinstance(effect, TurnStop)}
    for intent in decision.cycle.intents:
        old = known.get(intent.tag)
        is_turned = intent.tag in turned and (old is None or old.turned_at is None)
        if is_turned or (intent.leg is Leg.EXIT and old is None):
            yield intent.tag


def _net(account: MemoryAccount, order: MemoryOrder, at: datetime) -> int:
    wanted = (order.ticket.exchange, order.ticket.symbol, order.ticket.product)
    return sum(
        other.filled(at) * (1 if other.ticket.side is Side.BUY else -1)
        for other in account.orders
        if other.placed_at <= at and (other.ticket.exchange, other.ticket.symbol, other.ticket.product) == wanted
    )
