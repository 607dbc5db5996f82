"""One POST over HTTPS to a public address, with a deadline for all of it: whoever answers a byte a second is not
waited for."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from algotrading.adapters.public_addresses import Resolver, public_address, resolve

DEADLINE_SECONDS = 5.0
"""Well below the lease of a delivery (domain/delivery.py)."""


class PostFailed(Exception):
    """No answer came, or none that can be read. The message is fit to be shown."""


class _Pinned(HTTPSConnection):
    """Connects to the address that was looked at, and holds the peer to the host's certificate."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=DEADLINE_SECONDS, context=context)
        self._address = address
        self._tls = context

    def connect(self) -> None:
        """Nothing is resolved again, and no proxy is asked."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def post(
    host: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    port: int = 443,
    resolver: Resolver = resolve,
    context: ssl.SSLContext | None = None,
    most: int = 4096,
) -> tuple[int, bytes]:
    """Status and beginning of the answer. Redirections are answers like others: nobody is followed inside by one.

    Raises:
        AddressForbidden: the host leads to where nobody may be sent; nothing was connected to.
        PostFailed: it cannot be reached, is not who it says, or takes too long.
    """
    address = public_address(host, port, resolver)
    return _ask(_Pinned(host, port, address, context or ssl.create_default_context()), path, body, headers, most)


def post_in_the_clear(
    host: str, port: int, path: str, body: bytes, headers: Mapping[str, str], *, most: int = 4096
) -> tuple[int, bytes]:
    """To this machine's own stand-in for a service, in dev. Raises PostFailed."""
    return _ask(HTTPConnection(host, port, timeout=DEADLINE_SECONDS), path, body, headers, most)


def _ask(
    connection: HTTPConnection, path: str, body: bytes, headers: Mapping[str, str], most: int
) -> tuple[int, bytes]:
    is_late = threading.Event()
    guard = threading.Timer(DEADLINE_SECONDS, _cut, (connection, is_late))
    guard.daemon = True
    guard.start()
    try:
        connection.request("POST", path, body=body, headers=dict(headers))
        response = connection.getresponse()
        status, beginning = response.status, response.read(most)
    except (OSError, HTTPException, ValueError) as error:
        raise PostFailed(f"no answer ({type(error).__name__})") from error
    finally:
        guard.cancel()
        connection.close()
    if is_late.is_set():
        # What was cut off may look like a whole answer.
        raise PostFailed("no answer in time")
    return status, beginning


def _cut(connection: HTTPConnection, is_late: threading.Event) -> None:
    """End whatever waits for the peer."""
    is_late.set()
    peer = connection.sock
    if peer is not None:
        try:
            peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
