"""One order, one send: what left, what provably did not, and when the connection is renewed."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from algotrading.brokers.kite.broker import KiteBroker
from algotrading.brokers.kite.line import Limits
from algotrading.domain.orders import Accepted, Refused, Side, Unknown
from tests.unit.brokers.certificates import self_signed
from tests.unit.brokers.kite_session import QUICK, connect, kite_at, market_order
from tests.unit.brokers.misbehaving_server import MisbehavingServer, answers, answers_and_closes, success


@pytest.fixture
def deaf_listener() -> Iterator[str]:
    """A port whose queue of waiting connections is full: connecting to it takes for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for each in waiting:
            each.close()


@pytest.fixture
def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def assert_not_sent(broker: KiteBroker) -> None:
    answer = broker.place_order(market_order())
    assert isinstance(answer, Refused)
    assert (answer.kind, answer.retryable, answer.throttled) == ("NOT_SENT", True, True)
    assert answer.raw["error"]


def test_a_refused_connection_sends_nothing(unused_address: str) -> None:
    assert_not_sent(connect(kite_at(unused_address)))


def test_a_connection_that_does_not_come_sends_nothing(deaf_listener: str) -> None:
    assert_not_sent(connect(kite_at(deaf_listener)))


@pytest.mark.parametrize(("side", "least", "most"), [(Side.BUY, 0.0, 0.4), (Side.SELL, 0.45, 5.0)])
def test_a_buy_waits_for_no_connection_when_it_is_to_leave_and_a_sale_does(
    deaf_listener: str, side: Side, least: float, most: float
) -> None:
    # Given an order whose connection could not be opened ahead of its instant
    prepared = connect(kite_at(deaf_listener)).prepare_order(market_order(side))

    # When it is to leave
    begun = time.monotonic()
    answer = prepared.send()

    # Then a buy does at once or not at all, for what it was allowed upon grows old; a sale is worth the wait
    assert isinstance(answer, Refused)
    assert (answer.kind, answer.throttled) == ("NOT_SENT", True)
    assert least <= time.monotonic() - begun < most


def test_an_unknown_host_sends_nothing() -> None:
    assert_not_sent(connect(kite_at("http://kite.invalid")))


def test_a_host_name_that_is_none_sends_nothing() -> None:
    assert_not_sent(connect(kite_at("http://" + "a" * 80 + ".example")))


def test_a_server_that_speaks_no_tls_gets_no_order(server: MisbehavingServer) -> None:
    assert_not_sent(connect(kite_at(server.url.replace("http:", "https:"))))
    assert server.requests == [] or b"orders" not in server.requests[0]


def test_a_certificate_nobody_vouches_for_gets_no_order(tmp_path: Path) -> None:
    server_side, _client_side = self_signed(tmp_path)
    with MisbehavingServer(tls=server_side) as server:
        assert_not_sent(connect(kite_at(server.url)))
        assert server.requests == []


def test_a_certificate_for_another_name_gets_no_order(tmp_path: Path) -> None:
    server_side, client_side = self_signed(tmp_path, name="other.example")
    with MisbehavingServer(tls=server_side) as server:
        assert_not_sent(connect(kite_at(server.url, tls_context=client_side)))
        assert server.requests == []


def test_an_order_travels_over_verified_tls(tmp_path: Path) -> None:
    server_side, client_side = self_signed(tmp_path)
    with MisbehavingServer(tls=server_side) as server:
        server.will(answers(success({"order_id": "1"})), answers(success({"order_id": "2"})))
        broker = connect(kite_at(server.url, tls_context=client_side))

        first = broker.place_order(market_order())
        broker.warm()
        second = broker.place_order(market_order())

    assert [first, second] == [Accepted("1", first.raw), Accepted("2", second.raw)]


def test_verification_is_the_default() -> None:
    from algotrading.brokers.kite.connection import verifying_tls_context

    context = verifying_tls_context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_reset_right_after_connecting_is_never_accepted() -> None:
    with MisbehavingServer(reset_at_accept=True) as server:
        answer = connect(kite_at(server.url)).place_order(market_order())

        assert isinstance(answer, Refused | Unknown)
        assert server.requests == []


def test_preparing_sends_nothing_and_opens_the_connection(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success({"order_id": "1"})))

    prepared = broker.prepare_order(market_order())
    requests_before = list(server.requests)
    answer = prepared.send()

    assert requests_before == []
    assert isinstance(answer, Accepted)
    assert server.connections == 1


def test_a_prepared_order_leaves_once(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success({"order_id": "1"})))
    prepared = broker.prepare_order(market_order())
    prepared.send()

    with pytest.raises(RuntimeError, match="has been sent"):
        prepared.send()

    assert len(server.requests) == 1


def test_an_order_goes_out_on_a_connection_that_carried_nothing_else(
    server: MisbehavingServer, broker: KiteBroker
) -> None:
    # Given a server that sends a second answer nobody asked for
    server.will(
        answers(success({"order_id": "1"}) + success({"order_id": "not yours"})), answers(success({"order_id": "2"}))
    )

    # When two orders are placed
    first = broker.place_order(market_order())
    second = broker.place_order(market_order(tag="second"))

    # Then each has its own answer
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.broker_order_id, second.broker_order_id) == ("1", "2")
    assert server.connections == 2


def test_a_connection_closed_while_waiting_is_renewed_before_the_order() -> None:
    # Given an order prepared on a connection that its server then closes
    with MisbehavingServer() as server:
        broker = connect(kite_at(server.url))
        prepared = broker.prepare_order(market_order())
        close_server_side(broker)
        server.will(answers(success({"order_id": "1"})))

        # When it is sent
        answer = prepared.send()

        # Then it goes out on a new connection, once
        assert isinstance(answer, Accepted)
        assert len(server.requests) == 1
        assert server.connections == 2


def test_warm_renews_a_connection_that_idled() -> None:
    with MisbehavingServer() as server:
        limits = Limits(warm_idle_seconds=0.0, order_seconds=QUICK.order_seconds)
        broker = connect(kite_at(server.url, limits=limits))
        server.will(answers(success({"order_id": "1"})))
        prepared = broker.prepare_order(market_order())

        broker.warm()
        answer = prepared.send()

        assert isinstance(answer, Accepted)
        assert server.connections == 2


def test_warm_keeps_a_fresh_connection(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success({"order_id": "1"})))

    broker.warm()
    broker.warm()
    answer = broker.place_order(market_order())

    assert isinstance(answer, Accepted)
    assert server.connections == 1


def test_warm_never_raises(unused_address: str) -> None:
    broker = connect(kite_at(unused_address))

    broker.warm()

    assert_not_sent(broker)


def test_an_unused_idle_connection_is_not_trusted_with_an_order() -> None:
    with MisbehavingServer() as server:
        limits = Limits(max_idle_seconds=0.0, order_seconds=QUICK.order_seconds)
        broker = connect(kite_at(server.url, limits=limits))
        server.will(answers(success({"order_id": "1"})))

        answer = broker.place_order(market_order())

        assert isinstance(answer, Accepted)
        assert server.connections == 2


def test_reads_renew_a_connection_that_the_server_closed(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers_and_closes(success([])), answers(success([])))

    broker.trades()
    wait_for_close(broker)
    broker.trades()

    assert len(server.requests) == 2


def close_server_side(broker: KiteBroker) -> None:
    """What the client's kernel sees when the server closes: an end of file."""
    connection = broker._orders._connection._socket
    assert connection is not None
    connection.shutdown(socket.SHUT_RD)


def wait_for_close(broker: KiteBroker) -> None:
    """Until the server's end of file has arrived (loopback: at once, save for scheduling)."""
    connection = broker._reads._connection
    deadline = time.monotonic() + 2
    while connection._is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)
