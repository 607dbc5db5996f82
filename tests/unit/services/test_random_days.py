"""Random trading days: whatever the broker answers and wherever workers die, the exchange's own record
shows one entry at most, nothing sold that was not bought, and in the end nothing held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.effects import Decision
from algotrading.domain.errors import AlgotradingError
from algotrading.domain.orders import Side
from algotrading.domain.strategy import Strategy
from algotrading.ports import Lane
from tests.fakes.exchange import Fate, fills, loses, not_sent, refuses, rejects, rests, throttles, trades
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld

ORDER_FATES = st.sampled_from(
    [
        trades(),
        rests(),
        fills((0.5, 3)),
        fills((0.1, 4), (30.0, 6)),
        rejects(),
        refuses(),
        throttles(),
        not_sent(),
        loses(placed=True),
        loses(placed=True, appears_after=90.0),
        loses(placed=True, then=rests()),
        loses(placed=False),
    ]
)
CANCEL_FATES = st.sampled_from([trades(), throttles(), refuses(), loses(placed=True), loses(placed=False)])


class Killed(BaseException):
    """The worker's process is gone."""


class MortalLedger:
    """A ledger in front of which the worker dies at its nth save: before it, or after it."""

    def __init__(self, ledger: MemoryLedger, saves_left: int, *, after: bool) -> None:
        self._ledger = ledger
        self._saves_left = saves_left
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def save(self, decision: Decision, **more: Any) -> None:
        self._saves_left -= 1
        if self._saves_left >= 0:
            self._ledger.save(decision, **more)
            return
        if self._after:
            self._ledger.save(decision, **more)
        raise Killed


@dataclass(frozen=True)
class Step:
    """One message, and where its worker dies (it lives when `dies_at` is beyond its saves)."""

    event: OrderEvent
    pause: float
    dies_at: int
    dies_after: bool


STEPS = st.builds(
    Step,
    event=st.sampled_from([OrderEvent.STOPLOSS, OrderEvent.STOP, OrderEvent.RECONCILE]),
    pause=st.sampled_from([0.0, 2.0, 40.0, 200.0]),
    dies_at=st.integers(0, 12),
    dies_after=st.booleans(),
)


def handle(world: TradingWorld, strategy: Strategy, step: Step, at: time | None = None) -> None:
    """One delivery: a fault leaves the message to whoever asks next, as a death does."""
    worker = world.make_executor(MortalLedger(world.ledger, step.dies_at, after=step.dies_after))
    try:
        worker.handle(world.command(strategy, step.event, at))
    except (Killed, AlgotradingError):
        world.clock.sleep(20)


def good_weather(world: TradingWorld, minutes: int) -> None:
    for _ in range(minutes):
        world.clock.sleep(60)
        world.converge.run()
        while message := world.queue.receive(Lane.PRIORITY):
            world.executor.handle(message.command)
            world.queue.delete(Lane.PRIORITY, message)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    orders=st.lists(ORDER_FATES, max_size=6),
    cancels=st.lists(CANCEL_FATES, max_size=3),
    changes=st.lists(CANCEL_FATES, max_size=2),
    broker_stop=st.booleans(),
    falls=st.booleans(),
    entry=st.builds(
        Step, event=st.just(OrderEvent.BUY), pause=st.just(0.0), dies_at=st.integers(0, 8), dies_after=st.booleans()
    ),
    steps=st.lists(STEPS, max_size=5),
)
def test_a_day_ends_flat_and_nothing_happens_twice(
    orders: list[Fate],
    cancels: list[Fate],
    changes: list[Fate],
    broker_stop: bool,
    falls: bool,
    entry: Step,
    steps: list[Step],
) -> None:
    world = TradingWorld()
    strategy = world.add_running(broker_stop=broker_stop)
    world.exchange.plan(*orders)
    world.exchange.plan_cancels(*cancels)
    world.exchange.plan_changes(*changes)

    handle(world, strategy, entry, time(9, 30))
    if falls:
        world.exchange.set_price("TCS", Decimal(3499))
    for step in steps:
        world.clock.sleep(step.pause)
        handle(world, strategy, step)
    good_weather(world, minutes=30)
    world.clock.sleep_until(world.at(time(15, 0, 30)))
    good_weather(world, minutes=12)

    now = world.clock.now()
    bought = sum(o.filled(now) for o in world.exchange.all_orders() if o.ticket.side is Side.BUY)
    sold = sum(o.filled(now) for o in world.exchange.all_orders() if o.ticket.side is Side.SELL)
    cycle = world.cycle(strategy)
    assert bought <= strategy.plan.quantity
    assert bought == sold
    assert (cycle.bought, cycle.sold) == (bought, sold)
    assert cycle.is_settled
