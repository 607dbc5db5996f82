"""Lines to Kite: a kept one for a session's reads, and a fresh connection for every order."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass

from algotrading.brokers.kite.connection import ConnectFailed, Connection, Endpoint, Reply, WireRequest

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much. The order system has been seen to answer after 8 s, so an order waits
    longer than a read: giving up early makes a known fate unknown."""

    connect_seconds: float = 2.0
    read_seconds: float = 5.0
    order_seconds: float = 15.0
    dump_seconds: float = 60.0
    read_bytes: int = 8 * _MIB
    order_bytes: int = _MIB // 16
    dump_bytes: int = 64 * _MIB
    warm_idle_seconds: float = 10.0
    """`Line.warm` replaces a connection that idled longer."""
    max_idle_seconds: float = 45.0
    """No request goes into a connection that idled longer: a gateway may have forgotten it."""


class Line:
    """At most one connection, one request at a time.

    Orders use lines that are not `kept`: every order travels on a connection that carried nothing
    before it, so no earlier answer can be taken for its own.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        limits: Limits,
        *,
        seconds: float,
        max_bytes: int,
        kept: bool,
        tls_context: ssl.SSLContext | None = None,
        proxies: tuple[Endpoint, ...] = (),
    ) -> None:
        self._connection = Connection(
            endpoint, connect_seconds=limits.connect_seconds, tls_context=tls_context, proxies=proxies
        )
        self._limits = limits
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._kept = kept
        self._lock = threading.Lock()

    def warm(self) -> ConnectFailed | None:
        """Open a connection, or replace one that idled; answers the failure if there was one."""
        with self._lock:
            try:
                self._connection.ready(max_idle_seconds=self._limits.warm_idle_seconds)
            except ConnectFailed as failure:
                return failure
            return None

    def send(self, request: WireRequest, *, open_seconds: float | None = None, seconds: float | None = None) -> Reply:
        """Send once and read the answer. A connection that is not open takes `open_seconds` at most to be, where given,
        and the answer `seconds`, where that is less than is usual for the line.

        Raises:
            ConnectFailed: not sent.
            ReplyLost: perhaps sent.
        """
        with self._lock:
            self._connection.ready(max_idle_seconds=self._limits.max_idle_seconds, open_seconds=open_seconds)
            patience = self._seconds if seconds is None else min(self._seconds, seconds)
            try:
                return self._connection.exchange(request, seconds=patience, max_bytes=self._max_bytes)
            finally:
                if not self._kept:
                    self._connection.close()
