"""An HTTP server that does, on purpose, what real ones do at the worst moment."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl

Act = Callable[[socket.socket, bytes], bool]
"""Answers one request on a connection; False ends the connection."""


def http_reply(
    status: int,
    body: bytes | str | Mapping[str, Any],
    content_type: str | None = "application/json",
    headers: Sequence[str] = (),
) -> bytes:
    """A well-formed HTTP answer."""
    content = (
        json.dumps(body).encode() if isinstance(body, Mapping) else body.encode() if isinstance(body, str) else body
    )
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}", *headers]
    if content_type is not None:
        head.append(f"Content-Type: {content_type}")
    return "\r\n".join([*head, "", ""]).encode() + content


def success(data: object, status: int = 200) -> bytes:
    """Kite's success envelope."""
    return http_reply(status, {"status": "success", "data": data})


def failure(status: int, error_type: str, message: str = "No.") -> bytes:
    """Kite's error envelope."""
    return http_reply(status, {"status": "error", "message": message, "error_type": error_type, "data": None})


def answers(reply: bytes) -> Act:
    """Answer and keep the connection."""

    def act(connection: socket.socket, _request: bytes) -> bool:
        connection.sendall(reply)
        return True

    return act


def answers_and_closes(reply: bytes) -> Act:
    """Answer and close, announced or not."""

    def act(connection: socket.socket, _request: bytes) -> bool:
        connection.sendall(reply)
        return False

    return act


def echoes(status: int) -> Act:
    """Answer with the request itself, as some gateways' error pages do."""

    def act(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(http_reply(status, request, "text/html"))
        return False

    return act


def closes(_connection: socket.socket, _request: bytes) -> bool:
    """Read the request, then close without a word."""
    return False


def resets(connection: socket.socket, _request: bytes) -> bool:
    """Read the request, then reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def drips(reply: bytes, stop: threading.Event) -> Act:
    """Answer one byte at a time, each well within any time-out of a single read."""

    def act(connection: socket.socket, _request: bytes) -> bool:
        for byte in reply:
            connection.sendall(bytes([byte]))
            if stop.wait(0.05):
                break
        return False

    return act


@dataclass(frozen=True)
class SeenRequest:
    """A request as it stood on the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def parse(cls, request: bytes) -> Self:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, target, _version = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return cls(method, target, headers, dict(parse_qsl(body.decode())), body)


class MisbehavingServer:
    """Plays a script of acts, one per request; without script it stays silent."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, reset_at_accept: bool = False) -> None:
        self.script: deque[Act] = deque()
        self.requests: list[bytes] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._tls = tls
        self._reset_at_accept = reset_at_accept
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def seen(self) -> list[SeenRequest]:
        return [SeenRequest.parse(request) for request in self.requests]

    def will(self, *acts: Act) -> None:
        self.script.extend(acts)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes accept()
        for connection in self._open.copy():
            with contextlib.suppress(OSError):  # gone already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.stopping.is_set():
                connection.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(3)
            if self._reset_at_accept:
                resets(connection, b"")
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.add(connection)
            while (request := _read_request(connection)) and self._act(connection, request):
                continue
        except OSError:
            return  # the client went away: its right
        finally:
            self._open.discard(connection)
            connection.close()

    def _act(self, connection: socket.socket, request: bytes) -> bool:
        self.requests.append(request)
        if not self.script:
            self.stopping.wait(5)
            return False
        return self.script.popleft()(connection, request)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := connection.recv(65536)):
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
