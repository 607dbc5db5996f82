"""What must hold on every walk, by the broker's truth."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from algotrading.domain.cycle import Cycle, CycleState, Intent, IntentState
from algotrading.domain.effects import (
    CancelOrder,
    Decision,
    Effect,
    ReadBook,
    ReadPosition,
    RetryExit,
    SendOrder,
    Tell,
    TurnStop,
)
from algotrading.domain.events import BookRead, Event
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Leg, Side
from tests.unit.domain.walks.broker import Broker
from tests.unit.domain.walks.trace import Broken
from tests.unit.domain.walks.weather import Kind

_IS_ORDERED = SendOrder | CancelOrder | TurnStop | ReadBook | ReadPosition | RetryExit
_BOUGHT, _SOLD = re.compile(r"\bbought (\d+)"), re.compile(r"\bsold (\d+)")


@dataclass(slots=True)
class Witness:
    """Sees every decision, and knows the truth."""

    broker: Broker
    told: list[Tell] = field(default_factory=list)

    @property
    def _is_prompt(self) -> bool:
        return self.broker.weather.kind is Kind.PROMPT

    # --- each decision ----------------------------------------------------------------------------

    def see(self, event: Event, decision: Decision) -> None:
        """Hold one decision, which is not carried out yet, against the truth."""
        cycle = decision.cycle
        if self._is_prompt:
            self._see_promptness(cycle)
        elif isinstance(event, BookRead):
            _see_stray_sales(cycle)
        for effect in decision.effects:
            if isinstance(effect, Tell):
                self.told.append(effect)
                self._see_words(effect, cycle)

    def see_last_reading(self, event: Event, decision: Decision) -> None:
        """After the session nothing is ordered any more, nor looked after by this worker."""
        _refuse(_ordered(decision.effects), "something is ordered at the last readings of a day")
        self.see(event, decision)

    def _see_promptness(self, cycle: Cycle) -> None:
        _refuse(self.broker.was_oversold, "more was sold than bought")
        _refuse(cycle.closed_outside, "what nobody sold by hand counts as sold by hand")
        _refuse(cycle.state is CycleState.FLAT and _may_buy_more(cycle), "flat while an entry may buy more")
        absent = {intent.tag for intent in cycle.intents if intent.state is IntentState.NOT_PLACED}
        _refuse(absent & {order.tag for order in self.broker.orders}, "an order that exists counts as never placed")

    # --- what is told -----------------------------------------------------------------------------

    def _see_words(self, tell: Tell, cycle: Cycle) -> None:
        text = tell.text
        for told, truth in ((_BOUGHT, self.broker.bought), (_SOLD, self.broker.sold)):
            _refuse(any(int(number) > truth for number in told.findall(text)), f"untrue, there were {truth}: {text}")
        if "the rest was not filled" in text:
            _refuse(self.broker.may_buy or cycle.open_intents(Leg.ENTRY), f"untrue, the entry is open: {text}")
        if "the rest of the buy is being cancelled" in text:
            asked = any(intent.cancels for intent in cycle.intents if intent.leg is Leg.ENTRY)
            _refuse(not asked, f"untrue, no cancellation was asked for: {text}")
        if "all that was bought so far" in text:
            _refuse(cycle.bought != cycle.sold + cycle.closed_outside, f"untrue, it is not all: {text}")
        if tell.kind is NoticeKind.OVERSOLD:
            # What a sale that the book did not show in time sold counts as sold by hand, and again when it surfaces.
            is_true = self.broker.was_oversold or cycle.closed_outside
            _refuse(not is_true, f"untrue, nothing was oversold: {text}")
        if "the market does not take them" in text:
            _refuse(sum(map(_is_unfilled, cycle.intents)) < 2, f"untrue, the exits were filled: {text}")
        if self._is_prompt:
            self._see_prompt_words(tell, cycle)

    def _see_prompt_words(self, tell: Tell, cycle: Cycle) -> None:
        is_sold = tell.kind is NoticeKind.SOLD
        more_may_come = self.broker.may_buy and self.broker.bought + self.broker.may_buy > cycle.sold
        _refuse(is_sold and more_may_come, f"untrue, an entry lives that may buy more: {tell.text}")

    # --- the end ----------------------------------------------------------------------------------
    # On late walks a sale that the book never showed in time counts as one by hand, since positions show less.

    def see_rest(self, cycle: Cycle) -> None:
        """The broker was quick and true for long enough: everything is over, and the record is the truth."""
        if cycle.closed_outside:
            return
        _refuse(not cycle.state.is_over, f"it does not come to rest: {cycle.state}")
        _refuse(self._is_prompt and self.broker.bought != self.broker.sold, "something bought is left unsold")
        self._see_record(cycle)

    def see_close(self, cycle: Cycle) -> None:
        """The day has ended, and its book was read a last time."""
        is_said = any(tell.kind is NoticeKind.OPEN_AT_CLOSE for tell in self.told)
        _refuse(not cycle.is_settled and not is_said, "what stays open over night is not told")
        if self._is_prompt:
            self._see_record(cycle)
        self._see_sums(cycle)

    def _see_record(self, cycle: Cycle) -> None:
        truth = self.broker.bought, self.broker.sold
        _refuse((cycle.bought, cycle.sold) != truth, f"the record differs from the truth {truth}")
        self._see_sums(cycle)

    def _see_sums(self, cycle: Cycle) -> None:
        """Whoever bought and sold was told of both, in the end with the sums."""
        if cycle.closed_outside:
            return
        bought, sold = self.broker.bought, self.broker.sold
        is_known = (cycle.bought, cycle.sold) == (bought, sold)
        if cycle.state is not CycleState.FLAT or not bought or bought != sold or not is_known:
            return
        told_bought, told_sold = self._texts(NoticeKind.BOUGHT), self._texts(NoticeKind.SOLD)
        if not self._texts(NoticeKind.LATE_ORDER):
            _refuse(not told_bought, "it is not told what was bought")
            _refuse(_BOUGHT.findall(told_bought[-1])[:1] != [str(bought)], "what was bought is told with another sum")
        _refuse(not told_sold, "it is not told what was sold")
        _refuse(_SOLD.findall(told_sold[-1])[:1] != [str(sold)], "what was sold is told with another sum")
        is_repeated = len(told_bought) > 1 or len(told_sold) > 1
        _refuse(self._is_prompt and is_repeated, "what was bought or sold is told twice")

    def _texts(self, kind: NoticeKind) -> list[str]:
        return [tell.text for tell in self.told if tell.kind is kind]


def _refuse(is_broken: object, what: str) -> None:
    if is_broken:
        raise Broken(what)


def _ordered(effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, _IS_ORDERED)]


def _may_buy_more(cycle: Cycle) -> bool:
    """By the record: said here once more, for the product's own word for it is what is tried."""
    unfilled = sum(intent.quantity - intent.filled for intent in cycle.intents if _is_open_entry(intent))
    return unfilled > 0 and cycle.bought + unfilled > cycle.sold


def _is_open_entry(intent: Intent) -> bool:
    return intent.leg is Leg.ENTRY and intent.state.is_open


def _is_unfilled(intent: Intent) -> bool:
    """Whether it is an exit that was taken, and ended with something unsold."""
    has_ended = intent.state is IntentState.DONE and not intent.failed_proven
    return intent.is_exit and has_ended and intent.filled < intent.quantity


def _see_stray_sales(cycle: Cycle) -> None:
    """A sale that surfaces while its entry is awaited, and nothing is held, would sell what is not there."""
    if cycle.state is not CycleState.ENTERING or not cycle.sold or cycle.open_quantity > 0:
        return
    shown = [i for i in cycle.intents if i.side is Side.SELL and i.state is IntentState.ACCEPTED and i.broker_status]
    _refuse(any(not intent.cancels for intent in shown), "a stray sale beside an awaited entry is not cancelled")
