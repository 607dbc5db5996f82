"""Orders that leave through a forward proxy, on real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from algotrading.brokers.kite.brokers import KiteBrokers
from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.orders import Accepted, Refused
from tests.unit.brokers.certificates import self_signed
from tests.unit.brokers.kite_session import CREDENTIALS, QUICK, kite_at, market_order
from tests.unit.brokers.misbehaving_server import MisbehavingServer, answers, http_reply, success


class ForwardProxy:
    """Takes CONNECT requests on loopback, and answers them with `status`."""

    def __init__(self, status: str = "200 Connection established", tunnels_to: bytes | None = None) -> None:
        """`tunnels_to`: what its tunnels say, and then end; None: they lead to where they were asked for."""
        self._tunnels_to = tunnels_to
        self.asked_for: list[str] = []
        self._status = status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1024)
            method, target, _ = head.decode().split(" ", 2)
            self.asked_for.append(f"{method} {target}")
            client.sendall(f"HTTP/1.1 {self._status}\r\n\r\n".encode())
            if not self._status.startswith("200"):
                return
            if self._tunnels_to is not None:
                client.sendall(self._tunnels_to)
                return
            host, port = target.rsplit(":", 1)
            with socket.create_connection((host, int(port))) as server:
                threading.Thread(target=_pump, args=(server, client), daemon=True).start()
                _pump(client, server)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    proxy = ForwardProxy()
    yield proxy
    proxy.close()


@pytest.fixture
def dead_proxy() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_order_leaves_through_the_proxy_and_its_tls_ends_at_the_broker(tmp_path: Path, proxy: ForwardProxy) -> None:
    server_side, client_side = self_signed(tmp_path)
    with MisbehavingServer(tls=server_side) as server:
        server.will(answers(success({"order_id": "1"})))
        broker = kite_at(server.url, tls_context=client_side).connect(CREDENTIALS, (proxy.address,))

        answer = broker.place_order(market_order())

        assert isinstance(answer, Accepted)
        assert proxy.asked_for == [f"CONNECT {server.url.removeprefix('https://')}"]


def test_the_second_proxy_carries_what_the_first_cannot(
    server: MisbehavingServer, proxy: ForwardProxy, dead_proxy: str
) -> None:
    server.will(answers(success({"order_id": "1"})))

    answer = kite_at(server.url).connect(CREDENTIALS, (dead_proxy, proxy.address)).place_order(market_order())

    assert isinstance(answer, Accepted)


@pytest.mark.parametrize("status", ["403 Forbidden", "502 Bad Gateway", "407 Proxy Authentication Required"])
def test_past_its_proxies_no_order_leaves(server: MisbehavingServer, dead_proxy: str, status: str) -> None:
    refusing = ForwardProxy(status)
    try:
        broker = kite_at(server.url).connect(CREDENTIALS, (dead_proxy, refusing.address))

        answer = broker.place_order(market_order())
    finally:
        refusing.close()

    assert isinstance(answer, Refused)
    assert (answer.kind, answer.throttled) == ("NOT_SENT", True)
    assert server.requests == []


@pytest.mark.parametrize("after", [b"", b"no TLS at all"], ids=["closes", "answers garbage"])
def test_a_proxy_whose_tunnel_leads_nowhere_is_passed_over_and_not_tried_first_again(
    tmp_path: Path, proxy: ForwardProxy, after: bytes
) -> None:
    server_side, client_side = self_signed(tmp_path)
    nowhere = ForwardProxy(tunnels_to=after)
    try:
        with MisbehavingServer(tls=server_side) as server:
            server.will(answers(success({"order_id": "1"})), answers(success({"order_id": "2"})))
            ways = (nowhere.address, proxy.address)
            broker = kite_at(server.url, tls_context=client_side).connect(CREDENTIALS, ways)

            both = [broker.place_order(market_order()) for _ in range(2)]
    finally:
        nowhere.close()

    assert all(isinstance(answer, Accepted) for answer in both)
    assert len(nowhere.asked_for) == 1


def test_opening_takes_no_longer_than_each_way_may(server: MisbehavingServer) -> None:
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ways = tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in silent)
    try:
        began = time.monotonic()
        answer = kite_at(server.url).connect(CREDENTIALS, ways).place_order(market_order())
        took = time.monotonic() - began
    finally:
        for each in silent:
            each.close()

    assert isinstance(answer, Refused)
    # Prepared and sent: twice two ways of half a second each.
    assert took < 4 * QUICK.connect_seconds + 2


def test_a_proxy_whose_answer_drips_is_not_waited_for(server: MisbehavingServer) -> None:
    # Given a proxy that says a header, byte after byte, each well within the time of one connection
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    threading.Thread(target=_drip, args=(listener, over), daemon=True).start()
    way = f"127.0.0.1:{listener.getsockname()[1]}"
    try:
        began = time.monotonic()
        answer = kite_at(server.url).connect(CREDENTIALS, (way,)).place_order(market_order())
        took = time.monotonic() - began
    finally:
        over.set()
        listener.close()

    assert isinstance(answer, Refused)
    assert server.requests == []
    # Prepared and sent: twice half a second. It would have gone on for ten seconds, twice.
    assert took < 2 * QUICK.connect_seconds + 2


def _drip(listener: socket.socket, over: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                client.sendall(b"HTTP/1.1 200 OK\r\nSlow: ")
                for _ in range(100):
                    if over.wait(0.1):
                        return
                    client.sendall(b"a")


def test_readings_do_not_need_the_proxy(server: MisbehavingServer, dead_proxy: str) -> None:
    server.will(answers(success([])))

    assert kite_at(server.url).connect(CREDENTIALS, (dead_proxy,)).trades() == ()


def test_where_orders_come_from_is_asked_over_the_way_that_they_take(
    server: MisbehavingServer, proxy: ForwardProxy
) -> None:
    server.will(answers(http_reply(200, "13.200.0.1\n", "text/plain")))
    brokers = _asking(server.url)

    assert brokers.outward_address((proxy.address,)) == "13.200.0.1"
    assert len(proxy.asked_for) == 1


@pytest.mark.parametrize("body", ["<html>", "", "13.200.0.1, 10.0.0.1"])
def test_an_answer_that_is_no_address_is_none(server: MisbehavingServer, body: str) -> None:
    server.will(answers(http_reply(200, body, "text/plain")))

    with pytest.raises(BrokerUnavailable):
        _asking(server.url).outward_address(())


def _asking(url: str) -> KiteBrokers:
    return kite_at("http://kite.invalid", address_url=url)
