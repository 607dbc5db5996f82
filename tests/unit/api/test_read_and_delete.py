"""Reading and deleting strategies."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest

from algotrading.domain.cycle import CycleState
from algotrading.ports import OrderLog
from tests.unit.api.world import ApiWorld


def test_a_trader_sees_only_their_own_strategies_oldest_first(world: ApiWorld) -> None:
    token = world.register()
    first = world.create(token)
    world.clock.sleep(1)
    second = world.create(token, symbol="INFY")
    stranger = world.register("stranger@example.com")
    world.create(stranger)

    answer = world.call("GET", "/strategy", token=token)

    assert [strategy["strategy_id"] for strategy in answer.body["strategies"]] == [first, second]
    assert [strategy["effective_sell_time"] for strategy in answer.body["strategies"]] == ["15:14:30", "15:14:30"]


def test_strategies_are_listed_without_instruments_or_session_data(world: ApiWorld) -> None:
    # Given a year without session data
    token = world.register()
    world.create(token)
    world.clock.sleep(60 * 86_400)
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"}).body[
        "token"
    ]

    answer = world.call("GET", "/strategy", token=token)

    assert (answer.status, answer.body["strategies"][0]["effective_sell_time"]) == (200, None)


def test_a_deleted_strategy_is_gone(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.stop(token, strategy_id)

    answer = world.call("DELETE", f"/strategy/{strategy_id}", token=token)

    assert (answer.status, answer.body) == (200, {"strategy_id": strategy_id, "status": "deleted"})
    assert world.status(token, strategy_id).status == 404
    assert world.call("GET", "/strategy", token=token).body["strategies"] == []
    assert world.runtime.read_strategies([UUID(strategy_id)])[0] == {}


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


def test_an_older_day_that_is_not_sold_yet_keeps_the_strategy(world: ApiWorld) -> None:
    # Given a stopped strategy that holds something of yesterday, while today's cycle is over
    token, strategy_id = world.running_trader()
    world.stop(token, strategy_id)
    world.hold(strategy_id, CycleState.LONG, day=date(2026, 11, 19))
    world.hold(strategy_id, CycleState.FLAT)

    # Then it can be neither deleted nor started again, and its status shows what is held
    assert world.call("DELETE", f"/strategy/{strategy_id}", token=token).error == "CONFLICT"
    assert world.start(token, strategy_id).error == "CONFLICT"
    assert world.status(token, strategy_id).body["cycle"] == {"trading_day": "2026-11-19", "state": "long"}


def test_a_start_that_comes_first_keeps_the_strategy(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given that another request starts the strategy between our reading it and deleting it
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    read = world.database.strategies[UUID(strategy_id)]
    world.start(token, strategy_id)
    running = world.database.strategies[UUID(strategy_id)]
    reads = iter([read, running])
    monkeypatch.setattr("tests.fakes.strategies.MemoryStrategies.get", lambda *_: next(reads))

    answer = world.call("DELETE", f"/strategy/{strategy_id}", token=token)

    assert (answer.status, answer.error) == (409, "CONFLICT")
    assert world.database.deleted == set()


def test_the_orders_of_a_deleted_strategy_are_still_its_owners_to_read(world: ApiWorld) -> None:
    token = world.register()
    strategy_id = world.create(token)
    owner = world.database.strategies[UUID(strategy_id)].user_id
    moment = world.clock.now()
    log = OrderLog(uuid4(), UUID(strategy_id), "BUY", moment, {}, "tag", "1", "accepted", 12.5)
    world.database.logs.append((owner, log))
    world.call("DELETE", f"/strategy/{strategy_id}", token=token)
    stranger = world.register("stranger@example.com")

    answer = world.call("GET", f"/strategy/{strategy_id}/orders", token=token)

    assert [order["broker_order_id"] for order in answer.body["orders"]] == ["1"]
    assert world.call("GET", f"/strategy/{strategy_id}/orders", token=stranger).status == 404
    assert world.call("GET", f"/strategy/{uuid4()}/orders", token=token).status == 404
