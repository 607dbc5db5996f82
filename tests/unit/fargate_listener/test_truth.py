"""What the watcher should know, read from the stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from algotrading.contracts.messages import StopChange
from algotrading.domain.cycle import CycleState
from algotrading.domain.strategy import Strategy, StrategyStatus
from fargate_listener.truth import Truth
from tests.fakes.clock import VirtualClock
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import TRADING_DAY, make_instrument, make_strategy, make_user
from tests.fakes.instruments import MemoryInstruments
from tests.fakes.ledger import MemoryLedger
from tests.fakes.strategies import MemoryStrategies

TCS = 2953217


class Desk:
    """Stores in memory and the truth over them."""

    def __init__(self) -> None:
        database = MemoryDatabase()
        self.clock = VirtualClock()
        self.database = database
        self.strategies = MemoryStrategies(database)
        self.instruments = MemoryInstruments(database)
        self.ledger = MemoryLedger(database)
        self.instruments.replace_all([make_instrument("TCS", instrument_token=TCS)])
        self.truth = Truth(ledger=self.ledger, instruments=self.instruments, clock=self.clock)

    def add(self, status: StrategyStatus = StrategyStatus.RUNNING, **plan: object) -> Strategy:
        strategy = make_strategy(make_user().user_id, status=status, **plan)
        self.strategies.add(strategy)
        return strategy

    def put_cycle(self, strategy: Strategy, state: CycleState, days_ago: int = 0) -> None:
        day = TRADING_DAY - timedelta(days=days_ago)
        cycle = self.ledger.take(strategy, day)
        self.database.cycles[(strategy.strategy_id, day)] = replace(cycle, state=state)

    def change_of(self, strategy_id: UUID) -> StopChange | None:
        return self.truth.read().changes.get(strategy_id)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_running_strategy_is_watched_and_not_armed_before_its_entry(desk: Desk) -> None:
    strategy = desk.add(quantity=10, stop_loss=Decimal(3400))

    assert desk.change_of(strategy.strategy_id) == StopChange(
        strategy_id=strategy.strategy_id,
        user_id=strategy.user_id,
        exchange="NSE",
        symbol="TCS",
        instrument_token=TCS,
        watched=True,
        armed=False,
        quantity=10,
        stop_loss=Decimal(3400),
        trading_day=TRADING_DAY,
    )


@pytest.mark.parametrize("state", [CycleState.ENTERING, CycleState.LONG, CycleState.EXITING])
def test_whatever_may_hold_something_is_armed(desk: Desk, state: CycleState) -> None:
    strategy = desk.add()
    desk.put_cycle(strategy, state)

    change = desk.change_of(strategy.strategy_id)

    assert change is not None
    assert change.armed


@pytest.mark.parametrize("state", [CycleState.IDLE, CycleState.FLAT, CycleState.FAILED])
def test_whatever_holds_nothing_is_not(desk: Desk, state: CycleState) -> None:
    strategy = desk.add()
    desk.put_cycle(strategy, state)

    change = desk.change_of(strategy.strategy_id)

    assert change is not None
    assert not change.armed


def test_a_stopped_strategy_stays_guarded_until_it_is_flat(desk: Desk) -> None:
    strategy = desk.add(StrategyStatus.STOPPED)
    desk.put_cycle(strategy, CycleState.LONG)

    change = desk.change_of(strategy.strategy_id)
    assert change is not None
    assert change.armed

    desk.put_cycle(strategy, CycleState.FLAT)
    assert desk.change_of(strategy.strategy_id) is None


def test_a_position_is_guarded_at_the_newest_stop_of_its_owner_on_the_day_of_its_cycle(desk: Desk) -> None:
    strategy = desk.add(quantity=10, stop_loss=Decimal(3400))
    desk.put_cycle(strategy, CycleState.LONG, days_ago=1)
    moved = replace(strategy, plan=replace(strategy.plan, quantity=10, stop_loss=Decimal(3450)), version=2)
    desk.strategies.save(moved, expected_version=1)

    change = desk.change_of(strategy.strategy_id)

    assert change is not None
    assert change.stop_loss == Decimal(3450)
    assert change.trading_day == TRADING_DAY - timedelta(days=1)


def test_an_instrument_missing_from_the_dump_is_named(desk: Desk) -> None:
    strategy = desk.add(symbol="GONE")

    snapshot = desk.truth.read()

    assert snapshot.changes == {}
    assert snapshot.unknown == {strategy.strategy_id: "NSE:GONE"}
    assert snapshot.unguarded == frozenset()


def test_an_instrument_missing_from_the_dump_that_is_held_is_told_apart(desk: Desk) -> None:
    desk.add(symbol="GONE")
    desk.put_cycle(desk.add(symbol="DELISTED"), CycleState.LONG)

    assert desk.truth.read().unguarded == {"NSE:DELISTED"}


def test_a_new_token_of_the_days_dump_is_noticed_by_the_next_reading(desk: Desk) -> None:
    strategy = desk.add()
    desk.truth.read()
    desk.instruments.replace_all([make_instrument("TCS", instrument_token=777)])

    change = desk.change_of(strategy.strategy_id)
    assert change is not None
    assert change.instrument_token == 777
