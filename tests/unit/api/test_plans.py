"""Which plans may trade, and that a trader hears about every wrong field at once."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from algotrading.domain.instruments import Product
from tests.fakes.examples import make_instrument
from tests.unit.api.world import PLAN, Answer, ApiWorld

RAW = '{{"symbol": "TCS", "buy_time": "09:30:00", "sell_time": "15:00:00", "stop_loss": {}, "quantity": 10}}'


def refused(world: ApiWorld, **changes: Any) -> Answer:
    """The answer to a plan with these changes, which must have changed nothing."""
    token = world.register()
    before = world.snapshot()
    answer = world.call("POST", "/strategy/create", {**PLAN, **changes}, token=token)
    assert (answer.status, answer.error) == (400, "STRATEGY_INVALID")
    assert world.snapshot() == before
    return answer


def test_the_request_of_the_specification_is_accepted(world: ApiWorld) -> None:
    token = world.register()

    answer = world.call("POST", "/strategy/create", PLAN, token=token)

    # Then it is stored, and the trader learns when it will really sell
    assert answer.status == 201
    assert answer.body["status"] == "created"
    assert answer.body["effective_sell_time"] == "15:14:30"
    assert "closing auction" in answer.body["effective_sell_time_reason"]
    stored = world.database.strategies[UUID(answer.body["strategy_id"])]
    assert (stored.plan.exchange, stored.plan.product) == ("NSE", Product.MIS)


def test_a_sell_time_that_can_be_met_needs_no_reason(world: ApiWorld) -> None:
    token = world.register()

    answer = world.call("POST", "/strategy/create", {**PLAN, "sell_time": "14:00:00"}, token=token)

    assert (answer.body["effective_sell_time"], answer.body["effective_sell_time_reason"]) == ("14:00:00", None)


def test_every_wrong_field_is_named_at_once(world: ApiWorld) -> None:
    answer = refused(
        world, buy_time="09:00:00", sell_time="16:00:00", stop_loss="3500", quantity=0, product="BO", is_admin=True
    )

    assert set(answer.fields) == {"buy_time", "sell_time", "stop_loss", "quantity", "product", "is_admin"}


def test_an_unknown_symbol_hides_no_other_problem(world: ApiWorld) -> None:
    answer = refused(world, symbol="NOSUCH", buy_time="15:30:00", sell_time="09:30:00", stop_loss=-1, quantity=-5)

    assert set(answer.fields) == {"symbol", "buy_time", "stop_loss", "quantity"}


def test_of_one_character_it_is_spoken_in_the_singular(world: ApiWorld) -> None:
    assert refused(world, symbol="").body["details"] == [
        {"field": "symbol", "problem": "is too short: at least 1 character"}
    ]


def test_an_unreadable_symbol_hides_no_other_problem(world: ApiWorld) -> None:
    answer = refused(world, symbol=5, buy_time="15:30:00", sell_time="09:30:00", quantity=0)

    assert set(answer.fields) == {"symbol", "buy_time", "quantity"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"symbol": "NOSUCH"}, "symbol", "not a known instrument: GET /instruments?query="),
        ({"exchange": "BSE"}, "symbol", "not a known instrument"),
        ({"symbol": ""}, "symbol", "too short"),
        ({"symbol": "x" * 61}, "symbol", "too long: at most 60 characters"),
        ({"buy_time": "15:30:00"}, "buy_time", "must be before sell_time"),
        ({"buy_time": "09:14:59"}, "buy_time", "opens at 09:15"),
        ({"buy_time": "15:20:00"}, "buy_time", "last possible exit is at 15:14:30"),
        ({"sell_time": "15:30:01"}, "sell_time", "closes at 15:30"),
        ({"buy_time": "9:30:00"}, "buy_time", "HH:MM:SS"),
        ({"buy_time": "09:30"}, "buy_time", "HH:MM:SS"),
        ({"buy_time": "24:00:00"}, "buy_time", "HH:MM:SS"),
        ({"buy_time": "09:30:00+05:30"}, "buy_time", "HH:MM:SS"),
        ({"buy_time": "09:30:00\n"}, "buy_time", "HH:MM:SS"),
        ({"buy_time": "०९:३०:००"}, "buy_time", "HH:MM:SS"),
        ({"stop_loss": 0}, "stop_loss", "mandatory"),
        ({"stop_loss": -3500}, "stop_loss", "mandatory"),
        ({"stop_loss": None}, "stop_loss", "must be a number"),
        ({"stop_loss": "3500"}, "stop_loss", "must be a number"),
        ({"stop_loss": True}, "stop_loss", "must be a number"),
        ({"stop_loss": 3500.03}, "stop_loss", "tick size 0.05"),
        ({"stop_loss": 3500.000001}, "stop_loss", "must have at most 4 decimal places"),
        ({"stop_loss": 10**8}, "stop_loss", "must be less than 100000000"),
        ({"product": "BO"}, "product", "must be 'MIS', 'CNC' or 'NRML'"),
        ({"quantity": 0}, "quantity", "positive whole number"),
        ({"quantity": -10}, "quantity", "positive whole number"),
        ({"quantity": 1.5}, "quantity", "whole number"),
        ({"quantity": "10"}, "quantity", "whole number"),
        ({"quantity": True}, "quantity", "whole number"),
        ({"quantity": 10**12}, "quantity", "must be 10000000 or less"),
        ({"product": "NRML"}, "product", "NRML is for derivatives"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_trade_is_refused_by_field(
    world: ApiWorld, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = refused(world, **changes)

    assert answer.fields == [field]
    assert words in answer.body["details"][0]["problem"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e400", "-1e999", "1e-400"])
def test_a_stop_loss_that_is_no_price_is_refused(world: ApiWorld, number: str) -> None:
    token = world.register()

    answer = world.call("POST", "/strategy/create", raw=RAW.format(number), token=token)

    assert (answer.status, answer.error, answer.fields) == (400, "STRATEGY_INVALID", ["stop_loss"])


@pytest.mark.parametrize(
    ("number", "stored"), [("3500.05", "3500.05"), ("3500.0500", "3500.05"), ("35e2", "3500"), ("0.05", "0.05")]
)
def test_a_stop_loss_is_taken_from_the_digits_as_written(world: ApiWorld, number: str, stored: str) -> None:
    token = world.register()

    answer = world.call("POST", "/strategy/create", raw=RAW.format(number), token=token)

    assert answer.status == 201
    assert world.database.strategies[UUID(answer.body["strategy_id"])].plan.stop_loss == Decimal(stored)


def test_digits_beyond_a_double_are_not_rounded_away(world: ApiWorld) -> None:
    # Given a number that a double would round to a good price
    token = world.register()

    answer = world.call("POST", "/strategy/create", raw=RAW.format("3500.05000000000000000001"), token=token)

    assert (answer.error, answer.fields) == ("STRATEGY_INVALID", ["stop_loss"])


def test_symbol_and_exchange_are_known_in_whatever_case(world: ApiWorld) -> None:
    token = world.register()

    strategy_id = world.create(token, symbol="tcs", exchange="nse")

    stored = world.database.strategies[UUID(strategy_id)].plan
    assert (stored.symbol, stored.exchange) == ("TCS", "NSE")


# --- warnings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "warnings"),
    [
        (
            "3499.95",
            [
                "the stop-loss 3500 is not below the last price of TCS, 3499.95: "
                "at such a price nothing is bought, and what is held is sold at once"
            ],
        ),
        (
            "3500.0000",
            [
                "the stop-loss 3500 is not below the last price of TCS, 3500: "
                "at such a price nothing is bought, and what is held is sold at once"
            ],
        ),
        ("3500.05", []),
    ],
)
def test_a_stop_that_would_be_hit_at_once_is_warned_of(world: ApiWorld, price: str, warnings: list[str]) -> None:
    # Given a connected trader and a fresh price
    token = world.register()
    world.connect(token)
    world.runtime.put_price("TCS", Decimal(price), world.clock.now())
    plan = {**PLAN, "sell_time": "15:00:00"}

    # When a strategy is created, started and changed
    created = world.call("POST", "/strategy/create", plan, token=token)
    started = world.start(token, created.body["strategy_id"])
    updated = world.call("PUT", f"/strategy/{created.body['strategy_id']}", plan, token=token)

    # Then nothing is refused, and the trader is told each time
    assert (created.status, started.status, updated.status) == (201, 200, 200)
    assert [created.body["warnings"], started.body["warnings"], updated.body["warnings"]] == [warnings] * 3


def test_an_old_price_warns_of_nothing(world: ApiWorld) -> None:
    token = world.register()
    world.runtime.put_price("TCS", Decimal(3000), world.clock.now())
    world.clock.sleep(301)

    answer = world.call("POST", "/strategy/create", {**PLAN, "sell_time": "15:00:00"}, token=token)

    assert answer.body["warnings"] == []


def test_without_redis_a_strategy_is_created_without_that_warning(world: ApiWorld) -> None:
    token = world.register()
    world.runtime.is_down = True

    answer = world.call("POST", "/strategy/create", {**PLAN, "sell_time": "15:00:00"}, token=token)

    assert (answer.status, answer.body["warnings"]) == (201, [])


def test_a_square_off_that_shortens_the_day_is_warned_of(world: ApiWorld) -> None:
    # Given a share without derivatives, which trades on until 15:30
    world.database.instruments["NSE", "SMALL"] = make_instrument("SMALL", has_derivatives=False)
    token = world.register()

    answer = world.call("POST", "/strategy/create", {**PLAN, "symbol": "SMALL"}, token=token)

    (warning,) = answer.body["warnings"]
    assert warning.startswith(
        f"it is sold at {answer.body['effective_sell_time']}, not at 15:30:00: the broker squares"
    )


def test_derivatives_trade_in_lots(world: ApiWorld) -> None:
    # Given a future with lots of 75
    future = make_instrument("NIFTY26NOVFUT", exchange="NFO", segment="NFO-FUT", instrument_type="FUT", lot_size=75)
    world.database.instruments["NFO", "NIFTY26NOVFUT"] = future
    token = world.register()
    plan = {**PLAN, "symbol": "NIFTY26NOVFUT", "exchange": "NFO", "sell_time": "15:35:00", "product": "NRML"}

    # When somebody asks for 100, and then for 150
    odd = world.call("POST", "/strategy/create", {**plan, "quantity": 100}, token=token)
    even = world.call("POST", "/strategy/create", {**plan, "quantity": 150}, token=token)

    # Then only whole lots are accepted, and the longer session of derivatives counts
    assert (odd.status, odd.fields) == (400, ["quantity"])
    assert (even.status, even.body["effective_sell_time"]) == (201, "15:35:00")


def test_an_index_cannot_be_traded(world: ApiWorld) -> None:
    world.database.instruments["NSE", "NIFTY 50"] = make_instrument("NIFTY 50", tick_size=Decimal(0))

    assert refused(world, symbol="NIFTY 50").fields == ["symbol"]


def test_a_year_without_session_data_fails_closed(world: ApiWorld) -> None:
    token = world.register()
    world.clock.sleep(60 * 86_400)
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"}).body[
        "token"
    ]

    answer = world.call("POST", "/strategy/create", PLAN, token=token)

    assert (answer.status, answer.error) == (503, "CALENDAR_MISSING")
    assert not world.database.strategies


def test_prices_are_answered_as_json_numbers(world: ApiWorld) -> None:
    token = world.register()
    strategy_id = world.create(token, stop_loss=3500.05)

    answer = world.call("GET", f"/strategy/{strategy_id}", token=token)

    assert json.dumps(answer.body["stop_loss"]) == "3500.05"
    assert answer.body["buy_time"] == "09:30:00"
