"""Reading and deleting strategies."""

from __future__ import annotations

from uuid import UUID

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
