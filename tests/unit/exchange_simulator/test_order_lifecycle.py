"""Orders go through Kite's states, and are refused where Kite refuses them."""

import dataclasses
from typing import Any

import pytest

from exchange_simulator.engine.modification import Change
from exchange_simulator.engine.oms import Handling
from exchange_simulator.errors import KiteError
from exchange_simulator.money import paise
from tests.unit.exchange_simulator.floor import LAKH, Floor, statuses


def test_market_order_goes_through_every_state_to_complete(floor: Floor) -> None:
    order = floor.order(floor.account())
    assert statuses(order) == ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN", "COMPLETE"]


def test_protected_market_order_is_a_limit_order_with_system_tags(floor: Floor) -> None:
    # given INFY at 1545.00 with a tick of 0.10
    floor.price("1545.00")
    # when it is bought at the market with two percent protection
    order = floor.order(floor.account(), market_protection=2.0, tag="mine")
    # then the row shows the protection price, not the market order
    assert (order.order_type, order.price, order.market_protection) == ("LIMIT", paise("1575.90"), 0)
    assert order.tags == ("mine", "mktp", "mktp:2.00")


def test_market_order_larger_than_the_depth_rests_at_its_protection_price(floor: Floor) -> None:
    floor.depth(10)
    order = floor.order(floor.account(), quantity=80)
    assert (order.status, order.filled, order.pending) == ("OPEN", 50, 30)
    assert [event for _, event in floor.updates] == ["UPDATE"] * 5


def test_limit_order_rests_until_the_price_comes(floor: Floor) -> None:
    order = floor.order(floor.account(), order_type="LIMIT", price="1500.00")
    assert order.status == "OPEN"
    floor.price("1499.00")
    assert (order.status, order.filled_value) == ("COMPLETE", 10 * paise("1500.00"))


def test_ioc_remainder_is_cancelled_at_once(floor: Floor) -> None:
    floor.depth(1)
    order = floor.order(floor.account(), order_type="LIMIT", price="1545.50", validity="IOC")
    assert (order.status, order.filled, order.cancelled) == ("CANCELLED", 5, 5)


def test_ttl_order_ends_after_its_minutes(floor: Floor) -> None:
    order = floor.order(floor.account(), order_type="LIMIT", price="1500.00", validity="TTL", validity_ttl=2)
    floor.time.advance(119)
    assert order.status == "OPEN"
    floor.time.advance(2)
    assert order.status == "CANCELLED"


def test_stop_loss_market_order_waits_and_fires_at_its_trigger(floor: Floor) -> None:
    # given a long position with a protected stop under it
    account = floor.account()
    floor.order(account)
    stop = floor.order(account, side="SELL", order_type="SL-M", trigger_price="1530.00")
    assert stop.status == "TRIGGER PENDING"
    # when the price stays above the trigger, nothing happens; when it gets there, the stop sells
    floor.price("1530.10")
    assert stop.status == "TRIGGER PENDING"
    floor.price("1530.00")
    assert (stop.status, stop.order_type) == ("COMPLETE", "LIMIT")
    assert account.portfolio.net_quantity(stop.instrument, "MIS") == 0


def test_stop_limit_order_rests_at_its_limit_after_the_trigger(floor: Floor) -> None:
    account = floor.account()
    floor.order(account)
    stop = floor.order(account, side="SELL", order_type="SL", trigger_price="1530.00", price="1529.50")
    floor.depth(0)
    floor.price("1529.00")
    assert (stop.status, stop.price) == ("OPEN", paise("1529.50"))


def test_one_stop_may_set_off_the_next(floor: Floor) -> None:
    # given two stops in a market of one share per level, the lower one within reach of the upper one's sweep
    account = floor.account()
    floor.order(account, quantity=20)
    floor.depth(1)
    upper = floor.order(account, side="SELL", order_type="SL-M", trigger_price="1540.00", quantity=5)
    lower = floor.order(account, side="SELL", order_type="SL-M", trigger_price="1539.70", quantity=5)
    # when the price touches only the upper trigger
    floor.price("1540.00")
    # then its trades move the last price down to the lower trigger
    assert upper.status == "COMPLETE"
    assert "TRIGGER PENDING" in statuses(lower)
    assert lower.status == "OPEN"


def test_cancelled_order_may_hold_fills(floor: Floor) -> None:
    account = floor.account()
    floor.depth(1)
    order = floor.order(account, order_type="LIMIT", price="1545.50")
    floor.venue.manager.cancel(account, order)
    assert statuses(order)[-2:] == ["CANCEL PENDING", "CANCELLED"]
    assert (order.filled, order.cancelled) == (5, 5)


def test_finished_order_cannot_be_cancelled(floor: Floor) -> None:
    account = floor.account()
    order = floor.order(account)
    with pytest.raises(KiteError, match="cannot be cancelled"):
        floor.venue.manager.cancel(account, order)


def test_order_in_limbo_cannot_be_cancelled_and_trades_when_limbo_ends(floor: Floor) -> None:
    account = floor.account()
    order = floor.order(account, handling=Handling(delay_s=83))
    with pytest.raises(KiteError, match="being processed"):
        floor.venue.manager.cancel(account, order)
    assert order.status == "PUT ORDER REQ RECEIVED"
    floor.time.advance(83)
    assert order.status == "COMPLETE"


def test_cancel_may_lose_the_race_to_a_fill(floor: Floor) -> None:
    account = floor.account()
    order = floor.order(account, order_type="LIMIT", price="1500.00")
    floor.venue.manager.cancel(account, order, late_fill_s=0.5)
    assert order.status == "CANCEL PENDING"
    floor.time.advance(1)
    assert (order.status, order.filled) == ("COMPLETE", 10)


def test_partial_fill_goes_on_after_its_rest(floor: Floor) -> None:
    order = floor.order(floor.account(), handling=Handling(fill_at_most=4, rest_s=2.0))
    assert (order.status, order.filled) == ("OPEN", 4)
    floor.time.advance(2)
    assert (order.status, order.filled) == ("COMPLETE", 10)


def test_modified_order_shows_the_way_of_its_modification(floor: Floor) -> None:
    account = floor.account()
    order = floor.order(account, order_type="LIMIT", price="1500.00")
    floor.venue.modifier.modify(account, order, Change(price=paise("1510.00"), quantity=20))
    assert statuses(order)[-4:] == ["MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED", "OPEN"]
    assert (order.price, order.quantity, order.modified) == (paise("1510.00"), 20, True)


def test_limit_order_modified_to_market_needs_protection(floor: Floor) -> None:
    account = floor.account()
    order = floor.order(account, order_type="LIMIT", price="1500.00", market_protection=None)
    with pytest.raises(KiteError, match="without market protection"):
        floor.venue.modifier.modify(account, order, Change(order_type="MARKET"))
    floor.venue.modifier.modify(account, order, Change(order_type="MARKET", market_protection=-1))
    assert order.status == "COMPLETE"


def test_limit_order_cannot_become_a_stop(floor: Floor) -> None:
    account = floor.account()
    order = floor.order(account, order_type="LIMIT", price="1500.00")
    with pytest.raises(KiteError, match="cannot be modified from LIMIT to SL"):
        floor.venue.modifier.modify(account, order, Change(order_type="SL", trigger_price=paise("1490.00")))


def test_twenty_sixth_modification_is_refused(floor: Floor) -> None:
    account = floor.account()
    order = floor.order(account, order_type="LIMIT", price="1500.00")
    for step in range(25):
        floor.venue.modifier.modify(account, order, Change(price=paise("1490.00") + 10 * step))
    with pytest.raises(KiteError, match="Maximum allowed order modifications"):
        floor.venue.modifier.modify(account, order, Change(price=paise("1500.00")))


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"market_protection": None}, "without market protection"),
        ({"market_protection": 0}, "without market protection"),
        ({"tag": "x" * 21}, "20 characters"),
        ({"quantity": 0}, "positive"),
        ({"order_type": "LIMIT"}, "Price is required"),
        ({"order_type": "LIMIT", "price": "1500.05"}, "Tick size for this script is 0.10"),
        ({"product": "NRML"}, "Invalid `product`"),
        ({"side": "SELL", "order_type": "SL-M", "trigger_price": "1600.00"}, "lower than the last traded price"),
        ({"order_type": "SL-M", "trigger_price": "1500.00"}, "higher than the last traded price"),
        ({"symbol": "NIFTY 50"}, "not tradable"),
        ({"validity": "TTL"}, "validity_ttl"),
        ({"variety": "iceberg", "iceberg_legs": 1, "iceberg_quantity": 10}, "iceberg_legs"),
        ({"variety": "co"}, "Trigger price"),
    ],
)
def test_api_refuses_what_breaks_its_rules_and_keeps_nothing(floor: Floor, wish: dict[str, Any], reason: str) -> None:
    account = floor.account()
    with pytest.raises(KiteError, match=reason) as refusal:
        floor.send(account, **wish)
    assert refusal.value.status == 400
    assert account.orders == {}


def test_derivative_order_keeps_to_lots(floor: Floor) -> None:
    future = next(line for line in floor.venue.instruments if line.kind == "FUT" and line.name == "NIFTY")
    with pytest.raises(KiteError, match="lot size 65"):
        floor.send(floor.account(), exchange="NFO", symbol=future.symbol, product="NRML", quantity=64)


def test_lack_of_funds_is_a_rejected_row(floor: Floor) -> None:
    account = floor.account(cash=3 * LAKH // 100)
    order = floor.order(account, product="CNC", order_type="LIMIT", price="1545.00")
    assert order.status == "REJECTED"
    assert order.status_message == (
        "Insufficient funds. Required margin is 15450.00 but available margin is 3000.00. "
        "Check the orderbook for open orders."
    )
    assert order.exchange_order_id is None
    assert account.working == {}


def test_lack_of_funds_is_refused_at_the_api_when_the_account_says_so(floor: Floor) -> None:
    account = dataclasses.replace(floor.account(cash=3 * LAKH // 100), refuse_at_api=True)
    with pytest.raises(KiteError) as refusal:
        floor.send(account, product="CNC")
    assert refusal.value.error_type == "MarginException"


@pytest.mark.parametrize(
    ("wish", "raw"),
    [
        ({"quantity": 100_001, "order_type": "LIMIT", "price": "1545.00"}, "Check freeze quantity for NSE CASH"),
        ({"order_type": "LIMIT", "price": "1699.60"}, "out of the current execution range"),
        ({"side": "SELL", "product": "CNC"}, "Check holdings"),
    ],
)
def test_exchange_rejections_are_rows_in_the_book(floor: Floor, wish: dict[str, Any], raw: str) -> None:
    order = floor.order(floor.account(cash=10_000 * LAKH), **wish)
    assert order.status == "REJECTED"
    assert raw in (order.status_message_raw or "")


def test_closed_market_takes_only_after_market_orders(floor: Floor) -> None:
    account = floor.account()
    floor.venue.manager.close_market()
    with pytest.raises(KiteError, match="Markets are closed"):
        floor.send(account)
    waiting = floor.order(account, variety="amo")
    assert waiting.status == "AMO REQ RECEIVED"
    floor.venue.manager.open_market()
    assert waiting.status == "COMPLETE"


def test_day_ends_with_empty_books(floor: Floor) -> None:
    account = floor.account()
    resting = floor.order(account, order_type="LIMIT", price="1500.00")
    floor.venue.roll_day([account])
    assert resting.status == "CANCELLED"
    assert (account.orders, account.trades) == ({}, [])


def test_order_ids_are_nineteen_digits_and_never_repeat(floor: Floor) -> None:
    account = floor.account()
    ids = [floor.order(account).order_id for _ in range(3)]
    assert {len(order_id) for order_id in ids} == {19}
    assert len(set(ids)) == 3
