"""Starting: where a strategy goes, and when it is armed at once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState
from algotrading.ports import Lane
from tests.unit.api.world import ApiWorld


def test_a_started_strategy_is_spread_to_redis_schedules_and_the_watcher(world: ApiWorld) -> None:
    # Given a connected trader with a strategy, at 08:00
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)

    # When it is started
    answer = world.start(token, strategy_id)

    # Then the answer is the specification's
    assert answer.status == 200
    assert {name: answer.body[name] for name in ("strategy_id", "status")} == {
        "strategy_id": strategy_id,
        "status": "running",
    }

    # And two early alarms ring two minutes before their instants, in the minute that is over a minute before
    buy, sell = (world.schedules.alarms[f"{strategy_id}-{event}"] for event in ("BUY", "SELL"))
    assert (buy.hour, buy.minute, buy.payload.at) == (9, 28, "09:30:00")
    assert (sell.hour, sell.minute, sell.payload.at) == (15, 12, "15:14:30")

    # And Redis has the runtime copy, and the watcher knows the strategy without guarding it yet
    assert world.runtime.read_strategies([UUID(strategy_id)])[0]["status"] == "running"
    assert world.runtime.read_cycles([UUID(strategy_id)])[0]["position"] == "none"
    (change,) = world.runtime.changes
    assert (change.watched, change.armed, change.stop_loss) == (True, False, Decimal(3500))

    # And nothing is ordered yet
    assert world.sent() == []


def test_starting_twice_is_starting_once(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    version = world.database.strategies[UUID(strategy_id)].version

    answer = world.start(token, strategy_id)

    assert (answer.status, answer.body["status"]) == (200, "running")
    assert world.database.strategies[UUID(strategy_id)].version == version


@pytest.mark.parametrize("missing", ["broker_accounts", "instruments"])
def test_a_running_strategy_is_answered_as_running_whatever_is_missing_today(world: ApiWorld, missing: str) -> None:
    token, strategy_id = world.running_trader()
    getattr(world.database, missing).clear()

    answer = world.start(token, strategy_id)

    assert (answer.status, answer.body["status"]) == (200, "running")


def test_starting_again_repairs_what_was_lost(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.schedules.alarms.clear()
    world.runtime.lose_everything()

    world.start(token, strategy_id)

    assert set(world.schedules.alarms) == {f"{strategy_id}-BUY", f"{strategy_id}-SELL"}
    assert world.runtime.read_strategies([UUID(strategy_id)])[0]["status"] == "running"


def test_two_taps_on_the_same_button_are_one_start(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given that another request starts the strategy between our reading it and writing it
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    created = world.database.strategies[UUID(strategy_id)]
    world.start(token, strategy_id)
    running = world.database.strategies[UUID(strategy_id)]
    reads = iter([created, running, running])
    monkeypatch.setattr("tests.fakes.strategies.MemoryStrategies.get", lambda *_: next(reads))

    # When ours comes second
    answer = world.start(token, strategy_id)

    # Then it runs, as was asked
    assert (answer.status, answer.body["status"]) == (200, "running")
    assert world.database.strategies[UUID(strategy_id)] == running


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

    assert [event for _, event in world.sent()] == events


def test_both_orders_are_armed_when_both_are_near(world: ApiWorld) -> None:
    world.at("09:29:30")

    world.running_trader(buy_time="09:30:10", sell_time="09:30:40")

    assert world.sent() == [(Lane.NORMAL, OrderEvent.BUY), (Lane.NORMAL, OrderEvent.SELL)]


def test_a_buy_time_that_has_passed_is_not_made_up_for(world: ApiWorld) -> None:
    world.at("09:30:00")

    token, strategy_id = world.running_trader()

    # Then the first cycle is Monday's
    assert world.sent() == []
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
    assert [event for _, event in world.sent()] == []
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
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"}).body[
        "token"
    ]
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
