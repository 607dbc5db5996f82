"""The feed of the watcher's benchmark: a socket that floods its client, or sends at a pace, each price telling when.

Run as `python -m benchmarks.watcher.sender`; reads its task from standard input and prints its port.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import random
import socket
import ssl
import threading
import time

from benchmarks.watcher.task import Task, frame, message, packet, price_at, tokens

_CHUNK = 1 << 18
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
_GREETED = 300
"""Instruments in a frame."""


def main() -> None:
    """Serve one client until it leaves."""
    task = Task.read()
    if task.core is not None:
        os.sched_setaffinity(0, {task.core})
    server = socket.create_server(("127.0.0.1", task.port))
    print(server.getsockname()[1], flush=True)
    client, _ = server.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if task.tls != "no":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(task.certificate, task.key)
        client = context.wrap_socket(client, server_side=True)
    _shake_hands(client)
    _read_subscription(client)
    with contextlib.suppress(OSError):
        _greet(client, task)
        if task.pace:
            _send_paced(client, task)
        else:
            _flood(client, task)


def _shake_hands(client: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(4096)
    lines = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if b": " in line)
    key = {name.lower(): value for name, value in lines.items()}[b"sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def _read_subscription(client: socket.socket) -> None:
    """Whatever the client subscribes to; then it may say what it likes."""
    client.recv(1 << 16)
    if not isinstance(client, ssl.SSLSocket):

        def drain() -> None:
            with contextlib.suppress(OSError):
                while client.recv(1 << 16):
                    continue

        threading.Thread(target=drain, daemon=True).start()


def _greet(client: socket.socket, task: Task) -> None:
    """A broker first tells the last price of everything that was subscribed to."""
    names, price = tokens(), price_at(time.monotonic_ns() // 1000)
    for begin in range(0, len(names), _GREETED):
        packets = [packet(task.kind, token, price) for token in names[begin : begin + _GREETED]]
        client.sendall(message(frame(packets)))


def _flood(client: socket.socket, task: Task) -> None:
    dice, names = random.Random(7), tokens()
    messages = [
        message(
            frame(
                [
                    packet(task.kind, token, price_at(dice.randrange(1 << 30)))
                    for token in dice.sample(names, task.packets)
                ]
            )
        )
        for _ in range(max(2, _CHUNK // (task.frame_bytes + 4)))
    ]
    if task.tls == "frame":
        while True:
            for each in messages:
                client.send(each)
    chunk = memoryview(b"".join(messages))
    while True:
        client.sendall(chunk)


def _send_paced(client: socket.socket, task: Task) -> None:
    """One frame at a time, at its instant; the core is this process's own, so it spins."""
    names = tokens()
    random.Random(7).shuffle(names)
    # Every instrument in its turn: one that never ticks is stale, and read from quotes.
    chosen = [names[begin : begin + task.packets] for begin in range(0, len(names), task.packets)]
    interval = 1_000_000_000 * task.packets // task.pace
    due = time.monotonic_ns()
    turn = 0
    while True:
        while (now := time.monotonic_ns()) < due:
            pass
        price = price_at(now // 1000)
        client.sendall(message(frame([packet(task.kind, token, price) for token in chosen[turn % len(chosen)]])))
        turn += 1
        # Behind by more than a little: the rest of the delay is not made up for, or a burst would follow.
        due = max(due + interval, now - 50 * interval)


if __name__ == "__main__":
    main()
