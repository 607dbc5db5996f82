"""Limits, the kill switch and the square-off, as their owner asks for them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from algotrading.adapters.postgres.database import TransactionFailed
from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.limits import RiskLimits
from algotrading.domain.orders import Leg
from algotrading.ports import Lane
from tests.fakes.examples import make_intent
from tests.fakes.risks import MemoryRisks
from tests.unit.api.world import Answer, ApiWorld

PROFILE: dict[str, Any] = {
    "daily_loss_limit": 5000,
    "weekly_loss_limit": 15000.5,
    "position_size_limit": 100_000,
    "symbol_exposure_limit": 150_000,
    "orders_per_minute": 60,
    "open_strategies": 10,
    "square_off_on_loss": True,
}


def read(world: ApiWorld, token: str) -> Any:
    answer = world.call("GET", "/risk/profile", token=token)
    assert answer.status == 200, answer.body
    return answer.body


def kill(world: ApiWorld, token: str, **body: Any) -> Answer:
    return world.call("POST", "/risk/kill", body, token=token)


def release(world: ApiWorld, token: str) -> Answer:
    return world.call("POST", "/risk/release", {}, token=token)


def square_off(world: ApiWorld, token: str, strategy_id: str) -> Answer:
    return world.call("POST", "/strategy/square-off", {"strategy_id": strategy_id}, token=token)


def hold_bought(world: ApiWorld, strategy_id: str, price: int = 3600, **changes: Any) -> Cycle:
    """Ten shares, bought at `price`."""
    cycle = world.hold(strategy_id, **changes)
    order = make_intent(cycle, state=IntentState.DONE, filled=10, average_price=Decimal(price))
    cycle = replace(cycle, intents=(order,))
    world.database.cycles[cycle.strategy_id, cycle.trading_day] = cycle
    return cycle


# --- the profile ----------------------------------------------------------------------------------


def test_without_a_profile_nothing_is_limited(world: ApiWorld) -> None:
    body = read(world, world.register())

    assert set(body["limits"].values()) == {None, False}
    assert (body["usage"]["open_strategies"], body["usage"]["orders_in_last_minute"]) == (0, 0)
    assert body["kill_switch"]["is_locked"] is False


def test_a_profile_is_stored_shown_and_recorded(world: ApiWorld) -> None:
    token = world.register()

    answer = world.call("PUT", "/risk/profile", PROFILE, token=token)

    assert (answer.status, answer.body["limits"]) == (200, PROFILE)
    assert read(world, token)["limits"] == PROFILE
    assert answer.body["events"][0]["kind"] == "limits_changed"
    (limits,) = world.database.risk_limits.values()
    assert limits.weekly_loss == Decimal("15000.5")
    assert world.database.audit[-1].kind == "risk_limits_changed"


def test_a_new_profile_replaces_the_whole_old_one(world: ApiWorld) -> None:
    token = world.register()
    world.call("PUT", "/risk/profile", PROFILE, token=token)

    world.call("PUT", "/risk/profile", {"open_strategies": 3}, token=token)

    (limits,) = world.database.risk_limits.values()
    assert limits == RiskLimits(open_strategies=3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("daily_loss_limit", 0),
        ("daily_loss_limit", -5),
        ("weekly_loss_limit", 1.005),
        ("position_size_limit", 10**11),
        ("orders_per_minute", 0),
        ("orders_per_minute", 2.5),
        ("open_strategies", 10_001),
        ("square_off_on_loss", "yes"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_by_its_name(world: ApiWorld, field: str, value: Any) -> None:
    token = world.register()

    answer = world.call("PUT", "/risk/profile", {**PROFILE, field: value}, token=token)

    assert (answer.status, answer.error, answer.fields) == (400, "REQUEST_INVALID", [field])
    assert world.database.risk_limits == {}


def test_every_wrong_limit_is_named_at_once(world: ApiWorld) -> None:
    wrong = {"daily_loss_limit": 0, "open_strategies": 0, "orders_per_minute": "x"}

    answer = world.call("PUT", "/risk/profile", wrong, token=world.register())

    assert set(answer.fields) == set(wrong)


def test_the_profile_shows_what_is_used_right_now(world: ApiWorld) -> None:
    # given ten shares bought at 3600, and the latest price at 3550
    token, strategy_id = world.running_trader()
    hold_bought(world, strategy_id)
    world.runtime.put_price("TCS", Decimal(3550), world.clock.now())

    usage = read(world, token)["usage"]

    (held,) = usage["exposure"]
    assert held == {
        "exchange": "NSE",
        "symbol": "TCS",
        "quantity": 10,
        "value": 35500.0,
        "is_estimated": False,
        "held": 10,
        "average_price": 3600,
        "last_price": 3550,
        "last_price_at": "2026-11-20T02:30:00Z",
        "open_pnl": -500,
        "strategy_ids": [strategy_id],
    }
    assert (usage["today"]["realised"], usage["today"]["open"]) == (0, -500)
    assert usage["today"]["net"] == pytest.approx(-500 - usage["today"]["charges"])
    assert usage["today"]["charges"] > 0
    assert usage["week"] == usage["today"]
    assert (usage["open_strategies"], usage["estimated_symbols"]) == (1, [])


def test_without_redis_the_profile_says_what_is_estimated(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    hold_bought(world, strategy_id)
    world.runtime.is_down = True

    usage = read(world, token)["usage"]

    assert usage["estimated_symbols"] == ["TCS"]
    (held,) = usage["exposure"]
    assert (held["value"], held["is_estimated"], held["average_price"]) == (36000, True, 3600)
    assert (held["last_price"], held["last_price_at"], held["open_pnl"]) == (None, None, None)


def test_what_is_only_on_order_has_no_average_price_and_no_result(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    cycle = world.hold(strategy_id, CycleState.ENTERING)
    cycle = replace(cycle, intents=(make_intent(cycle, state=IntentState.ACCEPTED),))
    world.database.cycles[cycle.strategy_id, cycle.trading_day] = cycle
    world.runtime.put_price("TCS", Decimal(3550), world.clock.now())

    (ordered,) = read(world, token)["usage"]["exposure"]

    assert (ordered["quantity"], ordered["held"], ordered["last_price"]) == (10, 0, 3550)
    assert (ordered["average_price"], ordered["open_pnl"]) == (None, None)


def test_what_a_deleted_strategy_brought_is_told_apart(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    cycle = hold_bought(world, strategy_id)
    sale = make_intent(cycle, Leg.EXIT, state=IntentState.DONE, filled=10, average_price=Decimal(3590))
    sold = replace(cycle, intents=(*cycle.intents, sale), state=CycleState.FLAT)
    world.database.cycles[cycle.strategy_id, cycle.trading_day] = sold
    before = read(world, token)["usage"]
    world.call("POST", "/strategy/stop", {"strategy_id": strategy_id}, token=token)
    assert world.call("DELETE", f"/strategy/{strategy_id}", token=token).status == 200

    after = read(world, token)["usage"]

    assert (before["deleted_net"], after["today"]) == (0, before["today"])
    assert after["deleted_net"] == after["today"]["net"] < -100


def test_nobody_sees_or_sets_anothers_profile(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    hold_bought(world, strategy_id)
    world.call("PUT", "/risk/profile", PROFILE, token=token)
    kill(world, token)

    other = read(world, world.register("other@example.com"))

    assert set(other["limits"].values()) == {None, False}
    assert (other["usage"]["exposure"], other["events"]) == ([], [])
    assert other["kill_switch"]["is_locked"] is False


# --- the kill switch ------------------------------------------------------------------------------


def test_killing_locks_and_asks_for_everything_to_be_sold(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    hold_bought(world, strategy_id)

    answer = kill(world, token, reason="enough")

    assert (answer.status, answer.body["is_locked"], answer.body["flattening"]) == (200, True, 1)
    assert (answer.body["lock"]["by"], answer.body["lock"]["reason"]) == ("its owner", "enough")
    assert world.sent() == [(Lane.PRIORITY, OrderEvent.KILL)]
    shown = read(world, token)["kill_switch"]
    assert (shown["is_locked"], shown["own"], shown["open_positions"]) == (True, answer.body["lock"], 1)
    assert shown["verified_flat_at"] is None
    assert world.database.audit[-1].kind == "kill_switch_on"
    assert [notice.kind for notice in world.database.notices] == ["killed"]


def test_a_kill_needs_no_reason_and_can_be_repeated(world: ApiWorld) -> None:
    token = world.register()

    first, second = kill(world, token), kill(world, token, reason="again")

    assert first.body["lock"] == second.body["lock"]
    assert first.body["lock"]["reason"] is None


def test_a_trader_who_placed_nothing_is_told_just_that(world: ApiWorld) -> None:
    token = world.register()
    kill(world, token)

    shown = read(world, token)["kill_switch"]

    assert (shown["verified_flat_at"], shown["kill_to_flat_ms"]) == (None, None)
    assert shown["nothing_placed_at"] is not None


def test_no_strategy_is_started_while_the_switch_is_on(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    kill(world, token, reason="enough")

    refused = world.start(token, strategy_id)
    release(world, token)

    assert (refused.status, refused.error) == (409, "RISK_LOCKED")
    assert "enough" in refused.body["message"]
    assert world.start(token, strategy_id).status == 200


def test_release_waits_until_everything_is_settled(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    cycle = hold_bought(world, strategy_id)
    kill(world, token)

    refused = release(world, token)
    world.database.cycles[cycle.strategy_id, cycle.trading_day] = replace(cycle, state=CycleState.FLAT)
    released = release(world, token)

    assert (refused.status, refused.error) == (409, "CONFLICT")
    assert (released.status, released.body) == (200, {"is_locked": False})
    assert read(world, token)["kill_switch"]["own"] is None


def test_what_is_stored_is_answered_although_the_database_fails_after_it(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.register()

    def fail(*_: object) -> None:
        raise TransactionFailed("the database gave up a transaction")

    monkeypatch.setattr(world.ledger, "unsettled_of", fail)
    killed = kill(world, token)
    monkeypatch.setattr(MemoryRisks, "locks", fail)
    released = release(world, token)

    assert (killed.status, killed.body["is_locked"], killed.body["flattening"]) == (200, True, 0)
    assert (released.status, released.body) == (200, {"is_locked": False})


@pytest.mark.parametrize("body", [None, "", "{}"])
def test_neither_needs_a_body(world: ApiWorld, body: str | None) -> None:
    token = world.register()

    killed = world.call("POST", "/risk/kill", raw=body, token=token)
    released = world.call("POST", "/risk/release", raw=body, token=token)

    assert (killed.status, killed.body["lock"]["reason"]) == (200, None)
    assert (released.status, released.body) == (200, {"is_locked": False})


def test_releasing_what_is_not_locked_is_no_error(world: ApiWorld) -> None:
    assert release(world, world.register()).body == {"is_locked": False}


def test_the_operators_switch_is_not_the_traders_to_release(world: ApiWorld) -> None:
    token = world.register()
    MemoryRisks(world.database).lock_deployment(by="ops", reason="exchange trouble", now=world.clock.now())

    assert release(world, token).body == {"is_locked": True}
    assert read(world, token)["kill_switch"]["operator"]["reason"] == "exchange trouble"


# --- the square-off -------------------------------------------------------------------------------


def test_a_square_off_asks_for_the_position_to_be_sold_and_the_strategy_runs_on(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    cycle = hold_bought(world, strategy_id)

    answer = square_off(world, token, strategy_id)

    assert answer.body == {"strategy_id": strategy_id, "status": "running", "squaring_off": True}
    ((lane, command),) = world.commands()
    assert (lane, command.event, command.trading_day) == (Lane.PRIORITY, OrderEvent.SQUARE_OFF, cycle.trading_day)
    assert len(world.schedules.alarms) == 2


def test_a_second_tap_asks_for_the_same(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    hold_bought(world, strategy_id)

    assert [square_off(world, token, strategy_id).status for _ in range(2)] == [200, 200]
    assert len(world.commands()) == 1


@pytest.mark.parametrize("state", [CycleState.IDLE, CycleState.FLAT, CycleState.FAILED])
def test_where_nothing_is_held_there_is_nothing_to_square_off(world: ApiWorld, state: CycleState) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, state)

    answer = square_off(world, token, strategy_id)

    assert (answer.status, answer.error) == (409, "CONFLICT")
    assert "nothing to sell" in answer.body["message"]
    assert world.commands() == []


def test_a_buy_on_its_way_is_squared_off_too(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    cycle = world.hold(strategy_id, CycleState.ENTERING)
    world.database.cycles[cycle.strategy_id, cycle.trading_day] = replace(
        cycle, intents=(make_intent(cycle, Leg.ENTRY),)
    )

    assert square_off(world, token, strategy_id).status == 200
    assert world.sent() == [(Lane.PRIORITY, OrderEvent.SQUARE_OFF)]


def test_anothers_strategy_is_not_squared_off(world: ApiWorld) -> None:
    _, strategy_id = world.running_trader()
    hold_bought(world, strategy_id)

    answer = square_off(world, world.register("other@example.com"), strategy_id)

    assert (answer.status, answer.error) == (404, "NOT_FOUND")
    assert world.database.strategies[UUID(strategy_id)].is_running
    assert world.commands() == []
