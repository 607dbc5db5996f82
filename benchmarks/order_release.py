"""How fast an order leaves: from `PreparedOrder.send()` to its last byte at the server, and at what CPU cost.

Beside it, in the same run, the unmodified official client, and the import times of both.

The server stamps the arrival of the last byte with the machine's monotonic clock, which all processes
share, and answers with that stamp as the order id. So every figure includes one loopback delivery and
the server's wake-up.
"""

from __future__ import annotations

import json
import multiprocessing
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from typing import Any

from algotrading.adapters.clock import SystemClock
from algotrading.brokers.kite import KiteBrokers
from algotrading.brokers.kite.broker import KiteBroker
from algotrading.domain.accounts import BrokerCredentials, BrokerName
from algotrading.domain.instruments import Product
from algotrading.domain.orders import Accepted, OrderTicket, Side
from benchmarks.figures import Figure, Progress, Values, spread

IMPORTS = {
    "python": "pass",
    "boto3 + SQS client": "import boto3; boto3.client('sqs', region_name='ap-south-1')",
    "requests": "import requests",
    "kiteconnect": "import kiteconnect",
    "our Kite session": "import algotrading.brokers.kite.broker",
}
_OURS = "our Kite session"
_CREDENTIALS = BrokerCredentials(BrokerName.KITE, "k" * 16, "s" * 32, "t" * 32)
_TICKET = OrderTicket("NSE", "INFY", Side.BUY, 10, Product.MIS, "0a1B2c3D4e5F6g7H8i")


def measure(progress: Progress, *, orders: int, burst: int, imports: int = 3) -> list[Figure]:
    """Milliseconds throughout."""
    progress("imports of the broker's client and of ours")
    import_ms = {name: _import_ms(program, imports) for name, program in IMPORTS.items()}
    with _arrival_server() as url:
        progress(f"{orders} orders, one after the other")
        wire, cpu = _time_prepared(url, orders)
        official_wire, official_cpu = _time_official(url, orders)
        progress(f"{burst} processes with an order due at the same instant")
        woke, arrived = _time_burst(url, burst)
    ours = import_ms.pop(_OURS)

    def figure(name: str, values: Sequence[float], peers: Mapping[str, Values] | None = None) -> Figure:
        return Figure("order_release", name, "ms", spread(values), len(values), peers=peers or {})

    client = "official client, open connection"
    return [
        figure("prepared order: call to last byte at the server", wire, {client: spread(official_wire)}),
        figure("prepared order: CPU, reading the answer included", cpu, {client: spread(official_cpu)}),
        figure(f"{burst} processes due at once: woke late", woke),
        figure(f"{burst} processes due at once: order arrived late", arrived),
        Figure(
            "order_release",
            f"{_OURS}: import",
            "ms",
            {"median": ours},
            imports,
            peers={f"{name}: import": {"median": value} for name, value in import_ms.items()},
        ),
    ]


def _time_prepared(url: str, count: int) -> tuple[list[float], list[float]]:
    broker = _connect(url)
    wire, cpu = [], []
    for _ in range(count):
        prepared = broker.prepare_order(_TICKET)
        time.sleep(0.002)  # as in service: the process has been waiting
        cpu_before, before = time.thread_time_ns(), time.monotonic_ns()
        answer = prepared.send()
        cpu.append((time.thread_time_ns() - cpu_before) / 1e6)
        wire.append((_arrival(answer) - before) / 1e6)
    return wire, cpu


def _time_official(url: str, count: int) -> tuple[list[float], list[float]]:
    from kiteconnect import KiteConnect

    kite = KiteConnect(api_key=_CREDENTIALS.api_key, access_token=_CREDENTIALS.access_token, root=url)

    def place() -> int:
        return int(
            kite.place_order(
                "regular", "NSE", "INFY", "BUY", 10, "MIS", "MARKET", validity="DAY", market_protection=-1, tag="t"
            )
        )

    place()  # opens the connection
    wire, cpu = [], []
    for _ in range(count):
        time.sleep(0.002)
        cpu_before, before = time.thread_time_ns(), time.monotonic_ns()
        arrived = place()
        cpu.append((time.thread_time_ns() - cpu_before) / 1e6)
        wire.append((arrived - before) / 1e6)
    return wire, cpu


def _time_burst(url: str, processes: int) -> tuple[list[float], list[float]]:
    """How late many processes wake that all have an order due at the same instant, and how late the
    orders arrive. The first is the machine's doing, the difference ours (and the one server's)."""
    context = multiprocessing.get_context("fork")
    children = []
    for _ in range(processes):
        ours, theirs = context.Pipe()
        child = context.Process(target=_release_when_due, args=(url, theirs))
        child.start()
        children.append((child, ours))
    for _, pipe in children:
        pipe.recv()
    due = time.monotonic_ns() + 1_000_000_000
    for _, pipe in children:
        pipe.send(due)
    late = [pipe.recv() for _, pipe in children]
    for child, _ in children:
        child.join()
    return [woke for woke, _ in late], [arrived for _, arrived in late]


def _release_when_due(url: str, pipe: Pipe) -> None:
    broker = _connect(url)
    prepared = broker.prepare_order(_TICKET)
    pipe.send("ready")
    due = int(pipe.recv())
    broker.warm()
    time.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
    woke = time.monotonic_ns()
    arrived = _arrival(prepared.send())
    pipe.send(((woke - due) / 1e6, (arrived - due) / 1e6))


def _connect(url: str) -> KiteBroker:
    return KiteBrokers(api_url=url, login_url=url, clock=SystemClock()).connect(_CREDENTIALS)


def _arrival(answer: object) -> int:
    assert isinstance(answer, Accepted), answer
    return int(answer.broker_order_id)


def _import_ms(program: str, runs: int) -> float:
    """Median of fresh interpreters, the interpreter's own start included."""
    times = []
    for _ in range(runs):
        before = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "", "HOME": "/nonexistent"},
        )
        times.append((time.perf_counter() - before) * 1e3)
    return round(statistics.median(times), 1)


@contextmanager
def _arrival_server() -> Any:
    """A server in a process of its own, on a free port of loopback."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener,), daemon=True)
    process.start()
    port = listener.getsockname()[1]
    listener.close()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join()


def _serve(listener: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ, None)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(connection, selectors.EVENT_READ, bytearray())
                else:
                    _answer(selector, key)


def _answer(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    connection = key.fileobj
    assert isinstance(connection, socket.socket)
    chunk = connection.recv(65536)
    arrived = time.monotonic_ns()
    if not chunk:
        selector.unregister(connection)
        connection.close()
        return
    key.data.extend(chunk)
    head, separator, body = bytes(key.data).partition(b"\r\n\r\n")
    if not separator or len(body) < _content_length(head):
        return
    key.data.clear()
    content = json.dumps({"status": "success", "data": {"order_id": str(arrived)}}).encode()
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)
    )


def _content_length(head: bytes) -> int:
    return next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
