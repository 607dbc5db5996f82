"""A worker as `services.cycle_runner` is one: it decides, carries out, and decides what came of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from algotrading.domain.cycle import Cycle
from algotrading.domain.decide import decide
from algotrading.domain.effects import CancelOrder, Effect, ReadBook, ReadPosition, RetryExit, SendOrder, TurnStop
from algotrading.domain.events import Answered, BookRead, Event, ExitDue, LastRead, StopTurned
from algotrading.domain.orders import Unknown
from algotrading.domain.policy import Policy
from tests.unit.domain.walks.broker import Broker
from tests.unit.domain.walks.rules import Witness
from tests.unit.domain.walks.trace import Broken, Step

_POLICY = Policy()
_LOOKS = (0.03, 0.07, 0.15, 0.3, 0.6, 1.0, 1.5, 2.0)
"""Pauses between looks at the book, as `services.read_broker` makes them."""
_LIFE = 8.0
"""How many seconds a worker has for one message."""
_AFTER_SILENCE = 2.5
"""How long it looks on, at least, for an order that was not answered."""
_MOST_DECISIONS = 80
"""No message needs half as many: what does not end by then would go on as long as its worker lives."""


class _Died(Exception):
    """The worker's process is gone."""


@dataclass(slots=True)
class Worker:
    """Works at one cycle, a message at a time. It dies now and then, and another goes on from the record."""

    broker: Broker
    witness: Witness
    cycle: Cycle
    _deadline: float = 0.0
    _looks: int = 0
    _events: deque[Event] = field(default_factory=deque)

    def work(self, event: Event) -> None:
        """Decide `event`, and carry out what follows until nothing does, or time is over."""
        self._deadline, self._looks, self._events = self.broker.seconds + _LIFE, 0, deque([event])
        decisions = 0
        try:
            while self._events:
                decisions += 1
                if decisions > _MOST_DECISIONS:
                    raise Broken("an endless loop of effects")
                self._decide(self._events.popleft())
        except _Died:
            self.broker.trace.add(self.broker.seconds, "# the worker dies")

    def look_last(self, event: LastRead) -> None:
        """The session is over: decide one of its last readings."""
        decision = decide(self.cycle, event, _POLICY)
        self.broker.trace.add(self.broker.seconds, Step(event, decision))
        self.witness.see_last_reading(event, decision)
        self.cycle = decision.cycle

    def _decide(self, event: Event) -> None:
        decision = decide(self.cycle, event, _POLICY)
        self.broker.trace.add(self.broker.seconds, Step(event, decision))
        self.cycle = decision.cycle
        self.witness.see(event, decision)
        for effect in decision.effects:
            self._risk_death()
            followed = self._carry_out(effect)
            if followed is not None:
                self._events.append(followed)

    def _carry_out(self, effect: Effect) -> Event | None:
        match effect:
            case SendOrder():
                return self._send(effect)
            case CancelOrder(broker_order_id=order_id):
                self._looks = 0
                self.broker.cancel(order_id)
            case TurnStop():
                return self._turn(effect)
            case ReadBook():
                return self._look()
            case ReadPosition(pause=pause):
                if self._waits(pause):
                    held = self.broker.read_held()
                    return BookRead(self.broker.now, self.broker.read_book(), held)
            case RetryExit(reason=reason, pause=pause):
                if self._waits(pause):
                    self._looks = 0
                    return ExitDue(self.broker.now, self.broker.now, reason, self.broker.read_held())
        return None

    def _send(self, effect: SendOrder) -> Event:
        intent = next(intent for intent in self.cycle.intents if intent.tag == effect.tag)
        self.broker.wait(max(effect.pause, 0.05))
        sent_at, answer = self.broker.now, self.broker.place(intent)
        is_silent = isinstance(answer, Unknown)
        self.broker.wait(9 if is_silent and self.broker.random.random() < 0.3 else 0.1)
        if is_silent:
            self._deadline = max(self._deadline, self.broker.seconds + _AFTER_SILENCE)
        self._risk_death()
        return Answered(self.broker.now, effect.tag, sent_at, answer)

    def _turn(self, effect: TurnStop) -> Event:
        self.broker.wait(0.05)
        sent_at, answer = self.broker.now, self.broker.turn(effect.broker_order_id)
        self.broker.wait(0.1)
        return StopTurned(self.broker.now, effect.tag, sent_at, answer)

    def _look(self) -> Event | None:
        pause = _LOOKS[min(self._looks, len(_LOOKS) - 1)]
        self._looks += 1
        return BookRead(self.broker.now, self.broker.read_book()) if self._waits(pause) else None

    def _waits(self, pause: float) -> bool:
        """Whether there is time for the pause; it has passed then."""
        has_time = self.broker.seconds + pause < self._deadline
        if has_time:
            self.broker.wait(pause or 0.02)
        return has_time

    def _risk_death(self) -> None:
        if not self.broker.is_calm and self.broker.random.random() < 0.01:
            raise _Died
