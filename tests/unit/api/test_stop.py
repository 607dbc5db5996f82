"""Stopping: nothing is left behind, and what is held is sold at once."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState
from algotrading.ports import Lane
from tests.unit.api.world import ApiWorld


def test_a_stopped_strategy_leaves_no_schedules_and_orders_nothing_when_it_holds_nothing(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    answer = world.stop(token, strategy_id)

    assert (answer.status, answer.body) == (200, {"strategy_id": strategy_id, "status": "stopped"})
    assert world.schedules.alarms == {}
    assert world.sent() == []
    assert world.runtime.changes[-1].watched is False
    assert world.runtime.read_strategies([UUID(strategy_id)])[0]["status"] == "stopped"


def test_stopping_sells_what_is_held_at_once(world: ApiWorld) -> None:
    # Given a strategy that holds a position
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.at("11:00:00")

    # When its owner stops it
    world.stop(token, strategy_id)

    # Then the exit goes through the lane that never queues behind entries, and the watcher guards until it is done
    ((lane, command),) = world.commands()
    assert (lane, command.event, command.trading_day) == (Lane.PRIORITY, OrderEvent.STOP, date(2026, 11, 20))
    assert command.deduplication_id == f"{strategy_id}:2026-11-20:STOP:3"
    assert (world.runtime.changes[-1].watched, world.runtime.changes[-1].armed) == (True, True)


@pytest.mark.parametrize(
    ("now", "orders"), [("09:27:59", 0), ("09:28:00", 1), ("09:30:30", 1), ("09:32:00", 1), ("09:32:01", 0)]
)
def test_stopping_while_an_entry_may_be_on_its_way_orders_an_exit(world: ApiWorld, now: str, orders: int) -> None:
    token, strategy_id = world.running_trader()
    world.at(now)

    world.stop(token, strategy_id)

    assert world.sent() == [(Lane.PRIORITY, OrderEvent.STOP)] * orders


def test_stopping_twice_is_stopping_once(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.stop(token, strategy_id)
    stored = world.database.strategies[UUID(strategy_id)]

    answer = world.stop(token, strategy_id)

    assert (answer.status, answer.body["status"]) == (200, "stopped")
    assert world.database.strategies[UUID(strategy_id)] == stored
    assert len(world.commands()) == 1


def test_a_strategy_whose_instrument_is_gone_can_be_stopped(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.database.instruments.clear()

    assert world.stop(token, strategy_id).status == 200
    assert world.sent() == [(Lane.PRIORITY, OrderEvent.STOP)]


def test_stopping_sells_what_every_day_holds(world: ApiWorld) -> None:
    # Given a position of yesterday that was never sold, and one of today
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, day=date(2026, 11, 19))
    world.hold(strategy_id)
    world.at("11:00:00")

    world.stop(token, strategy_id)

    assert world.sent() == [(Lane.PRIORITY, OrderEvent.STOP)] * 2
    assert [command.trading_day for _, command in world.commands()] == [date(2026, 11, 19), date(2026, 11, 20)]


def test_stopping_sells_an_older_day_beside_todays_that_is_over(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, day=date(2026, 11, 19))
    world.hold(strategy_id, CycleState.FLAT)
    world.at("11:00:00")

    world.stop(token, strategy_id)

    ((_, command),) = world.commands()
    assert command.trading_day == date(2026, 11, 19)
    assert (world.runtime.changes[-1].armed, world.runtime.changes[-1].trading_day) == (True, date(2026, 11, 19))
