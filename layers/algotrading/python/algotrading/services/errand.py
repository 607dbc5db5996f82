"""What one worker carries out for one message: the cycle, what it is carried out with, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from algotrading.domain.audit import Cause
from algotrading.domain.cycle import Cycle
from algotrading.domain.instruments import Instrument
from algotrading.domain.policy import Policy
from algotrading.domain.strategy import Plan, Strategy
from algotrading.ports import Clock, Ledger, Meter, OrderLog, Runtime, Strategies
from algotrading.services.paced_broker import PacedBroker

_ANSWER_TIME = timedelta(seconds=1)
"""How long the broker's answer takes, of the life that a worker must still have when it writes an order down."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a cycle is carried out with; one per process."""

    clock: Clock
    ledger: Ledger
    runtime: Runtime
    strategies: Strategies
    meter: Meter
    policy: Policy


class Market(Protocol):
    """What a runner asks about the instrument of its cycle's plan, when it needs it: for an exit that is after its
    order has left. Never the strategy's plan: its owner may have changed that since."""

    def instrument(self, plan: Plan) -> Instrument | None:
        """Today's instrument."""
        ...

    def stop_obstacle(self, plan: Plan, now: datetime) -> str | None:
        """Why the exchange takes no stop orders in it now, in words for the trader; None: it does."""
        ...

    def sell_due(self, plan: Plan, trading_day: date) -> datetime | None:
        """When the plan is to be sold on that day; None when nobody can say."""
        ...


@dataclass(slots=True)
class Errand:
    """One run of one worker. `deadline` bounds waiting and looking: what is not settled by then is found and continued
    by converge. `lives_until` bounds the wait for a place among the orders that the broker takes of the account; what
    was waited for it is added to `deadline`."""

    desk: Desk
    broker: PacedBroker
    strategy: Strategy
    market: Market
    cycle: Cycle
    deadline: datetime
    lives_until: datetime
    cause: Cause | None = None
    """The message that led here, for the record."""
    marks: Mapping[str, Decimal] = field(default_factory=dict)
    """Last prices, by symbol, that an entry's limits are held against."""
    cause_at: datetime | None = None
    """When the tick that caused an exit was received."""
    logs: list[OrderLog] = field(default_factory=list)
    """Words with the broker that are not stored yet."""
    decided_at: datetime = field(init=False)
    """When what is carried out now was decided, before it was stored."""
    looks: int = 0
    """Looks at the book since something was asked of the broker."""
    store_answers: bool = True
    """Whether the runtime store has answered so far."""
    held_took: timedelta = timedelta(0)
    """How long the broker took to say what is held, for an exit to be sized by it."""
    positions_answer: bool = True
    """Whether the broker has not left us waiting for its positions so far."""

    @property
    def sends_until(self) -> datetime:
        """Another order may be written down until then: its answer takes time that this worker must still have."""
        return self.lives_until - _ANSWER_TIME

    @property
    def tags(self) -> frozenset[str]:
        """The marks of every order of the cycle."""
        return frozenset(intent.tag for intent in self.cycle.intents)


def spread_of(strategy: Strategy) -> float:
    """A number from 0 to 1 that differs by strategy and never changes."""
    return (strategy.strategy_id.int % 1000) / 1000
