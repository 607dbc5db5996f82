"""GET /strategy/{id}/timeline."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.unit.api.world import ApiWorld


def read(world: ApiWorld, token: str, strategy_id: str, **query: str) -> tuple[int, dict[str, object]]:
    answer = world.call("GET", f"/strategy/{strategy_id}/timeline", token=token, query=query or None)
    return answer.status, answer.body


def test_a_trader_reads_what_was_commanded_and_why_nothing_was_bought(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.at("09:29:10")
    world.stop(token, strategy_id)
    world.at("11:00:00")

    status, body = read(world, token, strategy_id)

    assert status == 200
    assert (body["strategy_id"], body["trading_day"]) == (strategy_id, "2026-11-20")
    lines = body["lines"]
    assert isinstance(lines, list)
    assert [(line["ist"], line["kind"], line["text"]) for line in lines if line["kind"] != "connection"] == [
        ("08:00:00.000", "command", "created: buys 10 TCS at 09:30:00, sells at 15:30:00, stop-loss 3500"),
        ("08:00:00.000", "command", "started by its owner: buys 10 TCS at 09:30:00, sells at 15:30:00, stop-loss 3500"),
        ("09:29:10.000", "command", "stopped: stopped by its owner"),
        (
            "09:30:00.000",
            "not_fired",
            "the strategy was not running at its buy time 09:30:00 (stopped: stopped by its owner)",
        ),
    ]
    assert lines[-1]["at"] == "2026-11-20T04:00:00Z"
    assert lines[-1]["broker_order_id"] is None


def test_a_day_can_be_chosen(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    status, body = read(world, token, strategy_id, day="2026-11-21")

    assert status == 200
    assert body["trading_day"] == "2026-11-21"
    lines = body["lines"]
    assert isinstance(lines, list)
    assert lines[-1]["text"] == "the exchange is closed on this day"


@pytest.mark.parametrize(
    "day", ["yesterday", "2026-13-01", "20-11-2026", "", "2026-11-20T09:00", "1605830400", "9999-12-31", "0001-01-01"]
)
def test_a_day_that_is_none_is_refused_by_name(world: ApiWorld, day: str) -> None:
    token, strategy_id = world.running_trader()

    answer = world.call("GET", f"/strategy/{strategy_id}/timeline", token=token, query={"day": day})

    assert (answer.status, answer.error, answer.fields) == (400, "REQUEST_INVALID", ["day"])


def test_nobody_reads_anothers_timeline(world: ApiWorld) -> None:
    _, strategy_id = world.running_trader()
    stranger = world.register("stranger@example.com")

    assert world.call("GET", f"/strategy/{strategy_id}/timeline", token=stranger).error == "NOT_FOUND"
    assert world.call("GET", f"/strategy/{uuid4()}/timeline", token=stranger).error == "NOT_FOUND"


def test_a_deleted_strategys_timeline_is_still_its_owners_to_read(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.stop(token, strategy_id)
    world.call("DELETE", f"/strategy/{strategy_id}", token=token)

    status, body = read(world, token, strategy_id)

    assert status == 200
    lines = body["lines"]
    assert isinstance(lines, list)
    assert "deleted by its owner" in [line["text"] for line in lines]
