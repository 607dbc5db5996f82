"""What services may count on, whatever the broker: the same in memory and over the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest

from algotrading.domain.accounts import BrokerCredentials, BrokerName
from algotrading.domain.errors import BrokerAuthFailed, BrokerTokenRefused, BrokerUnavailable
from algotrading.domain.instruments import Product
from algotrading.domain.orders import (
    Accepted,
    Answer,
    BookReading,
    BrokerStatus,
    OrderRow,
    OrderTicket,
    OrderType,
    Refused,
    Side,
    Unknown,
)
from algotrading.ports import Broker
from tests.contract.brokers.worlds import PRICE, SYMBOL, World, eventually

TAG = "0a1B2c3D4e5F6g7H8i"


def order(side: Side = Side.BUY, quantity: int = 10, tag: str = TAG, **terms: object) -> OrderTicket:
    ticket = OrderTicket("NSE", SYMBOL, side, quantity, Product.MIS, tag)
    return replace(ticket, **terms)  # type: ignore[arg-type]


def far_limit(tag: str = TAG) -> OrderTicket:
    """Rests: nobody sells that low."""
    return order(order_type=OrderType.LIMIT, price=PRICE - 50, tag=tag)


def accepted_id(answer: Answer) -> str:
    assert isinstance(answer, Accepted), answer
    return answer.broker_order_id


def row_with(world: World, broker: Broker, status: BrokerStatus, tag: str = TAG) -> tuple[OrderRow, BookReading]:
    """The order with `tag`, as soon as the book shows it in `status`."""

    def look() -> BookReading | None:
        reading = broker.read_book(frozenset({tag}))
        return reading if [row.status for row in reading.rows] == [status] else None

    reading = eventually(world, look)
    assert reading is not None, broker.read_book(frozenset({tag}))
    return reading.rows[0], reading


def test_a_market_order_fills_and_the_book_shows_it_under_its_tag(world: World, broker: Broker) -> None:
    order_id = accepted_id(broker.place_order(order()))

    row, reading = row_with(world, broker, BrokerStatus.COMPLETE)

    assert (row.broker_order_id, row.symbol, row.side, row.product) == (order_id, SYMBOL, Side.BUY, "MIS")
    assert (row.quantity, row.filled_quantity) == (10, 10)
    assert TAG in row.tags
    assert sum(fill.quantity for fill in reading.fills) == 10
    assert {fill.broker_order_id for fill in reading.fills} == {order_id}
    assert all(abs(fill.price - PRICE) < 10 for fill in reading.fills)
    assert json.dumps(row.raw)


def test_fills_carry_instants(world: World, broker: Broker) -> None:
    before = world.clock.now()
    broker.place_order(order())

    _, reading = row_with(world, broker, BrokerStatus.COMPLETE)

    (filled_at,) = {fill.filled_at for fill in reading.fills}
    assert filled_at is not None
    assert before - timedelta(seconds=2) < filled_at < world.clock.now() + timedelta(seconds=2)


def test_a_reading_says_when_it_began(world: World, broker: Broker) -> None:
    before = world.clock.now()

    reading = broker.read_book(frozenset({TAG}))

    assert before <= reading.begun_at <= world.clock.now()


def test_the_book_shows_only_the_asked_tags(broker: Broker) -> None:
    broker.place_order(order())
    broker.place_order(order(tag="other0000000000001"))

    reading = broker.read_book(frozenset({"neverused000000001"}))

    assert (reading.rows, reading.fills) == ((), ())


def test_accounts_do_not_see_each_other(world: World, broker: Broker) -> None:
    stranger = world.brokers.connect(world.open_account())
    broker.place_order(order())
    row_with(world, broker, BrokerStatus.COMPLETE)

    assert stranger.read_book(frozenset({TAG})).rows == ()
    assert list(stranger.trades()) == []


def test_a_prepared_order_exists_only_once_it_is_sent(world: World, broker: Broker) -> None:
    prepared = broker.prepare_order(order())
    before = broker.read_book(frozenset({TAG}))
    broker.warm()
    answer = prepared.send()

    assert before.rows == ()
    assert isinstance(answer, Accepted)
    row_with(world, broker, BrokerStatus.COMPLETE)


def test_a_prepared_order_is_sent_once(world: World, broker: Broker) -> None:
    prepared = broker.prepare_order(order())
    prepared.send()

    with pytest.raises(RuntimeError):
        prepared.send()

    _, reading = row_with(world, broker, BrokerStatus.COMPLETE)
    assert len(reading.rows) == 1


def test_a_limit_order_rests_until_it_is_cancelled(world: World, broker: Broker) -> None:
    order_id = accepted_id(broker.place_order(far_limit()))
    row_with(world, broker, BrokerStatus.OPEN)
    assert eventually(world, lambda: isinstance(broker.cancel_order(order_id), Accepted))

    row, reading = row_with(world, broker, BrokerStatus.CANCELLED)

    assert (row.filled_quantity, reading.fills) == (0, ())


def test_a_limit_order_trades_when_the_price_comes(world: World, broker: Broker) -> None:
    broker.place_order(far_limit())
    row_with(world, broker, BrokerStatus.OPEN)

    world.set_price(PRICE - 60)

    row, _ = row_with(world, broker, BrokerStatus.COMPLETE)
    assert row.average_price <= PRICE - 50


def test_a_stop_order_waits_for_its_trigger(world: World, broker: Broker) -> None:
    broker.place_order(order(tag="entry0000000000001"))
    broker.place_order(order(Side.SELL, order_type=OrderType.SL_M, trigger_price=PRICE - 20))
    row_with(world, broker, BrokerStatus.WAITING)

    world.set_price(PRICE - 25)

    row, _ = row_with(world, broker, BrokerStatus.COMPLETE)
    assert row.side is Side.SELL


def resting_stop(world: World, broker: Broker) -> str:
    """A stop order over a position of ten, as it waits for its trigger."""
    broker.place_order(order(tag="entry0000000000001"))
    row_with(world, broker, BrokerStatus.COMPLETE, tag="entry0000000000001")
    order_id = accepted_id(broker.place_order(order(Side.SELL, order_type=OrderType.SL_M, trigger_price=PRICE - 20)))
    row_with(world, broker, BrokerStatus.WAITING)
    return order_id


def test_a_stop_order_that_waits_sells_at_once_when_it_is_turned_into_a_market_order(
    world: World, broker: Broker
) -> None:
    order_id = resting_stop(world, broker)

    answer = broker.modify_order(order_id, order_type=OrderType.MARKET)

    assert isinstance(answer, Accepted)
    row, reading = row_with(world, broker, BrokerStatus.COMPLETE)
    assert (row.broker_order_id, row.filled_quantity) == (order_id, 10)
    assert sum(fill.quantity for fill in reading.fills) == 10


def test_a_stop_order_that_waits_can_be_cancelled(world: World, broker: Broker) -> None:
    order_id = resting_stop(world, broker)

    broker.cancel_order(order_id)

    row, _ = row_with(world, broker, BrokerStatus.CANCELLED)
    assert row.filled_quantity == 0


def test_a_stop_order_that_has_sold_cannot_be_turned(world: World, broker: Broker) -> None:
    order_id = resting_stop(world, broker)
    world.set_price(PRICE - 25)
    row_with(world, broker, BrokerStatus.COMPLETE)

    answer = broker.modify_order(order_id, order_type=OrderType.MARKET)

    assert isinstance(answer, Refused)


def test_a_stop_order_whose_trigger_has_been_passed_is_refused(world: World, broker: Broker) -> None:
    broker.place_order(order(tag="entry0000000000001"))
    row_with(world, broker, BrokerStatus.COMPLETE, tag="entry0000000000001")

    answer = broker.place_order(order(Side.SELL, order_type=OrderType.SL_M, trigger_price=PRICE + 20))

    assert isinstance(answer, Refused)
    assert broker.read_book(frozenset({TAG})).rows == ()


def test_this_broker_lets_stop_orders_rest(broker: Broker) -> None:
    assert broker.stop_obstacle is None


def test_a_modified_order_trades_on_its_new_terms(world: World, broker: Broker) -> None:
    order_id = accepted_id(broker.place_order(far_limit()))
    row_with(world, broker, BrokerStatus.OPEN)

    assert eventually(world, lambda: isinstance(broker.modify_order(order_id, quantity=7, price=PRICE + 5), Accepted))

    row, _ = row_with(world, broker, BrokerStatus.COMPLETE)
    assert (row.quantity, row.filled_quantity) == (7, 7)


def test_what_is_over_cannot_be_cancelled(world: World, broker: Broker) -> None:
    order_id = accepted_id(broker.place_order(order()))
    row_with(world, broker, BrokerStatus.COMPLETE)

    answer = broker.cancel_order(order_id)

    assert isinstance(answer, Refused)


def test_an_order_beyond_the_funds_is_rejected_in_the_book(world: World) -> None:
    broker = world.brokers.connect(world.open_account(cash=Decimal(100)))
    broker.place_order(order(quantity=100))

    row, reading = row_with(world, broker, BrokerStatus.REJECTED)

    assert row.message is not None
    assert "nsufficient" in row.message
    assert reading.fills == ()


def test_an_accepted_order_may_still_be_rejected(world: World, broker: Broker) -> None:
    world.reject_next()

    broker.place_order(order())

    row, _ = row_with(world, broker, BrokerStatus.REJECTED)
    assert row.filled_quantity == 0


def test_a_partial_fill_is_a_working_order_with_trades(world: World, broker: Broker) -> None:
    world.fill_next_partly(4)
    order_id = accepted_id(broker.place_order(order()))

    reading = eventually(world, lambda: _reading_with_fills(broker))

    assert reading is not None
    assert [(row.status, row.filled_quantity) for row in reading.rows] == [(BrokerStatus.OPEN, 4)]
    assert sum(fill.quantity for fill in reading.fills) == 4
    assert isinstance(broker.cancel_order(order_id), Accepted)
    row, _ = row_with(world, broker, BrokerStatus.CANCELLED)
    assert row.filled_quantity == 4


def _reading_with_fills(broker: Broker) -> BookReading | None:
    reading = broker.read_book(frozenset({TAG}))
    return reading if reading.fills else None


def test_an_answer_lost_after_placing_is_unknown_and_the_book_has_the_order(world: World, broker: Broker) -> None:
    world.lose_next_answer(placed=True)

    answer = broker.place_order(order())

    assert isinstance(answer, Unknown)
    assert json.dumps(answer.raw)
    row_with(world, broker, BrokerStatus.COMPLETE)


def test_an_answer_lost_before_placing_is_unknown_and_the_book_stays_empty(world: World, broker: Broker) -> None:
    world.lose_next_answer(placed=False)

    answer = broker.place_order(order())

    assert isinstance(answer, Unknown)
    world.clock.sleep(0.2)
    assert broker.read_book(frozenset({TAG})).rows == ()


def test_a_throttled_order_was_never_looked_at(world: World, broker: Broker) -> None:
    world.throttle_next()

    answer = broker.place_order(order())

    assert isinstance(answer, Refused)
    assert (answer.kind, answer.throttled, answer.retryable) == ("RATE_LIMITED", True, True)
    assert broker.read_book(frozenset({TAG})).rows == ()


def test_the_book_may_lag(world: World, broker: Broker) -> None:
    world.lag_book(0.5)

    broker.place_order(order())

    assert broker.read_book(frozenset({TAG})).rows == ()
    row_with(world, broker, BrokerStatus.COMPLETE)


def test_a_dead_token_refuses_orders_and_fails_reads(
    world: World, broker: Broker, credentials: BrokerCredentials
) -> None:
    world.kill_token(credentials)

    answer = broker.place_order(order())

    assert isinstance(answer, Refused)
    assert (answer.is_auth, answer.retryable, answer.throttled) == (True, False, False)
    required_margin = partial(broker.required_margin, order())
    for read in (broker.positions, broker.margins, required_margin, broker.trades, broker.validate_credentials):
        with pytest.raises(BrokerTokenRefused):
            read()


def test_the_history_of_an_order_ends_with_its_last_state(world: World, broker: Broker) -> None:
    order_id = accepted_id(broker.place_order(order()))
    row_with(world, broker, BrokerStatus.COMPLETE)

    history = broker.order_history(order_id)

    assert len(history) > 1
    assert {row.broker_order_id for row in history} == {order_id}
    assert history[-1].status is BrokerStatus.COMPLETE


def test_the_history_of_an_unknown_order_is_unavailable(broker: Broker) -> None:
    with pytest.raises(BrokerUnavailable):
        broker.order_history("1")


def test_positions_are_net(world: World, broker: Broker) -> None:
    broker.place_order(order(quantity=10))
    row_with(world, broker, BrokerStatus.COMPLETE)
    broker.place_order(order(Side.SELL, quantity=4, tag="exit00000000000001"))
    row_with(world, broker, BrokerStatus.COMPLETE, tag="exit00000000000001")

    (holding,) = broker.positions()

    assert (holding.exchange, holding.symbol, holding.product, holding.quantity) == ("NSE", SYMBOL, "MIS", 6)


def test_trades_hold_every_execution(world: World, broker: Broker) -> None:
    order_id = accepted_id(broker.place_order(order()))
    _, reading = row_with(world, broker, BrokerStatus.COMPLETE)

    assert {fill.trade_id for fill in broker.trades()} == {fill.trade_id for fill in reading.fills}
    assert {fill.broker_order_id for fill in broker.trades()} == {order_id}


def test_the_accounts_book_shows_every_order_whoever_placed_it(world: World, broker: Broker) -> None:
    ours = accepted_id(broker.place_order(order(quantity=10)))
    row_with(world, broker, BrokerStatus.COMPLETE)
    by_hand = accepted_id(broker.place_order(order(Side.SELL, quantity=4, tag="byhand")))
    row_with(world, broker, BrokerStatus.COMPLETE, tag="byhand")
    waiting = accepted_id(broker.place_order(far_limit(tag="waits")))
    row_with(world, broker, BrokerStatus.OPEN, tag="waits")

    book = broker.read_account()

    assert {row.broker_order_id for row in book.rows} == {ours, by_hand, waiting}
    assert {(fill.broker_order_id, fill.quantity) for fill in book.fills} == {(ours, 10), (by_hand, 4)}
    assert [(held.symbol, held.quantity) for held in book.positions if held.quantity] == [(SYMBOL, 6)]
    assert book.held("NSE", SYMBOL, "MIS") == 6
    assert book.of_tags(frozenset({TAG})) == replace(broker.read_book(frozenset({TAG})), begun_at=book.begun_at)


def test_of_the_orders_of_others_those_count_that_were_not_over_before(world: World, broker: Broker) -> None:
    begun = broker.read_book(frozenset()).begun_at
    broker.place_order(order(Side.SELL, quantity=4, tag="byhand"))
    row, _ = row_with(world, broker, BrokerStatus.COMPLETE, tag="byhand")
    ended = begun + timedelta(minutes=1)

    def others(since: datetime | None) -> Mapping[str, int]:
        return broker.read_book(frozenset({TAG}), since).others

    sold = {f"NSE:{SYMBOL}:MIS": -4}
    assert row.changed_at is not None
    assert abs(row.changed_at - begun) < timedelta(seconds=30)
    assert (others(None), others(begun), others(ended)) == (sold, sold, {})
    assert broker.read_account().of_tags(frozenset({TAG}), ended).others == {}


def test_margins_shrink_with_a_position(world: World, broker: Broker) -> None:
    before = broker.margins()
    broker.place_order(order())
    row_with(world, broker, BrokerStatus.COMPLETE)

    assert broker.margins().net < before.net


def test_the_margin_of_an_order_is_what_it_takes_of_the_funds(world: World, broker: Broker) -> None:
    before, needed = broker.margins().net, broker.required_margin(order())
    assert 0 < needed <= 10 * PRICE
    assert broker.margins().net == before  # nothing was placed

    broker.place_order(order())
    row_with(world, broker, BrokerStatus.COMPLETE)

    assert before - broker.margins().net == pytest.approx(needed, rel=Decimal("0.01"))


def test_the_margin_of_an_order_grows_with_what_it_buys(world: World, broker: Broker) -> None:
    few, many = broker.required_margin(order()), broker.required_margin(order(quantity=100))

    assert many == pytest.approx(10 * few, rel=Decimal("0.01"))
    at_half = order(order_type=OrderType.LIMIT, price=PRICE / 2)
    assert broker.required_margin(at_half) == pytest.approx(few / 2, rel=Decimal("0.01"))


def test_an_order_that_only_closes_a_position_needs_no_margin(world: World, broker: Broker) -> None:
    broker.place_order(order(quantity=10))
    row_with(world, broker, BrokerStatus.COMPLETE)

    assert broker.required_margin(order(Side.SELL, quantity=10)) == 0
    assert broker.required_margin(order(Side.SELL, quantity=15)) > 0


def test_there_is_no_margin_of_what_is_not_traded(broker: Broker) -> None:
    with pytest.raises(BrokerUnavailable):
        broker.required_margin(order(quantity=10, symbol="NOSUCHSHARE"))


def test_the_price_is_the_last_traded_one(world: World, broker: Broker) -> None:
    world.set_price(Decimal("1550.50"))

    assert broker.get_price("NSE", SYMBOL) == Decimal("1550.50")


def test_what_is_not_listed_has_no_price(broker: Broker) -> None:
    with pytest.raises(BrokerUnavailable):
        broker.get_price("NSE", "NOSUCHSHARE")


def test_the_login_gives_a_session(world: World, credentials: BrokerCredentials) -> None:
    request_token = world.log_in(credentials)

    session = world.brokers.exchange(credentials, request_token)
    broker = world.brokers.connect(replace(credentials, access_token=session.access_token))

    assert broker.validate_credentials().broker_user_id == session.broker_user_id


def test_a_request_token_works_once(world: World, credentials: BrokerCredentials) -> None:
    request_token = world.log_in(credentials)
    world.brokers.exchange(credentials, request_token)

    with pytest.raises(BrokerAuthFailed):
        world.brokers.exchange(credentials, request_token)


def test_a_request_token_needs_the_right_secret(world: World, credentials: BrokerCredentials) -> None:
    request_token = world.log_in(credentials)

    with pytest.raises(BrokerAuthFailed):
        world.brokers.exchange(replace(credentials, api_secret="wrong"), request_token)


def test_without_an_access_token_there_is_no_session(world: World, credentials: BrokerCredentials) -> None:
    with pytest.raises(BrokerAuthFailed):
        world.brokers.connect(replace(credentials, access_token=None))


def test_the_login_page_knows_app_and_state(world: World, credentials: BrokerCredentials) -> None:
    page = world.brokers.login_url(BrokerName.KITE, credentials.api_key, "our state")

    query = parse_qs(urlsplit(page).query)
    assert query["api_key"] == [credentials.api_key]
    assert parse_qs(query["redirect_params"][0])["state"] == ["our state"]


def test_the_dump_lists_what_can_be_traded(world: World) -> None:
    listed = {(each.exchange, each.tradingsymbol): each for each in world.brokers.instruments()}

    assert listed["NSE", SYMBOL].has_derivatives
    assert not listed["NSE", "WIPRO"].has_derivatives
    assert all(each.tick_size > 0 and each.lot_size > 0 for each in listed.values())
