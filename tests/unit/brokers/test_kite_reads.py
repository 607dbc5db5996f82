"""Reads give domain values, or one of two faults."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from algotrading.brokers.kite import KiteBrokers
from algotrading.brokers.kite.broker import KiteBroker
from algotrading.domain.accounts import BrokerProfile, Margins
from algotrading.domain.errors import BrokerAuthFailed, BrokerTokenRefused, BrokerUnavailable
from algotrading.domain.instruments import Product
from algotrading.domain.orders import BrokerStatus, Fill, Holding, OrderTicket, Side
from tests.unit.brokers.kite_session import ACCESS_TOKEN, FixedClock, connect, kite_at
from tests.unit.brokers.misbehaving_server import (
    MisbehavingServer,
    answers,
    closes,
    echoes,
    failure,
    http_reply,
    success,
)

BUY_INFY = OrderTicket("NSE", "INFY", Side.BUY, 1, Product.MIS, "")


def order_row(**fields: Any) -> dict[str, Any]:
    row = {
        "order_id": "1953341975595868160",
        "status": "COMPLETE",
        "status_message": None,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "product": "MIS",
        "quantity": 10,
        "filled_quantity": 10,
        "average_price": 1412.95,
        "tag": "mine",
    }
    return {**row, **fields}


def trade_row(**fields: Any) -> dict[str, Any]:
    row = {
        "trade_id": "7",
        "order_id": "1953341975595868160",
        "exchange": "NSE",
        "quantity": 10,
        "average_price": 1412.95,
        "fill_timestamp": "2026-11-20 09:31:05",
        "order_timestamp": "09:31:04",
    }
    return {**row, **fields}


def test_the_book_holds_our_orders_with_their_trades(
    server: MisbehavingServer, broker: KiteBroker, clock: FixedClock
) -> None:
    # Given a book with our filled order, our order under a system tag, and somebody else's
    server.will(
        answers(
            success(
                [
                    order_row(),
                    order_row(order_id="2", tag=None, tags=["mktp", "other"], status="OPEN", filled_quantity=0),
                    order_row(order_id="3", tag="foreign"),
                ]
            )
        ),
        answers(success([trade_row(), trade_row(trade_id="8", order_id="3")])),
    )

    # When it is read by our tags
    reading = broker.read_book(frozenset({"mine", "other"}))

    # Then it shows ours alone, begun at the clock's instant
    assert reading.begun_at == clock.now()
    assert [row.broker_order_id for row in reading.rows] == ["1953341975595868160", "2"]
    assert reading.rows[0].status is BrokerStatus.COMPLETE
    assert reading.rows[0].side is Side.BUY
    assert reading.rows[1].tags == {"mktp", "other"}
    assert reading.fills == (
        Fill(
            "7",
            "1953341975595868160",
            "NSE",
            10,
            Decimal("1412.95"),
            datetime(2026, 11, 20, 4, 1, 5, tzinfo=UTC),
        ),
    )


def test_trades_are_not_asked_for_before_there_are_any(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success([order_row(status="OPEN", filled_quantity=0)])))

    reading = broker.read_book(frozenset({"mine"}))

    assert reading.fills == ()
    assert [seen.target for seen in server.seen] == ["/orders"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("COMPLETE", BrokerStatus.COMPLETE),
        ("CANCELLED", BrokerStatus.CANCELLED),
        ("REJECTED", BrokerStatus.REJECTED),
        ("OPEN", BrokerStatus.OPEN),
        ("PUT ORDER REQ RECEIVED", BrokerStatus.WORKING),
        ("TRIGGER PENDING", BrokerStatus.WAITING),
        ("WORKING", BrokerStatus.WORKING),
        ("A STATUS OF TOMORROW", BrokerStatus.WORKING),
        (None, BrokerStatus.WORKING),
    ],
)
def test_only_final_statuses_end_an_order(
    server: MisbehavingServer, broker: KiteBroker, text: str | None, status: BrokerStatus
) -> None:
    server.will(answers(success([order_row(status=text)])))

    (row,) = broker.order_history("1")

    assert row.status is status
    assert row.status_text == (text or "")


def test_fields_that_older_rows_lack_have_defaults(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success([{"order_id": "1", "transaction_type": "SELL", "quantity": "5", "price": None}])))

    (row,) = broker.order_history("1")

    assert (row.quantity, row.filled_quantity, row.average_price) == (5, 0, Decimal(0))
    assert (row.exchange, row.message, row.tags) == ("", None, frozenset())


@pytest.mark.parametrize(
    "book",
    [
        None,
        {},
        "none",
        [1],
        [order_row(order_id=None)],
        [order_row(transaction_type="HOLD")],
        [order_row(filled_quantity="many")],
        [order_row(filled_quantity=1.5)],
        [order_row(filled_quantity=1e300)],
        [order_row(average_price="NaN")],
    ],
)
def test_a_book_that_cannot_be_understood_proves_nothing(
    server: MisbehavingServer, broker: KiteBroker, book: object
) -> None:
    server.will(answers(success(book)))

    with pytest.raises(BrokerUnavailable):
        broker.read_book(frozenset({"mine"}))


def test_a_hurried_reading_is_given_up_and_the_next_one_asked_as_ever(
    server: MisbehavingServer, broker: KiteBroker
) -> None:
    empty = success({"net": []})

    def takes_its_time(connection: socket.socket, _request: bytes) -> bool:
        server.stopping.wait(0.4)
        with suppress(OSError):  # nobody listens any more
            connection.sendall(empty)
        return False

    server.will(takes_its_time, answers(empty))

    with pytest.raises(BrokerUnavailable, match="did not answer about positions"):
        broker.hurried(0.2).positions()

    assert broker.positions() == ()
    assert len(server.seen) == 2


def test_a_trade_that_cannot_be_understood_spoils_the_reading(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success([order_row()])), answers(success([trade_row(trade_id=None)])))

    with pytest.raises(BrokerUnavailable, match="trade_id"):
        broker.read_book(frozenset({"mine"}))


def test_a_fill_without_a_readable_time_has_none(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success([trade_row(fill_timestamp="09:31:05", exchange_timestamp=None)])))

    (fill,) = broker.trades()

    assert fill.filled_at is None


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (failure(403, "TokenException"), BrokerAuthFailed),
        (failure(403, "PermissionException"), BrokerAuthFailed),
        (failure(401, "TokenException"), BrokerAuthFailed),
        (failure(429, "NetworkException"), BrokerUnavailable),
        (failure(400, "InputException"), BrokerUnavailable),
        (failure(503, "NetworkException"), BrokerUnavailable),
        (failure(200, "GeneralException"), BrokerUnavailable),
        (http_reply(403, "<html>who are you</html>", "text/html"), BrokerUnavailable),
        (http_reply(502, "<html>", "text/html"), BrokerUnavailable),
        (http_reply(302, "", None, ["Location: http://127.0.0.1:1/"]), BrokerUnavailable),
        (http_reply(200, b'{"status":"success","da'), BrokerUnavailable),
    ],
)
def test_a_failed_read_is_one_of_two_faults(
    server: MisbehavingServer, broker: KiteBroker, reply: bytes, fault: type[Exception]
) -> None:
    server.will(answers(reply))

    with pytest.raises(fault):
        broker.positions()

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "is_of_token"),
    [
        (failure(403, "TokenException"), True),
        (failure(403, "PermissionException"), False),
        (failure(403, "UserException"), False),
        (failure(401, "TokenException"), False),
        (failure(400, "TokenException"), False),
    ],
)
def test_only_what_kite_says_of_a_session_that_is_over_speaks_of_the_token(
    server: MisbehavingServer, broker: KiteBroker, reply: bytes, is_of_token: bool
) -> None:
    server.will(answers(reply))

    with pytest.raises(BrokerAuthFailed) as raised:
        broker.positions()

    assert isinstance(raised.value, BrokerTokenRefused) is is_of_token


def test_a_lost_answer_is_unavailable_and_not_asked_for_again(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(closes)

    with pytest.raises(BrokerUnavailable):
        broker.trades()

    assert len(server.requests) == 1


def test_silence_is_unavailable(server: MisbehavingServer, broker: KiteBroker) -> None:
    with pytest.raises(BrokerUnavailable, match="TimeoutError"):
        broker.trades()


def test_a_fault_tells_no_secret(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(echoes(200))

    with pytest.raises(BrokerUnavailable) as fault:
        broker.trades()

    assert ACCESS_TOKEN not in str(fault.value)


def test_reads_share_one_connection(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success([])), answers(success([])))

    broker.trades()
    broker.trades()

    assert server.connections == 1


def test_the_last_price(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success({"NSE:INFY": {"instrument_token": 408065, "last_price": 1412.95}})))

    assert broker.get_price("NSE", "INFY") == Decimal("1412.95")


@pytest.mark.parametrize("prices", [{}, {"NSE:INFY": {"last_price": 0}}, {"NSE:INFY": None}, []])
def test_a_price_that_is_none_is_unavailable(server: MisbehavingServer, broker: KiteBroker, prices: object) -> None:
    server.will(answers(success(prices)))

    with pytest.raises(BrokerUnavailable):
        broker.get_price("NSE", "INFY")


def test_net_positions(server: MisbehavingServer, broker: KiteBroker) -> None:
    row = {"exchange": "NSE", "tradingsymbol": "INFY", "product": "MIS", "quantity": -5, "average_price": 1.5}
    server.will(answers(success({"net": [{**row, "last_price": 2}], "day": []})))

    assert broker.positions() == (Holding("NSE", "INFY", "MIS", -5, Decimal("1.5"), Decimal(2)),)


def test_margins_of_the_equity_segment(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success({"net": 100.5, "available": {"cash": 120}, "utilised": {"debits": 19.5}})))

    assert broker.margins() == Margins(Decimal("100.5"), Decimal(120), Decimal("19.5"))


def test_the_margin_of_an_order_is_the_total_of_its_row(server: MisbehavingServer, broker: KiteBroker) -> None:
    row = {"type": "equity", "tradingsymbol": "INFY", "exchange": "NSE", "var": 299.6, "leverage": 5, "total": 299.6}
    server.will(answers(success([row])))

    assert broker.required_margin(BUY_INFY) == Decimal("299.6")


@pytest.mark.parametrize("data", [[], [{"var": 1498}], [{"total": "much"}], [{"total": 1}, {"total": 2}], {"total": 1}])
def test_a_margin_that_cannot_be_read_is_none(server: MisbehavingServer, broker: KiteBroker, data: object) -> None:
    server.will(answers(success(data)))

    with pytest.raises(BrokerUnavailable):
        broker.required_margin(BUY_INFY)


def test_the_profile_proves_the_credentials(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success({"user_id": "AB1234", "user_name": "A Trader"})))

    assert broker.validate_credentials() == BrokerProfile("AB1234", "A Trader")


@pytest.mark.parametrize(
    "reply", [failure(403, "TokenException"), failure(400, "InputException", "Invalid `api_key`.")]
)
def test_refused_credentials_fail_validation(server: MisbehavingServer, broker: KiteBroker, reply: bytes) -> None:
    server.will(answers(reply))

    with pytest.raises(BrokerAuthFailed):
        broker.validate_credentials()


def test_an_unreachable_broker_is_unavailable(brokers: KiteBrokers) -> None:
    with pytest.raises(BrokerUnavailable):
        connect(kite_at("http://kite.invalid")).margins()
