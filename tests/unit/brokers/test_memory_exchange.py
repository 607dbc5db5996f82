"""What only the exchange in memory can do: fates that unfold in time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.instruments import Product
from algotrading.domain.orders import Accepted, BrokerStatus, OrderRow, OrderTicket, Refused, Side, Unknown
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.clock import VirtualClock
from tests.fakes.exchange import MemoryExchange, fills, loses, not_sent, refuses, rests, trades

TICKET = OrderTicket("NSE", "TCS", Side.BUY, 10, Product.MIS, "tag000000000000001")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def exchange(clock: VirtualClock) -> MemoryExchange:
    return MemoryExchange(clock, {"TCS": Decimal(3500)})


@pytest.fixture
def broker(exchange: MemoryExchange) -> MemoryBroker:
    return MemoryBrokers(exchange).connect(exchange.open_account())


def only_row(broker: MemoryBroker) -> OrderRow:
    (row,) = broker.read_book(frozenset({TICKET.tag})).rows
    return row


def test_fills_come_in_their_time(exchange: MemoryExchange, broker: MemoryBroker, clock: VirtualClock) -> None:
    exchange.plan(fills((1, 4), (3, 6)))

    broker.place_order(TICKET)
    at_once = only_row(broker)
    clock.sleep(1)
    partly = only_row(broker)
    clock.sleep(2)
    wholly = only_row(broker)

    assert [row.filled_quantity for row in (at_once, partly, wholly)] == [0, 4, 10]
    assert [row.status for row in (partly, wholly)] == [BrokerStatus.OPEN, BrokerStatus.COMPLETE]


def test_an_order_of_unknown_fate_may_appear_late(
    exchange: MemoryExchange, broker: MemoryBroker, clock: VirtualClock
) -> None:
    exchange.plan(loses(placed=True, appears_after=83))

    answer = broker.place_order(TICKET)
    clock.sleep(82)
    before = broker.read_book(frozenset({TICKET.tag})).rows
    clock.sleep(1)

    assert isinstance(answer, Unknown)
    assert before == ()
    assert only_row(broker).status is BrokerStatus.COMPLETE


def test_a_cancel_stops_the_fills_to_come(exchange: MemoryExchange, broker: MemoryBroker, clock: VirtualClock) -> None:
    exchange.plan(fills((0, 4), (9, 6)))
    answer = broker.place_order(TICKET)
    assert isinstance(answer, Accepted)

    broker.cancel_order(answer.broker_order_id)
    clock.sleep(10)

    row = only_row(broker)
    assert (row.status, row.filled_quantity) == (BrokerStatus.CANCELLED, 4)


def test_a_lost_cancel_may_have_been_done_or_not(exchange: MemoryExchange, broker: MemoryBroker) -> None:
    exchange.plan(rests())
    exchange.plan_cancels(loses(placed=False), loses(placed=True))
    answer = broker.place_order(TICKET)
    assert isinstance(answer, Accepted)

    first = broker.cancel_order(answer.broker_order_id)
    after_first = only_row(broker).status
    second = broker.cancel_order(answer.broker_order_id)

    assert isinstance(first, Unknown)
    assert isinstance(second, Unknown)
    assert (after_first, only_row(broker).status) == (BrokerStatus.OPEN, BrokerStatus.CANCELLED)


def test_fates_are_used_up_one_by_one(exchange: MemoryExchange, broker: MemoryBroker) -> None:
    exchange.plan(refuses("HOLDING"), not_sent(), trades())

    answers = [broker.place_order(TICKET) for _ in range(4)]

    assert [answer.kind for answer in answers if isinstance(answer, Refused)] == ["HOLDING", "NOT_SENT"]
    assert len(exchange.received) == 4
    assert len(list(exchange.all_orders())) == 2


def test_a_broker_that_is_down_is_not_reached(exchange: MemoryExchange, broker: MemoryBroker) -> None:
    exchange.is_down = True

    answer = broker.place_order(TICKET)

    assert isinstance(answer, Refused)
    assert answer.kind == "NOT_SENT"
    with pytest.raises(BrokerUnavailable):
        broker.read_book(frozenset())


def test_a_lagging_book_shows_the_past(exchange: MemoryExchange, broker: MemoryBroker, clock: VirtualClock) -> None:
    exchange.book_lag = 5
    exchange.plan(fills((2, 10)))
    broker.place_order(TICKET)

    clock.sleep(6)

    row = only_row(broker)
    assert (row.status, row.filled_quantity) == (BrokerStatus.OPEN, 0)
