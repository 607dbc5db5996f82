"""A strategy's life as its owner commands it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import Lane
from tests.unit.api.world import PLAN, ApiWorld

TODAY = date(2026, 11, 20)


def sent(world: ApiWorld) -> list[tuple[Lane, OrderEvent]]:
    """Lane and event of what the queues were given."""
    return [(lane, command.event) for lane, command in world.commands()]


# --- start ----------------------------------------------------------------------------------------


def test_a_started_strategy_is_spread_to_redis_schedules_and_the_watcher(world: ApiWorld) -> None:
    # Given a connected trader with a strategy, at 08:00
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)

    # When it is started
    answer = world.start(token, strategy_id)

    # Then the answer is the specification's
    assert (answer.status, answer.body) == (200, {"strategy_id": strategy_id, "status": "running"})

    # And two early alarms ring two minutes before their instants, in the minute that is over a minute before
    buy, sell = (world.schedules.alarms[f"{strategy_id}-{event}"] for event in ("BUY", "SELL"))
    assert (buy.hour, buy.minute, buy.payload.at) == (9, 28, "09:30:00")
    assert (sell.hour, sell.minute, sell.payload.at) == (15, 12, "15:14:30")

    # And Redis has the runtime copy, and the watcher knows the strategy without guarding it yet
    assert world.runtime.read_strategy(UUID(strategy_id))["status"] == "running"
    assert world.runtime.read_cycle(UUID(strategy_id))["position"] == "none"
    (change,) = world.runtime.changes
    assert (change.watched, change.armed, change.stop_loss) == (True, False, Decimal(3500))

    # And nothing is ordered yet
    assert sent(world) == []


def test_starting_twice_is_starting_once(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    version = world.database.strategies[UUID(strategy_id)].version

    answer = world.start(token, strategy_id)

    assert (answer.status, answer.body["status"]) == (200, "running")
    assert world.database.strategies[UUID(strategy_id)].version == version


def test_a_strategy_started_inside_its_own_alarm_window_is_armed_at_once(world: ApiWorld) -> None:
    # Given that the alarm for 09:30:00 rings in the minute of 09:28
    world.at("09:28:00")

    # When the strategy is started then
    _, strategy_id = world.running_trader()

    # Then its BUY is on the way with its due instant, under the identity that the alarm would use
    ((lane, command),) = world.commands()
    assert (lane, command.event, command.due) == (Lane.NORMAL, OrderEvent.BUY, datetime(2026, 11, 20, 4, 0, tzinfo=UTC))
    assert command.deduplication_id == f"{strategy_id}:2026-11-20:BUY:2"


@pytest.mark.parametrize(
    ("now", "events"),
    [
        ("09:27:59", []),
        ("09:28:00", [OrderEvent.BUY]),
        ("09:29:59", [OrderEvent.BUY]),
        ("09:30:00", []),
        ("12:00:00", []),
        ("15:13:00", []),
    ],
)
def test_arming_begins_with_the_alarms_minute_and_ends_with_the_due_instant(
    world: ApiWorld, now: str, events: list[OrderEvent]
) -> None:
    world.at(now)

    world.running_trader()

    assert [event for _, event in sent(world)] == events


def test_both_orders_are_armed_when_both_are_near(world: ApiWorld) -> None:
    world.at("09:29:30")

    world.running_trader(buy_time="09:30:10", sell_time="09:30:40")

    assert sent(world) == [(Lane.NORMAL, OrderEvent.BUY), (Lane.NORMAL, OrderEvent.SELL)]


def test_a_buy_time_that_has_passed_is_not_made_up_for(world: ApiWorld) -> None:
    world.at("09:30:00")

    token, strategy_id = world.running_trader()

    # Then the first cycle is Monday's
    assert sent(world) == []
    assert world.status(token, strategy_id).body["next_buy_at"] == "2026-11-23T04:00:00Z"


def test_a_strategy_whose_day_is_over_is_not_armed_again_today(world: ApiWorld) -> None:
    # Given a strategy that bought and sold today and was stopped, and a buy time still ahead
    token, strategy_id = world.running_trader(buy_time="10:00:00")
    world.stop(token, strategy_id)
    world.hold(strategy_id, CycleState.FLAT)
    world.at("09:58:30")

    # When it is started again inside the alarm's window
    assert world.start(token, strategy_id).status == 200

    # Then today's cycle stays over
    assert [event for _, event in sent(world)] == []
    assert world.status(token, strategy_id).body["next_buy_at"] == "2026-11-23T04:30:00Z"


def test_starting_needs_a_broker(world: ApiWorld) -> None:
    token = world.register()
    strategy_id = world.create(token)
    before = world.snapshot()

    answer = world.start(token, strategy_id)

    assert (answer.status, answer.error) == (400, "BROKER_AUTH_FAILED")
    assert "/broker/connect" in answer.body["message"]
    assert world.snapshot() == before


def test_starting_needs_todays_broker_login(world: ApiWorld) -> None:
    # Given a broker token of Friday
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)

    # When the strategy is started on Saturday after six in the morning
    world.clock.sleep(22 * 3600)
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "pass123"}).body["token"]
    answer = world.start(token, strategy_id)

    # Then the trader is told to log in to the broker
    assert (answer.status, answer.error) == (400, "BROKER_AUTH_FAILED")
    assert "/broker/login" in answer.body["message"]


def test_two_running_strategies_must_not_meet_in_one_symbol(world: ApiWorld) -> None:
    token, _ = world.running_trader()
    other = world.create(token, buy_time="10:00:00")
    before = world.snapshot()

    answer = world.start(token, other)

    assert (answer.status, answer.error) == (409, "STRATEGY_OVERLAP")
    assert world.snapshot() == before


def test_another_traders_strategy_is_no_overlap(world: ApiWorld) -> None:
    world.running_trader()
    token = world.register("second@example.com")
    world.connect(token)

    assert world.start(token, world.create(token)).status == 200


def test_a_strategy_cannot_start_while_its_last_position_is_being_sold(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.stop(token, strategy_id)
    world.hold(strategy_id, CycleState.EXITING)
    before = world.snapshot()

    answer = world.start(token, strategy_id)

    assert (answer.status, answer.error) == (409, "CONFLICT")
    assert world.snapshot() == before


def test_a_plan_that_has_become_impossible_does_not_start(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    del world.database.instruments["NSE", "TCS"]

    answer = world.start(token, strategy_id)

    assert (answer.status, answer.error, answer.fields) == (400, "STRATEGY_INVALID", ["symbol"])


# --- stop -----------------------------------------------------------------------------------------


def test_a_stopped_strategy_leaves_no_schedules_and_orders_nothing_when_it_holds_nothing(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    answer = world.stop(token, strategy_id)

    assert (answer.status, answer.body) == (200, {"strategy_id": strategy_id, "status": "stopped"})
    assert world.schedules.alarms == {}
    assert sent(world) == []
    assert world.runtime.changes[-1].watched is False
    assert world.runtime.read_strategy(UUID(strategy_id))["status"] == "stopped"


def test_stopping_sells_what_is_held_at_once(world: ApiWorld) -> None:
    # Given a strategy that holds a position
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.at("11:00:00")

    # When its owner stops it
    world.stop(token, strategy_id)

    # Then the exit goes through the lane that never queues behind entries, and the watcher guards until it is done
    ((lane, command),) = world.commands()
    assert (lane, command.event, command.trading_day) == (Lane.PRIORITY, OrderEvent.STOP, TODAY)
    assert command.deduplication_id == f"{strategy_id}:2026-11-20:STOP:3"
    assert (world.runtime.changes[-1].watched, world.runtime.changes[-1].armed) == (True, True)


@pytest.mark.parametrize(
    ("now", "orders"), [("09:27:59", 0), ("09:28:00", 1), ("09:30:30", 1), ("09:32:00", 1), ("09:32:01", 0)]
)
def test_stopping_while_an_entry_may_be_on_its_way_orders_an_exit(world: ApiWorld, now: str, orders: int) -> None:
    token, strategy_id = world.running_trader()
    world.at(now)

    world.stop(token, strategy_id)

    assert sent(world) == [(Lane.PRIORITY, OrderEvent.STOP)] * orders


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
    assert sent(world) == [(Lane.PRIORITY, OrderEvent.STOP)]


# --- update ---------------------------------------------------------------------------------------


def test_an_update_takes_effect_everywhere_at_once(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    answer = world.call(
        "PUT",
        f"/strategy/{strategy_id}",
        {**PLAN, "buy_time": "10:00:00", "sell_time": "14:00:00", "stop_loss": 3400, "quantity": 20},
        token=token,
    )

    assert answer.status == 200
    assert (answer.body["quantity"], answer.body["effective_sell_time"]) == (20, "14:00:00")
    assert world.database.strategies[UUID(strategy_id)].plan.stop_loss == Decimal(3400)
    assert world.runtime.read_strategy(UUID(strategy_id))["stop_loss"] == "3400"
    assert world.schedules.alarms[f"{strategy_id}-BUY"].payload.at == "10:00:00"
    assert world.schedules.alarms[f"{strategy_id}-SELL"].payload.at == "14:00:00"
    assert world.runtime.changes[-1].stop_loss == Decimal(3400)


def test_an_update_into_the_alarms_window_is_armed_at_once(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.at("09:20:00")

    world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "buy_time": "09:21:00"}, token=token)

    ((_, command),) = world.commands()
    assert (command.event, command.deduplication_id) == (OrderEvent.BUY, f"{strategy_id}:2026-11-20:BUY:3")


def test_a_new_symbol_moves_the_watcher(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "symbol": "INFY"}, token=token)

    assert [(change.symbol, change.watched) for change in world.runtime.changes[-2:]] == [
        ("TCS", False),
        ("INFY", True),
    ]
    assert world.runtime.members["symbol:TCS:strategies"] == set()
    assert world.runtime.members["symbol:INFY:strategies"] == {strategy_id}


@pytest.mark.parametrize("state", [CycleState.ENTERING, CycleState.LONG, CycleState.EXITING])
@pytest.mark.parametrize("change", [{"symbol": "INFY"}, {"quantity": 20}, {"product": "CNC"}], ids=str)
def test_what_is_held_cannot_be_changed(world: ApiWorld, state: CycleState, change: dict[str, object]) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, state)
    before = world.snapshot()

    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, **change}, token=token)

    assert (answer.status, answer.error, answer.fields) == (409, "CONFLICT", list(change))
    assert world.snapshot() == before


def test_stop_and_times_can_change_while_a_position_is_held(world: ApiWorld) -> None:
    # Given a position that is to be sold in the afternoon
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.at("11:00:00")

    # When its owner raises the stop and wants out a minute from now
    plan = {**PLAN, "stop_loss": 3510, "sell_time": "11:01:00"}
    answer = world.call("PUT", f"/strategy/{strategy_id}", plan, token=token)

    # Then the watcher guards the new stop, and the SELL is on its way
    assert answer.status == 200
    assert (world.runtime.changes[-1].stop_loss, world.runtime.changes[-1].armed) == (Decimal(3510), True)
    ((lane, command),) = world.commands()
    assert (lane, command.event, command.due) == (
        Lane.NORMAL,
        OrderEvent.SELL,
        datetime(2026, 11, 20, 5, 31, tzinfo=UTC),
    )


def test_a_sell_time_moved_into_the_past_sells_at_once(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.at("11:00:00")

    world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "sell_time": "10:30:00"}, token=token)

    assert sent(world) == [(Lane.NORMAL, OrderEvent.SELL)]


def test_an_update_of_a_strategy_that_does_not_run_touches_nothing_else(world: ApiWorld) -> None:
    token = world.register()
    strategy_id = world.create(token)

    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "quantity": 20}, token=token)

    assert (answer.status, answer.body["status"]) == (200, "created")
    assert (world.schedules.alarms, world.runtime.hashes, world.commands()) == ({}, {}, [])


def test_a_refused_update_changes_nothing(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    before = world.snapshot()

    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "stop_loss": 0, "quantity": 0}, token=token)

    assert (answer.status, answer.error, answer.fields) == (400, "STRATEGY_INVALID", ["stop_loss", "quantity"])
    assert world.snapshot() == before


# --- read and delete ------------------------------------------------------------------------------


def test_a_trader_sees_only_their_own_strategies_oldest_first(world: ApiWorld) -> None:
    token = world.register()
    first = world.create(token)
    world.clock.sleep(1)
    second = world.create(token, symbol="INFY")
    stranger = world.register("stranger@example.com")
    world.create(stranger)

    answer = world.call("GET", "/strategy", token=token)

    assert [strategy["strategy_id"] for strategy in answer.body["strategies"]] == [first, second]


def test_a_deleted_strategy_is_gone(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.stop(token, strategy_id)

    answer = world.call("DELETE", f"/strategy/{strategy_id}", token=token)

    assert (answer.status, answer.body) == (200, {"strategy_id": strategy_id, "status": "stopped"})
    assert world.status(token, strategy_id).status == 404
    assert world.call("GET", "/strategy", token=token).body == {"strategies": []}
    assert world.runtime.read_strategy(UUID(strategy_id)) == {}


def test_a_running_strategy_cannot_be_deleted(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    before = world.snapshot()

    answer = world.call("DELETE", f"/strategy/{strategy_id}", token=token)

    assert (answer.status, answer.error) == (409, "CONFLICT")
    assert world.snapshot() == before


def test_a_strategy_that_still_holds_something_cannot_be_deleted(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.stop(token, strategy_id)

    answer = world.call("DELETE", f"/strategy/{strategy_id}", token=token)

    assert (answer.status, answer.error) == (409, "CONFLICT")


# --- faults of the copies -------------------------------------------------------------------------


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
    assert sent(world) == [(Lane.PRIORITY, OrderEvent.STOP)]


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
        read.strategy_id, read.user_id, read.plan, StrategyStatus.STOPPED, read.version + 1, read.created_at,
        read.updated_at, "three entries were refused",
    )  # fmt: skip
    reads = iter([read, stopped_by_executor, stopped_by_executor])
    strategies[key] = stopped_by_executor
    monkeypatch.setattr("tests.fakes.strategies.MemoryStrategies.get", lambda *_: next(reads))

    # When the owner stops it
    answer = world.stop(token, strategy_id)

    # Then it is stopped, and the first reason stands
    assert (answer.status, answer.body["status"]) == (200, "stopped")
    assert strategies[key].stop_reason == "three entries were refused"


def test_times_of_day_are_kept_to_the_second(world: ApiWorld) -> None:
    _, strategy_id = world.running_trader(buy_time="09:31:59")

    assert world.database.strategies[UUID(strategy_id)].plan.buy_time == time(9, 31, 59)
    assert world.schedules.alarms[f"{strategy_id}-BUY"].minute == 29
