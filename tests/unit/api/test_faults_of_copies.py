"""A stored change is a success, whatever becomes of its copies."""

from __future__ import annotations

from datetime import UTC, datetime, time
from uuid import UUID

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import Lane
from tests.unit.api.world import ApiWorld


def test_a_strategy_starts_and_stops_while_redis_is_away(world: ApiWorld, caplog: pytest.LogCaptureFixture) -> None:
    # Given a connected trader, and no Redis
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    world.runtime.is_down = True

    # When the strategy is started
    answer = world.start(token, strategy_id)

    # Then it runs, its schedules exist, and the missing copy is counted for the alarm
    assert (answer.status, answer.body["status"]) == (200, "running")
    assert set(world.schedules.alarms) == {f"{strategy_id}-BUY", f"{strategy_id}-SELL"}
    assert world.meter.counts["PublishFailed"] == 3
    assert "converge will repeat it" in caplog.text

    # And a position is sold all the same when it is stopped
    world.hold(strategy_id)
    assert world.stop(token, strategy_id).status == 200
    assert world.sent() == [(Lane.PRIORITY, OrderEvent.STOP)]


def test_a_fault_of_the_scheduler_loses_nothing_else(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    monkeypatch.setattr(type(world.schedules), "put", _throttled)

    answer = world.start(token, strategy_id)

    assert (answer.status, world.meter.counts["PublishFailed"]) == (200, 2)
    assert world.database.strategies[UUID(strategy_id)].status is StrategyStatus.RUNNING
    assert world.runtime.changes[-1].watched is True


def _throttled(*_: object) -> None:
    raise ConnectionError("ThrottlingException")


def test_a_stop_beats_a_change_made_at_the_same_moment(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given that an executor stops the strategy between our reading it and writing it
    token, strategy_id = world.running_trader()
    strategies, key = world.database.strategies, UUID(strategy_id)
    read = strategies[key]
    stopped_by_executor = read.__class__(
        read.strategy_id, read.user_id, read.account_id, read.plan, StrategyStatus.STOPPED, read.version + 1,
        read.created_at, read.updated_at, "three entries were refused",
    )  # fmt: skip
    reads = iter([read, stopped_by_executor, stopped_by_executor])
    strategies[key] = stopped_by_executor
    monkeypatch.setattr("tests.fakes.strategies.MemoryStrategies.get", lambda *_: next(reads))

    # When the owner stops it
    answer = world.stop(token, strategy_id)

    # Then it is stopped, and the first reason stands
    assert (answer.status, answer.body["status"]) == (200, "stopped")
    assert strategies[key].stop_reason == "three entries were refused"


def test_the_last_minutes_of_the_last_year_with_data_are_like_any_others(world: ApiWorld) -> None:
    # Given 23:58 on the last day of a year, and no data for the next
    token = world.register()
    world.clock.sleep_until(datetime(2026, 12, 31, 18, 28, tzinfo=UTC))
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"}).body[
        "token"
    ]
    world.connect(token)

    # When a strategy is started
    answer = world.start(token, world.create(token))

    # Then it runs, and nothing is armed
    assert (answer.status, world.sent()) == (200, [])


def test_times_of_day_are_kept_to_the_second(world: ApiWorld) -> None:
    _, strategy_id = world.running_trader(buy_time="09:31:59")

    assert world.database.strategies[UUID(strategy_id)].plan.buy_time == time(9, 31, 59)
    assert world.schedules.alarms[f"{strategy_id}-BUY"].minute == 29
