"""One HTTP/1.1 connection that knows, at every failure, whether bytes of the request can have left.

A request is sent once: no retries, no redirects. An answer is bounded in time and in size.
"""

from __future__ import annotations

import http
import http.client
import io
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self, cast
from urllib.parse import urlsplit

_LEAST_SECONDS = 0.05
"""What TLS may take where the rest of opening has used the time up: no time-out of 0, which means none at all."""


class ConnectFailed(Exception):
    """There is no connection, so not one byte of the request has left."""


class ReplyLost(Exception):
    """The request may have arrived, and no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is. A path in the URL is dropped, as the official client drops it."""

    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `https://host[:port]` (or http, for a simulated exchange on loopback)."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an http(s) address")
        tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls)

    @property
    def authority(self) -> str:
        """host[:port], as in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def root(self) -> str:
        """The address without path."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request ready to leave in one write. `form` is its body for the record; neither `form` nor
    `target` of an order holds a secret, `payload` does."""

    method: str
    target: str
    form: Mapping[str, str]
    payload: bytes = field(repr=False)

    @classmethod
    def build(
        cls,
        endpoint: Endpoint,
        *,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        form: Mapping[str, str],
    ) -> Self:
        """Lay out head and body as one block of bytes."""
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {endpoint.authority}",
            "Accept: */*",
            "Accept-Encoding: gzip",
            "Connection: keep-alive",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return cls(method, target, form, "\r\n".join([*lines, "", ""]).encode("latin-1") + body)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer, content encoding undone. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@lru_cache(maxsize=1)
def verifying_tls_context() -> ssl.SSLContext:
    """Certificates and host names verified against the same authorities as the official client's."""
    import certifi

    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """At most one open socket to one endpoint. Not for use by two threads at once."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connect_seconds: float,
        tls_context: ssl.SSLContext | None = None,
        proxies: tuple[Endpoint, ...] = (),
    ):
        """With `proxies` it is opened through the first of them that works, TLS included, and never past them all."""
        self._endpoint = endpoint
        self._ways: tuple[Endpoint | None, ...] = proxies or (None,)
        self._way = 0
        """The one that worked last."""
        self._connect_seconds = connect_seconds
        self._tls_context = tls_context
        self._socket: socket.socket | None = None
        self._used_at = 0.0

    def ready(self, *, max_idle_seconds: float, open_seconds: float | None = None) -> None:
        """Make sure of an open socket that the server has not closed and that was used lately. Opening one takes
        `open_seconds` at most, by whatever ways; where that is None, the time of one connection by each way.

        A socket that idled longer is replaced although it looks alive: a gateway on the way may have
        forgotten it, and an order sent into it would be of unknown fate.

        Raises:
            ConnectFailed: nothing could be opened.
        """
        is_fresh = time.monotonic() - self._used_at <= max_idle_seconds
        if not (is_fresh and self._is_alive()):
            self._open(None if open_seconds is None else time.monotonic() + open_seconds)

    def exchange(self, request: WireRequest, *, seconds: float, max_bytes: int) -> Reply:
        """Send `request` on the ready socket and read its answer within `seconds`.

        Raises:
            ReplyLost: from the first byte on, every failure means that the request may have arrived.
        """
        sock, self._socket = self._socket, None  # comes back only with a whole answer read from it
        if sock is None:
            raise RuntimeError("exchange() before ready()")
        deadline = time.monotonic() + seconds
        try:
            sock.settimeout(seconds)
            sock.sendall(request.payload)
            reply, reusable = _read_reply(sock, request.method, deadline=deadline, max_bytes=max_bytes)
        except Exception as error:
            sock.close()
            raise ReplyLost(f"{type(error).__name__}: {error}") from error
        if reusable:
            self._socket, self._used_at = sock, time.monotonic()
        else:
            sock.close()
        return reply

    def close(self) -> None:
        """Drop the socket; none open is fine."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()

    def __del__(self) -> None:  # broker sessions are dropped, not closed: the socket goes with them
        self.close()

    def _open(self, until: float | None) -> None:
        """By the way that worked last, or else by another; each has the time of one connection, and all end then."""
        self.close()
        failures = []
        ways = self._ways[self._way :] + self._ways[: self._way]
        for way in ways:
            seconds = self._connect_seconds if until is None else min(self._connect_seconds, until - time.monotonic())
            try:
                self._socket = self._connect(way, max(_LEAST_SECONDS, seconds))
            except ConnectFailed as failure:
                failures.append(str(failure))
                continue
            self._way = self._ways.index(way)
            self._used_at = time.monotonic()
            return
        raise ConnectFailed("; ".join(failures))

    def _connect(self, proxy: Endpoint | None, seconds: float) -> socket.socket:
        deadline = time.monotonic() + seconds
        at = self._endpoint if proxy is None else proxy
        name = self._endpoint.authority if proxy is None else f"{self._endpoint.authority} through {proxy.authority}"
        try:
            sock = socket.create_connection((at.host, at.port), timeout=seconds)
        except (OSError, UnicodeError) as error:
            raise ConnectFailed(f"{name}: {type(error).__name__}: {error}") from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy is not None:
                self._ask_for_tunnel(sock, deadline)
            if self._endpoint.tls:
                sock.settimeout(max(_LEAST_SECONDS, deadline - time.monotonic()))
                context = self._tls_context or verifying_tls_context()
                sock = context.wrap_socket(sock, server_hostname=self._endpoint.host)
        except (OSError, ValueError, http.client.HTTPException) as error:
            sock.close()
            raise ConnectFailed(f"{name}: {type(error).__name__}: {error}") from error
        return sock

    def _ask_for_tunnel(self, sock: socket.socket, deadline: float) -> None:
        """HTTP CONNECT, RFC 9110 section 9.3.6."""
        host = f"[{self._endpoint.host}]" if ":" in self._endpoint.host else self._endpoint.host
        target = f"{host}:{self._endpoint.port}"
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("ascii"))
        response = http.client.HTTPResponse(cast("socket.socket", _DeadlineReader(sock, deadline)), method="CONNECT")
        response.begin()
        if response.status != http.HTTPStatus.OK:
            raise OSError(f"HTTP {response.status} {response.reason}")

    def _is_alive(self) -> bool:
        """Nothing to read is the one healthy state of an idle connection: an end of file is a closed
        one, and bytes nobody asked for could be taken for the answer to the next request."""
        if self._socket is None:
            return False
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until a deadline for everything together, however slowly bytes drip in."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._socket = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `http.client.HTTPResponse` asks of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._socket.settimeout(left)
        return self._socket.recv_into(buffer)


def _read_reply(sock: socket.socket, method: str, *, deadline: float, max_bytes: int) -> tuple[Reply, bool]:
    reader = cast("socket.socket", _DeadlineReader(sock, deadline))
    with http.client.HTTPResponse(reader, method=method) as response:
        response.begin()
        reusable = not response.will_close
        body = _read_body(response, max_bytes)
        headers = {name.lower(): value for name, value in response.getheaders()}
    encoding = headers.get("content-encoding", "identity").strip().lower()
    return Reply(response.status, headers, _decode(body, encoding, max_bytes)), reusable


def _read_body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise ValueError(f"the answer is larger than {max_bytes} bytes")
    if response.length:
        raise EOFError(f"the answer ends {response.length} bytes early")
    return body


def _decode(body: bytes, encoding: str, max_bytes: int) -> bytes:
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise ValueError(f"content encoding {encoding!r} was not asked for")
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    plain = inflater.decompress(body, max_bytes + 1)
    if len(plain) > max_bytes or not inflater.eof:
        raise ValueError(f"the answer is larger than {max_bytes} bytes or cut off")
    return plain
