"""Entries that a limit or a lock stops: nothing is sent, it is said why, and the next day is another."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.events import Event
from algotrading.domain.limits import LAST_LOOK, Obstacle, RiskLimits
from algotrading.domain.orders import Side
from tests.fakes.broker import MemoryBroker
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import refuses
from tests.fakes.ledger import MemoryLedger
from tests.fakes.risks import MemoryRisks
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def limit(world: TradingWorld, limits: RiskLimits) -> None:
    MemoryRisks(world.database).set_limits(world.user_id, limits, world.clock.now())


def lock(world: TradingWorld) -> None:
    MemoryRisks(world.database).lock(world.user_id, by="its owner", reason="enough", now=world.clock.now())


def recorded(world: TradingWorld) -> list[str]:
    """What was recorded about risk, oldest first, without what a story arranged."""
    kinds = [row.event.kind for row in world.database.risk_events]
    return [kind for kind in kinds if kind not in {"limits_changed", "killed"}]


class _LocksAt(MemoryLedger):
    """Locks the user's entries in between: right after the entry is written down, or right after it was looked at."""

    def __init__(self, world: TradingWorld, *, after_save: bool = False, lag: float = 0.0) -> None:
        super().__init__(world.database)
        self._world, self._after_save, self._lag = world, after_save, lag
        self.looks = 0

    def save(self, decision: Decision, *, event: Event, **rest: object) -> None:
        super().save(decision, event=event, **rest)  # type: ignore[arg-type]
        if self._after_save and decision.cycle.state is CycleState.ENTERING:
            lock(self._world)
            self._world.clock.sleep(self._lag)

    def check(self, cycle: Cycle) -> Obstacle | None:
        if cycle.state is CycleState.ENTERING and cycle.intents[-1].sent_at is None:
            self.looks += 1
        return super().check(cycle)


class _SlowLooks(MemoryLedger):
    """Takes longer over its first looks than a look is good for; the lock comes in the last of them."""

    def __init__(self, world: TradingWorld, *, slow: int) -> None:
        super().__init__(world.database)
        self._world, self._slow = world, slow
        self._is_saving = False
        self.looks = 0

    def save(self, decision: Decision, *, event: Event, **rest: object) -> None:
        self._is_saving = True  # this fake's own fence check is no look
        super().save(decision, event=event, **rest)  # type: ignore[arg-type]
        self._is_saving = False

    def check(self, cycle: Cycle) -> Obstacle | None:
        seen = super().check(cycle)
        if self._is_saving or self.looks >= self._slow:
            self.looks += not self._is_saving
            return seen
        self.looks += 1
        self._world.clock.sleep(LAST_LOOK.total_seconds() + 0.1)
        if self.looks == self._slow:
            lock(self._world)
        return seen


def test_an_entry_over_a_limit_is_not_sent_and_the_owner_hears_why(world: TradingWorld) -> None:
    strategy = world.add_running()
    limit(world, RiskLimits(position_size=Decimal(35_000)))

    cycle = world.buy(strategy)

    assert world.sent(Side.BUY) == []
    assert (cycle.state, cycle.intents) == (CycleState.FLAT, ())
    assert world.told() == ["entry_blocked"]
    assert "36000 rupees" in world.database.notices[0].text
    assert recorded(world) == ["position_size"]
    assert world.meter.counts["EntriesBlocked"] == 1


def test_a_blocked_entry_is_asked_for_no_second_time_that_day(world: TradingWorld) -> None:
    strategy = world.add_running()
    limit(world, RiskLimits(position_size=Decimal(35_000)))
    world.buy(strategy)
    limit(world, RiskLimits())

    world.executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

    assert world.sent(Side.BUY) == []


def test_a_second_attempt_is_an_entry_too(world: TradingWorld) -> None:
    # given a broker that refuses the first attempt, and a limit of one order a minute
    strategy = world.add_running()
    limit(world, RiskLimits(orders_per_minute=1))
    world.exchange.plan(refuses())

    cycle = world.buy(strategy)

    # then the refusal is on record and no second one was written down
    assert len(world.sent(Side.BUY)) == 1
    assert [intent.state for intent in cycle.intents] == [IntentState.REFUSED]
    assert cycle.state is CycleState.FLAT
    assert world.told() == ["entry_blocked"]
    assert recorded(world) == ["orders_per_minute"]


def test_a_position_over_the_loss_limit_blocks_the_next_entry_at_the_watchers_price(world: TradingWorld) -> None:
    # given ten TCS bought at 3600, and fallen by 50 rupees
    held = world.add_running(stop_loss=Decimal(3500))
    world.buy(held)
    limit(world, RiskLimits(daily_loss=Decimal(500)))
    world.clock.sleep_until(world.at(time(10, 59, 59)))
    world.runtime.put_price("TCS", Decimal(3550), world.clock.now())
    world.instruments.replace_all([make_instrument("TCS"), make_instrument("INFY")])

    cycle = world.buy(world.add_running(symbol="INFY", buy_time=time(11, 1), stop_loss=Decimal(1400)))

    assert cycle.state is CycleState.FLAT
    assert recorded(world) == ["daily_loss"]
    assert world.cycle(held).state is CycleState.LONG


class TestLocks:
    def test_an_entry_due_while_locked_is_missed_and_told(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        lock(world)

        cycle = world.buy(strategy)

        assert world.sent(Side.BUY) == []
        assert (cycle.state, world.told()) == (CycleState.FLAT, ["killed", "not_ready", "entry_blocked"])
        assert cycle.note is not None
        assert "enough" in cycle.note
        assert recorded(world) == ["locked"]

    def test_a_lock_that_comes_while_the_entry_waits_withdraws_it(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        ledger = _LocksAt(world, after_save=True)
        world.clock.sleep_until(world.at(time(9, 28, 30)))

        cycle = world.make_executor(ledger).handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert cycle is not None
        assert world.sent(Side.BUY) == []
        assert [intent.state for intent in cycle.intents] == [IntentState.REFUSED]
        assert cycle.state is CycleState.FLAT
        assert world.told() == ["killed", "entry_blocked"]
        assert recorded(world) == ["locked"]

    def test_an_entry_that_is_held_up_looks_again_before_it_leaves(self, world: TradingWorld) -> None:
        # given an entry that is due, and a lock that comes while its worker is held up longer than a look is good for
        strategy = world.add_running()
        world.clock.sleep_until(world.at(time(9, 30, 1)))
        lag = LAST_LOOK.total_seconds() + 0.1
        ledger = _LocksAt(world, after_save=True, lag=lag)

        world.make_executor(ledger).handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert world.sent(Side.BUY) == []
        assert ledger.looks >= 1

    def test_an_entry_looks_until_a_look_was_quick_enough(self, world: TradingWorld) -> None:
        # given a store that is slow to answer, and a lock that comes while the second look is on its way back
        strategy = world.add_running()
        ledger = _SlowLooks(world, slow=2)
        world.clock.sleep_until(world.at(time(9, 28, 30)))

        world.make_executor(ledger).handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert ledger.looks == 3
        assert world.sent(Side.BUY) == []

    def test_a_connection_that_takes_a_while_at_the_instant_is_followed_by_another_look(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given a connection that is gone when the buy is to leave, and a lock that comes while another is opened
        strategy = world.add_running()
        due = world.at(time(9, 30))

        def open_slowly(_: MemoryBroker) -> None:
            if world.clock.now() >= due:
                world.clock.sleep(1.5)
                lock(world)

        monkeypatch.setattr(MemoryBroker, "warm", open_slowly)
        world.clock.sleep_until(world.at(time(9, 28, 30)))
        world.executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert world.sent(Side.BUY) == []
        assert world.told()[-1] == "entry_blocked"

    def test_an_exit_looks_once_more_and_leaves_however_slow_the_look_was(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        ledger = _SlowLooks(world, slow=9)
        world.clock.sleep_until(world.at(time(14, 58, 30)))

        world.make_executor(ledger).handle(world.command(strategy, OrderEvent.SELL, time(15, 0)))

        assert ledger.looks == 2
        assert len(world.sent(Side.SELL)) == 1

    def test_a_prompt_entry_asks_once_and_no_more(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        ledger = _LocksAt(world)
        world.clock.sleep_until(world.at(time(9, 28, 30)))

        world.make_executor(ledger).handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        (order,) = world.cycle(strategy).intents
        assert order.sent_at == world.at(time(9, 30))
        # once in each save's own fence check of this fake, and once for the last look
        assert ledger.looks == 2

    def test_a_lock_never_stops_an_exit(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        lock(world)

        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert cycle is not None
        assert (cycle.state, cycle.claim) == (CycleState.FLAT, ExitReason.STOPLOSS)
