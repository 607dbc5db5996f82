"""Changing a plan takes effect at once, except for what is held."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from algotrading.contracts.messages import OrderEvent, StopChange
from algotrading.domain.cycle import CycleState
from algotrading.domain.sessions import IST
from algotrading.ports import Lane
from tests.unit.api.world import PLAN, ApiWorld


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
    assert world.runtime.read_strategies([UUID(strategy_id)])[0]["stop_loss"] == "3400"
    assert world.schedules.alarms[f"{strategy_id}-BUY"].payload.at == "10:00:00"
    assert world.schedules.alarms[f"{strategy_id}-SELL"].payload.at == "14:00:00"
    assert world.runtime.changes[-1].stop_loss == Decimal(3400)


@pytest.mark.parametrize(
    ("change", "due_since"),
    [({"stop_loss": 3400}, "09:20:00"), ({"quantity": 20}, "09:20:00"), ({"buy_time": "11:00:00"}, "10:00:00")],
    ids=str,
)
def test_only_another_buy_time_lets_nothing_have_been_due_before(
    world: ApiWorld, change: dict[str, object], due_since: str
) -> None:
    world.at("09:20:00")
    token, strategy_id = world.running_trader()
    world.at("10:00:00")

    world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, **change}, token=token)

    strategy = world.database.strategies[UUID(strategy_id)]
    assert strategy.due_since.astimezone(IST).time().isoformat() == due_since


def test_an_update_into_the_alarms_window_is_armed_at_once(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.at("09:20:00")

    world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "buy_time": "09:21:00"}, token=token)

    ((_, command),) = world.commands()
    assert (command.event, command.deduplication_id) == (OrderEvent.BUY, f"{strategy_id}:2026-11-20:BUY:3")


@pytest.mark.parametrize("change", [{"stop_loss": 3400}, {"broker_stop": False}], ids=str)
def test_a_changed_guard_of_an_open_position_is_carried_to_the_broker_at_once(
    world: ApiWorld, change: dict[str, object]
) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.at("10:00:00")

    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, **change}, token=token)

    assert answer.status == 200
    assert world.sent() == [(Lane.PRIORITY, OrderEvent.RECONCILE)]


def test_a_changed_sell_time_leaves_the_stop_order_alone(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.at("10:00:00")

    world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "sell_time": "14:00:00"}, token=token)

    assert world.sent() == []


def test_a_new_symbol_moves_the_watcher(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "symbol": "INFY"}, token=token)

    assert (world.runtime.changes[-1].symbol, world.runtime.changes[-1].watched) == ("INFY", True)
    assert world.runtime.members["symbol:TCS:strategies"] == set()
    assert world.runtime.members["symbol:INFY:strategies"] == {strategy_id}


@pytest.mark.parametrize("change", [{"symbol": "INFY"}, {"buy_time": "09:30:05"}], ids=str)
def test_an_entry_that_an_executor_begins_meanwhile_stays_guarded(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    # Given an executor that stores and announces an entry just before we tell the watcher of a change
    token, strategy_id = world.running_trader()
    announce = world.runtime.announce
    waiting = [True]

    def announce_second(ours: StopChange) -> None:
        if waiting and waiting.pop():
            world.hold(strategy_id, CycleState.ENTERING)
            announce(ours.model_copy(update={"armed": True, "watched": True}))
        announce(ours)

    monkeypatch.setattr(world.runtime, "announce", announce_second)

    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, **change}, token=token)

    # Then the watcher ends up guarding it
    assert answer.status == 200
    assert [told.armed for told in world.runtime.changes[-3:]] == [True, False, True]
    assert world.runtime.changes[-1].symbol == {**PLAN, **change}["symbol"]
    assert world.runtime.read_strategies([UUID(strategy_id)])[0]["version"] == "3"


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

    # Then the watcher guards the new stop, the SELL is on its way, and the stop order at the broker is looked after
    assert answer.status == 200
    assert (world.runtime.changes[-1].stop_loss, world.runtime.changes[-1].armed) == (Decimal(3510), True)
    assert [(lane, command.event, command.due) for lane, command in world.commands()] == [
        (Lane.NORMAL, OrderEvent.SELL, datetime(2026, 11, 20, 5, 31, tzinfo=UTC)),
        (Lane.PRIORITY, OrderEvent.RECONCILE, None),
    ]


def test_a_sell_time_moved_into_the_past_sells_at_once(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.at("11:00:00")

    world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "sell_time": "10:30:00"}, token=token)

    assert world.sent() == [(Lane.PRIORITY, OrderEvent.SELL)]


def test_what_an_older_day_holds_cannot_be_changed(world: ApiWorld) -> None:
    # Given a position of yesterday that is not sold yet, beside today's cycle, which is over
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, day=date(2026, 11, 19))
    world.hold(strategy_id, CycleState.FLAT)

    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "quantity": 20}, token=token)

    assert (answer.status, answer.error, answer.fields) == (409, "CONFLICT", ["quantity"])


# --- while an executor waits ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "buy_time", "status"),
    [
        ("09:27:59", "09:29:30", 200),
        ("09:28:00", "09:29:30", 409),
        ("09:28:00", "09:15:00", 409),
        ("09:29:59", "09:29:59", 409),
        ("09:28:00", "09:30:00", 200),
        ("09:28:00", "09:30:01", 200),
        ("09:30:00", "09:29:30", 200),
    ],
)
def test_a_buy_that_is_being_prepared_cannot_be_moved_ahead(
    world: ApiWorld, now: str, buy_time: str, status: int
) -> None:
    # Given a buy at 09:30:00, whose alarm rings from 09:28:00 on
    token, strategy_id = world.running_trader()
    world.at(now)
    stored = world.database.strategies[UUID(strategy_id)]

    # When its owner wants another time
    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "buy_time": buy_time}, token=token)

    # Then an earlier one is refused while an executor waits for the old one
    assert answer.status == status
    assert (world.database.strategies[UUID(strategy_id)] == stored) is (status == 409)


def test_the_refusal_says_what_can_be_done(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.at("09:29:00")

    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "buy_time": "09:29:30"}, token=token)

    assert (answer.error, answer.fields) == ("CONFLICT", ["buy_time"])
    assert answer.body["message"] == (
        "the buy at 09:30:00 is being prepared: change buy_time after it, or move it to a later time"
    )


def test_a_buy_that_nobody_waits_for_can_be_moved_ahead(world: ApiWorld) -> None:
    # Given that the day is over already for this strategy
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, CycleState.FLAT)
    world.at("09:29:00")

    assert world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "buy_time": "09:29:30"}, token=token).status == 200


@pytest.mark.parametrize(
    ("sell_time", "status", "sent"),
    [
        ("13:00:00", 200, [(Lane.PRIORITY, OrderEvent.SELL)]),
        ("13:59:00", 200, [(Lane.PRIORITY, OrderEvent.SELL)]),
        ("13:59:05", 200, [(Lane.PRIORITY, OrderEvent.SELL)]),
        ("13:59:06", 409, []),
        ("13:59:59", 409, []),
        ("14:00:00", 200, [(Lane.NORMAL, OrderEvent.SELL)]),
        ("14:01:00", 200, [(Lane.NORMAL, OrderEvent.SELL)]),
        ("14:30:00", 200, []),
    ],
)
def test_a_sell_that_is_being_prepared_is_brought_forward_to_now_or_not_at_all(
    world: ApiWorld, sell_time: str, status: int, sent: list[tuple[Lane, OrderEvent]]
) -> None:
    # Given a position that an executor waits to sell at 14:00:00, at 13:59:00
    token, strategy_id = world.running_trader(sell_time="14:00:00")
    world.hold(strategy_id)
    world.at("13:59:00")

    # When its owner wants another time
    answer = world.call("PUT", f"/strategy/{strategy_id}", {**PLAN, "sell_time": sell_time}, token=token)

    # Then now goes past the executor that waits, and anything between now and then is refused
    assert answer.status == status
    assert world.sent() == sent


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
