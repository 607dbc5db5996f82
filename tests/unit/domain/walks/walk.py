"""One walk: a cycle's day, from its buy to its rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from algotrading.domain.cycle import CycleState, ExitReason
from algotrading.domain.events import BookRead, EntryDue, ExitDue, LastRead
from tests.fakes.examples import MOMENT
from tests.unit.domain.walks.broker import Broker
from tests.unit.domain.walks.rules import Witness
from tests.unit.domain.walks.trace import Trace
from tests.unit.domain.walks.weather import Agenda, Kind, Weather, draw_cycle
from tests.unit.domain.walks.worker import Worker

_CALM_LOOKS = 60
"""Looks at a broker that is quick and true, ten seconds apart, within which all must come to rest."""

_AGAIN = "seen again by: PYTHONPATH=layers/algotrading/python python -m tests.unit.domain.walks"


def walk(kind: Kind, seed: int, **weather: Any) -> Trace:
    """Go through the day of `seed`; the same seed makes the same day. `weather` fixes parts of what else is drawn.

    Raises:
        Broken: something was met that must not be. How to see it again, and what happened, are in its notes.
    """
    random, trace = Random(seed), Trace()
    broker = Broker(replace(Weather.draw(kind, random), **weather), random, trace)
    worker, agenda = Worker(broker, Witness(broker), draw_cycle(random)), Agenda.draw(random)
    for drawn in (broker.weather, agenda, worker.cycle.plan):
        trace.add(broker.seconds, f"# {drawn}")
    try:
        _Day(agenda, broker, worker, random).go()
    except Exception as fault:
        changed = f", in the weather {weather}" if weather else ""
        fault.add_note(f"{_AGAIN} --kind {kind} --seed {seed}{changed}\n{trace}")
        raise
    return trace


@dataclass(slots=True)
class _Day:
    agenda: Agenda
    broker: Broker
    worker: Worker
    random: Random
    _minute: int = 0
    """The last one in which the cycle was looked after, as it is each minute."""

    def go(self) -> None:
        held = self.random.choice((None, self.broker.weather.held_before, self.broker.weather.held_before))
        self.worker.work(EntryDue(self.broker.now, MOMENT, None, held=held))
        while self.broker.seconds < self.agenda.ends_at and not self._has_had_enough():
            self.broker.wait(self.random.choice((0.3, 1.0, 3.0, 10.0)))
            self._move()
        if self.agenda.ends_with_the_day:
            self._close()
        else:
            self._come_to_rest()

    def _has_had_enough(self) -> bool:
        cycle = self.worker.cycle
        return cycle.state.is_over and cycle.is_settled and self.random.random() < 0.3

    def _move(self) -> None:
        reasons = self._reasons_to_leave()
        if reasons and self.random.random() < 0.5:
            self._leave(self.random.choice(reasons))
        elif self.random.random() < 0.2 or self.broker.seconds // 60 > self._minute:
            self._minute = int(self.broker.seconds // 60)
            self._look_after()

    def _reasons_to_leave(self) -> list[ExitReason]:
        cycle, seconds, agenda = self.worker.cycle, self.broker.seconds, self.agenda
        reasons = []
        if agenda.stopped_at is not None and seconds > agenda.stopped_at and cycle.is_armed:
            reasons.append(ExitReason.STOPLOSS)
        if agenda.killed_at is not None and seconds > agenda.killed_at and not cycle.is_settled:
            reasons.append(ExitReason.KILL)
        if seconds > agenda.sells_at and self._nobody_wants_out():
            reasons.append(ExitReason.SELL_TIME)
        if cycle.is_armed and cycle.wanted is not None:
            reasons.append(cycle.wanted)  # asked for again, until it is done
        if cycle.is_armed and self.random.random() < 0.02:
            reasons.append(ExitReason.SQUARE_OFF)
        return reasons

    def _nobody_wants_out(self) -> bool:
        cycle = self.worker.cycle
        return cycle.is_armed and cycle.claim is None and cycle.wanted is None

    def _leave(self, reason: ExitReason, book_fails: float = 0.15) -> None:
        """Somebody wants out. Where the entry is not known yet, the book may be away."""
        cycle, now = self.worker.cycle, self.broker.now
        is_entering = cycle.state is CycleState.ENTERING
        held = self.broker.read_held() if cycle.open_quantity > 0 or is_entering else None
        is_away = is_entering and held is not None and self.random.random() < book_fails
        self.worker.work(ExitDue(now, now, reason, held, is_book_away=is_away))

    def _look_after(self) -> None:
        """What is done each minute for a cycle that is not over."""
        cycle = self.worker.cycle
        if cycle.intents:
            held = self.broker.read_held() if cycle.state is CycleState.LONG or cycle.needs_verifying else None
            self.worker.work(BookRead(self.broker.now, self.broker.read_book(), held))

    # --- the end ----------------------------------------------------------------------------------

    def _come_to_rest(self) -> None:
        self.broker.become_calm()
        for look in range(_CALM_LOOKS):
            self.broker.wait(10)
            if self._nobody_wants_out():
                self._leave(ExitReason.SELL_TIME, book_fails=0)
            elif look < 3 or not self._rests():
                self._look_after()
        self.worker.witness.see_rest(self.worker.cycle)

    def _rests(self) -> bool:
        cycle = self.worker.cycle
        return cycle.state.is_over and cycle.is_settled and not any(order.is_live for order in self.broker.orders)

    def _close(self) -> None:
        self.broker.close()
        for is_final in (False, True):
            if not self.worker.cycle.is_settled:
                held = self.broker.read_held()
                self.worker.look_last(LastRead(self.broker.now, self.broker.read_book(), held, is_final=is_final))
        self.worker.witness.see_close(self.worker.cycle)
