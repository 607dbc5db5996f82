"""Before the day: what is green, what is red, and what to do about it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.accounts import MemoryBrokerAccounts
from tests.fakes.examples import make_instrument
from tests.unit.api.world import ApiWorld


def look(world: ApiWorld, token: str, strategy_id: str) -> dict[str, Any]:
    answer = world.call("GET", f"/strategy/{strategy_id}/preflight", token=token)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


def red(found: dict[str, Any]) -> dict[str, str]:
    """The remedy of each red check."""
    return {check["name"]: check["remedy"] for check in found["checks"] if not check["is_green"]}


@pytest.fixture
def seeing(world: ApiWorld) -> ApiWorld:
    """A world in which a watcher has just reported that it sees."""
    world.runtime.report_sight(world.clock.now())
    return world


def test_a_running_strategy_of_a_connected_trader_is_ready(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()

    found = look(seeing, token, strategy_id)

    assert (found["is_ready"], red(found)) == (True, {})
    assert found["next_buy_at"] == "2026-11-20T04:00:00Z"
    assert [check["remedy"] for check in found["checks"]] == [None] * 9


def test_everything_that_is_missing_is_told_at_once(world: ApiWorld) -> None:
    # given a trader without a broker, with a strategy that was never started, and no watcher
    token = world.register()
    strategy_id = world.create(token)

    found = look(world, token, strategy_id)

    assert found["is_ready"] is False
    assert set(red(found)) == {"running", "broker_login", "login_lasts", "feed"}
    assert red(found)["broker_login"] == "enter your keys (POST /broker/connect)"


def test_a_login_that_the_broker_refuses_is_red_and_so_is_how_long_it_lasts(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    accounts = MemoryBrokerAccounts(seeing.database)
    account = accounts.find(seeing.user_of(token))
    assert account is not None
    assert account.token_at is not None

    accounts.mark_refused(account.user_id, account.account_id, token_at=account.token_at, now=seeing.clock.now())

    log_in = "log in at the broker (GET /broker/login)"
    assert red(look(seeing, token, strategy_id)) == {"broker_login": log_in, "login_lasts": log_in}


def test_a_login_that_ends_before_the_sale_is_red_while_it_is_still_alive(seeing: ApiWorld) -> None:
    # given a strategy whose buy time of this Friday is over: the next one is on Monday
    token, strategy_id = seeing.running_trader()
    seeing.at("11:00:00")
    seeing.runtime.report_sight(seeing.clock.now())

    found = look(seeing, token, strategy_id)

    # then it is said that the check speaks of Monday
    assert red(found) == {
        "login_lasts": "on Monday 23 November, after 06:00 IST, log in at the broker (GET /broker/login)"
    }
    (text,) = (check["text"] for check in found["checks"] if check["name"] == "login_lasts")
    assert text == (
        "for the sale of Monday 23 November 15:14 IST: the broker login ends at Saturday 21 November 06:00 IST,"
        " before it"
    )
    assert found["next_buy_at"] == "2026-11-23T04:00:00Z"
    # and that there is nothing to be done before
    due = {check["name"]: check["due_from"] for check in found["checks"] if check["due_from"] is not None}
    assert due == {"login_lasts": "2026-11-23T00:30:00Z"}


def test_a_start_whose_login_ends_before_the_sale_is_not_silent(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    world.at("11:00:00")

    answer = world.start(token, strategy_id)

    assert answer.status == 200
    assert any("the broker login ends at Saturday" in warning for warning in answer.body["warnings"])


def test_a_second_start_says_so_again(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    world.start(token, strategy_id)
    world.at("11:00:00")

    answer = world.start(token, strategy_id)

    assert any("the broker login ends at Saturday" in warning for warning in answer.body["warnings"])


def test_a_start_in_time_warns_of_no_login(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)

    answer = world.start(token, world.create(token))

    assert not any("login" in warning for warning in answer.body["warnings"])


def test_a_kill_switch_is_red_with_whose_it_is(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    seeing.call("POST", "/risk/kill", token=token)
    seeing.runtime.report_sight(seeing.clock.now())

    assert red(look(seeing, token, strategy_id)) == {"kill_switch": "release it (POST /risk/release)"}


def test_an_instrument_that_is_not_listed_any_more_is_red(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    del seeing.database.instruments["NSE", "TCS"]

    assert set(red(look(seeing, token, strategy_id))) == {"plan", "login_lasts"}


def test_a_stop_that_is_not_below_the_last_price_is_red_for_nothing_would_be_bought(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader(stop_loss=3200)
    seeing.runtime.put_price("TCS", Decimal("3088.0000"), seeing.clock.now())

    found = look(seeing, token, strategy_id)

    assert (found["is_ready"], red(found)) == (False, {"plan": "change the plan: PUT /strategy/{id}"})
    assert text_of(found, "plan") == (
        "the last price 3088 is not above the stop-loss 3200: unless it is by the buy time, nothing is bought"
    )


def test_a_stop_just_below_the_last_price_is_green(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader(stop_loss=3200)
    seeing.runtime.put_price("TCS", Decimal("3200.05"), seeing.clock.now())

    assert red(look(seeing, token, strategy_id)) == {}


def test_a_price_of_another_day_says_nothing_of_the_stop(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader(stop_loss=3200)
    seeing.runtime.put_price("TCS", Decimal(3088), seeing.clock.now() - timedelta(days=1))

    assert red(look(seeing, token, strategy_id)) == {}


def test_a_watcher_that_has_fallen_silent_is_red(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    seeing.at("08:00:04")

    assert set(red(look(seeing, token, strategy_id))) == {"feed"}


def test_a_runtime_store_that_is_away_is_a_red_feed_and_no_error(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    seeing.runtime.is_down = True

    assert set(red(look(seeing, token, strategy_id))) == {"feed"}


def limits(world: ApiWorld, token: str, **chosen: Any) -> None:
    assert world.call("PUT", "/risk/profile", chosen, token=token).status == 200


def text_of(found: dict[str, Any], name: str) -> str:
    return next(str(check["text"]) for check in found["checks"] if check["name"] == name)


def test_a_limit_that_the_buy_would_break_is_red_before_the_day(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    limits(seeing, token, position_size_limit=30_000)
    seeing.runtime.put_price("TCS", Decimal(3521), seeing.clock.now())

    found = look(seeing, token, strategy_id)

    assert set(red(found)) == {"limits"}
    assert text_of(found, "limits") == "the position would be 35210 rupees, and your limit is 30000 rupees"


def test_a_value_that_nobody_knows_is_held_against_no_limit(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    limits(seeing, token, position_size_limit=30_000, symbol_exposure_limit=30_000)

    found = look(seeing, token, strategy_id)

    assert red(found) == {}
    assert "no price of TCS is known yet" in text_of(found, "limits")


def test_a_limit_on_open_strategies_counts_those_that_hold_something_now(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    limits(seeing, token, open_strategies=1)
    assert red(look(seeing, token, strategy_id)) == {}
    other = seeing.create(token, symbol="INFY")
    seeing.hold(other)

    assert set(red(look(seeing, token, strategy_id))) == {"limits"}


def test_what_is_held_today_is_sold_before_a_buy_of_another_day(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    limits(seeing, token, open_strategies=1)
    seeing.hold(seeing.create(token, symbol="INFY"))
    seeing.at("11:00:00")  # the buy time of this Friday is over
    seeing.runtime.report_sight(seeing.clock.now())

    assert set(red(look(seeing, token, strategy_id))) == {"login_lasts"}


def test_orders_of_the_last_minute_say_nothing_of_a_buy_in_an_hour(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    limits(seeing, token, orders_per_minute=1)
    seeing.hold(seeing.create(token, symbol="INFY"))

    assert red(look(seeing, token, strategy_id)) == {}


def test_prices_that_nobody_can_read_make_no_limit_red(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    limits(seeing, token, position_size_limit=30_000)
    seeing.runtime.put_price("TCS", Decimal(3521), seeing.clock.now())
    seeing.runtime.is_down = True

    assert set(red(look(seeing, token, strategy_id))) == {"feed"}


def test_more_than_the_exchange_takes_in_one_order_is_red(seeing: ApiWorld) -> None:
    future = make_instrument(
        "NIFTY26NOVFUT", exchange="NFO", name="NIFTY", segment="NFO-FUT", instrument_type="FUT", lot_size=65
    )
    seeing.database.instruments["NFO", future.tradingsymbol] = future
    terms = {"symbol": future.tradingsymbol, "exchange": "NFO", "product": "NRML", "stop_loss": 24_000}
    token, strategy_id = seeing.running_trader(**terms, quantity=65 * 28)

    found = look(seeing, token, strategy_id)

    assert set(red(found)) == {"quantity"}
    assert text_of(found, "quantity") == (
        "the exchange takes 1800 in one order (since 01 September 2025), and the plan buys 1820"
    )


def test_the_broker_is_asked_nothing(seeing: ApiWorld) -> None:
    token, strategy_id = seeing.running_trader()
    seeing.exchange.is_down = True

    found = look(seeing, token, strategy_id)

    assert found["is_ready"] is True
    assert "funds" not in {check["name"] for check in found["checks"]}
