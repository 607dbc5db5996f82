"""What a trader is told of a strategy that trades."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.domain.cycle import CycleState, ExitReason, IntentState
from algotrading.domain.orders import BrokerStatus, Fill, Leg
from algotrading.ports import OrderLog
from tests.fakes.examples import make_intent
from tests.unit.api.world import ApiWorld

SPECIFIED = {"strategy_id", "status", "position", "last_action", "last_price"}


def done(world: ApiWorld, strategy_id: str, leg: Leg, **changes: Any) -> None:
    """Let today's cycle have an order of `leg` that was filled completely."""
    strategy = world.database.strategies[UUID(strategy_id)]
    key = next(key for key in world.database.cycles if key[0] == strategy.strategy_id)
    cycle = world.database.cycles[key]
    filled = {"state": IntentState.DONE, "broker_status": BrokerStatus.COMPLETE, "filled": 10, **changes}
    intent = make_intent(cycle, leg, broker_order_id=f"order-{leg}", **filled)
    world.database.cycles[key] = replace(cycle, intents=(*cycle.intents, intent))


def test_a_strategy_that_was_never_started(world: ApiWorld) -> None:
    token = world.register()

    answer = world.status(token, world.create(token))

    assert answer.status == 200
    assert set(answer.body) >= SPECIFIED
    assert (answer.body["status"], answer.body["position"]) == ("created", "none")
    assert (answer.body["last_action"], answer.body["last_price"], answer.body["next_buy_at"]) == (None, None, None)


def test_a_strategy_that_waits_for_its_buy_time(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    body = world.status(token, strategy_id).body

    assert (body["status"], body["position"]) == ("running", "none")
    assert (body["exchange"], body["symbol"]) == ("NSE", "TCS")
    assert (body["next_buy_at"], body["next_sell_at"]) == ("2026-11-20T04:00:00Z", "2026-11-20T09:44:30Z")
    assert (body["effective_sell_time"], body["stop_loss"], body["quantity"]) == ("15:14:30", 3500, 10)
    assert "closing auction" in body["effective_sell_time_reason"]
    assert body["note"] == "buys next on Friday 20 November 2026 at 09:30:00 IST"
    assert body["as_of"] == "2026-11-20T02:30:00Z"


def test_a_strategy_that_holds_a_position(world: ApiWorld) -> None:
    # Given a strategy that bought at 3520.25, and a live price
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, note="bought 10")
    done(world, strategy_id, Leg.ENTRY, average_price=Decimal("3520.25"))
    world.at("10:00:00")
    world.runtime.put_price("TCS", Decimal("3521.50"), world.clock.now())

    # When its owner looks
    body = world.status(token, strategy_id).body

    # Then it is the specification's answer, and more
    assert {name: body[name] for name in SPECIFIED} == {
        "strategy_id": strategy_id,
        "status": "running",
        "position": "bought",
        "last_action": "BUY",
        "last_price": 3521.50,
    }
    assert (body["average_buy_price"], body["average_sell_price"]) == (3520.25, None)
    assert (body["realised_pnl"], body["open_pnl"], body["charges"], body["net_pnl"]) == (0, 12.5, 14.84, -2.34)
    assert body["cycle"] == {"trading_day": "2026-11-20", "state": "long"}
    assert body["last_price_at"] == "2026-11-20T04:30:00Z"
    assert body["next_buy_at"] == "2026-11-23T04:00:00Z"
    assert body["next_sell_at"] == "2026-11-20T09:44:30Z"
    assert body["note"] == "bought 10"


def test_a_strategy_that_hit_its_stop(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, CycleState.FLAT, claim=ExitReason.STOPLOSS)
    done(world, strategy_id, Leg.ENTRY, average_price=Decimal("3520"))
    done(world, strategy_id, Leg.EXIT, average_price=Decimal("3499.90"))

    body = world.status(token, strategy_id).body

    assert (body["position"], body["last_action"], body["average_sell_price"]) == ("sold", "STOPLOSS", 3499.9)
    assert (body["realised_pnl"], body["open_pnl"], body["charges"], body["net_pnl"]) == (-201, 0, 37.28, -238.28)


def test_without_a_live_price_the_open_result_is_not_known(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    done(world, strategy_id, Leg.ENTRY, average_price=Decimal("3520"))

    body = world.status(token, strategy_id).body

    assert (body["realised_pnl"], body["open_pnl"], body["charges"], body["net_pnl"]) == (0, None, 14.84, None)


def test_before_anything_was_bought_there_is_no_result(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)

    body = world.status(token, strategy_id).body

    assert (body["realised_pnl"], body["open_pnl"], body["charges"], body["net_pnl"]) == (None, None, None, None)


def test_partial_fills_are_averaged_by_quantity(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    done(world, strategy_id, Leg.ENTRY, filled=2, average_price=Decimal("3500"))
    done(world, strategy_id, Leg.ENTRY, filled=1, average_price=Decimal("3501"), attempt=2)

    assert world.status(token, strategy_id).body["average_buy_price"] == 3500.33


def test_yesterdays_cycle_is_history(world: ApiWorld) -> None:
    # Given a strategy that bought and sold on Friday
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, CycleState.FLAT)
    done(world, strategy_id, Leg.ENTRY, average_price=Decimal("3520"))

    # When its owner looks on Monday morning
    world.clock.sleep(timedelta(days=3).total_seconds())
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"}).body[
        "token"
    ]
    body = world.status(token, strategy_id).body

    # Then the new day has not begun
    assert (body["position"], body["cycle"], body["next_buy_at"]) == ("none", None, "2026-11-23T04:00:00Z")


def test_a_stopped_strategy_says_why(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.stop(token, strategy_id)

    body = world.status(token, strategy_id).body

    assert (body["status"], body["stop_reason"], body["next_buy_at"]) == ("stopped", "stopped by its owner", None)


def test_without_redis_only_the_live_price_is_missing(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.runtime.is_down = True

    answer = world.status(token, strategy_id)

    assert (answer.status, answer.body["last_price"], answer.body["cycle"]["state"]) == (200, None, "long")
    assert world.meter.counts["RedisDown"] == 1


def test_unguarded_time_runs_in_the_status_before_it_is_measured(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.runtime.report_sight(world.clock.now())
    world.hold(strategy_id, sampled_at=world.clock.now(), sampled_blind=timedelta(0))
    done(world, strategy_id, Leg.ENTRY)

    seen = world.status(token, strategy_id).body["naked_seconds"]
    world.clock.sleep(20)
    unseen = world.status(token, strategy_id).body["naked_seconds"]

    assert (seen, unseen) == (0, 20)


def test_at_the_years_end_there_is_no_next_day_to_name(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.clock.sleep(timedelta(days=41, hours=8).total_seconds())
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"}).body[
        "token"
    ]

    answer = world.status(token, strategy_id)

    assert (answer.status, answer.body["next_buy_at"], answer.body["next_sell_at"]) == (200, None, None)


def test_orders_are_listed_with_the_brokers_own_words(world: ApiWorld) -> None:
    # Given one order that the broker accepted and filled
    token, strategy_id = world.running_trader()
    key = UUID(strategy_id)
    user_id = world.database.strategies[key].user_id
    moment = world.clock.now()
    log = OrderLog(uuid4(), key, "BUY", moment, {"data": {"order_id": "1"}}, "tag", "1", "accepted", 12.5)
    world.database.logs.append((user_id, log))

    answer = world.call("GET", f"/strategy/{strategy_id}/orders", token=token)

    assert answer.status == 200
    assert answer.body["orders"] == [
        {
            "order_id": str(log.order_id),
            "order_type": "BUY",
            "timestamp": "2026-11-20T02:30:00Z",
            "event": "answer",
            "outcome": "accepted",
            "broker_order_id": "1",
            "tag": "tag",
            "side": None,
            "quantity": None,
            "trigger_price": None,
            "filled": None,
            "average_price": None,
            "state": None,
            "execution_time_ms": 12.5,
            "raw_response": {"data": {"order_id": "1"}},
        }
    ]
    assert answer.body["trades"] == []


@pytest.mark.parametrize(
    ("outcome", "event", "milliseconds"),
    [
        ("accepted", "answer", 12.5),
        ("refused", "answer", 12.5),
        ("unknown", "answer", 12.5),
        ("cancel_accepted", "cancel", 12.5),
        ("COMPLETE", "final", None),
        ("CANCELLED", "final", None),
        ("REJECTED", "final", None),
    ],
)
def test_each_entry_of_the_order_log_says_what_it_is(
    world: ApiWorld, outcome: str, event: str, milliseconds: float | None
) -> None:
    token, strategy_id = world.running_trader()
    owner = world.database.strategies[UUID(strategy_id)].user_id
    log = OrderLog(uuid4(), UUID(strategy_id), "BUY", world.clock.now(), {}, "tag", "1", outcome, 12.5)
    world.database.logs.append((owner, log))

    (order,) = world.call("GET", f"/strategy/{strategy_id}/orders", token=token).body["orders"]

    assert (order["event"], order["outcome"], order["execution_time_ms"]) == (event, outcome, milliseconds)


def test_trades_are_listed_with_exact_prices(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token, strategy_id = world.running_trader()
    fill = Fill("trade-1", "1", "NSE", 10, Decimal("3520.05"), world.clock.now())
    monkeypatch.setattr(world.ledger, "fills", lambda *_: [fill])

    (trade,) = world.call("GET", f"/strategy/{strategy_id}/orders", token=token).body["trades"]

    assert (trade["trade_id"], trade["quantity"], trade["price"]) == ("trade-1", 10, 3520.05)


def test_a_part_that_is_bought_is_told_wherever_the_order_is(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an order whose answer was lost; the broker's book has shown it since, cancelled after 3 of 10
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    cancelled = {"broker_status": BrokerStatus.CANCELLED, "filled": 3, "average_price": Decimal("3520.05")}
    done(world, strategy_id, Leg.ENTRY, **cancelled)
    key = UUID(strategy_id)
    (cycle,) = (cycle for cycle in world.database.cycles.values() if cycle.strategy_id == key)
    (order,) = cycle.intents
    log = OrderLog(uuid4(), key, "BUY", world.clock.now(), {}, order.tag, None, "unknown", 12.5)
    world.database.logs.append((cycle.user_id, log))
    assert order.broker_order_id is not None
    fill = Fill("trade-1", order.broker_order_id, "NSE", 3, Decimal("3520.05"), world.clock.now())
    monkeypatch.setattr(world.ledger, "fills", lambda *_: [fill])

    body = world.status(token, strategy_id).body
    told = world.call("GET", f"/strategy/{strategy_id}/orders", token=token).body

    assert (body["cycle_quantity"], body["bought_quantity"], body["held_quantity"]) == (10, 3, 3)
    (said,) = told["orders"]
    assert (said["outcome"], said["state"], said["side"]) == ("unknown", "done", "BUY")
    assert (said["quantity"], said["filled"], said["average_price"]) == (10, 3, 3520.05)
    assert [trade["side"] for trade in told["trades"]] == ["BUY"]


def test_instruments_are_found_by_symbol_or_name(world: ApiWorld) -> None:
    token = world.register()

    answer = world.call("GET", "/instruments", token=token, query={"query": "inf"})

    (found,) = answer.body["instruments"]
    assert (found["exchange"], found["symbol"], found["tick_size"], found["lot_size"]) == ("NSE", "INFY", 0.05, 1)
    assert (found["last_price"], found["last_price_at"]) == (None, None)


def test_an_instrument_comes_with_the_price_that_a_watcher_saw_last(world: ApiWorld) -> None:
    token = world.register()
    world.runtime.put_price("INFY", Decimal("1511.05"), world.clock.now())

    (found,) = world.call("GET", "/instruments", token=token, query={"query": "inf"}).body["instruments"]

    assert (found["last_price"], found["last_price_at"]) == (1511.05, "2026-11-20T02:30:00Z")


def test_instruments_are_found_while_the_runtime_store_is_away(world: ApiWorld) -> None:
    token = world.register()
    world.runtime.is_down = True

    (found,) = world.call("GET", "/instruments", token=token, query={"query": "inf"}).body["instruments"]

    assert (found["symbol"], found["last_price"]) == ("INFY", None)
