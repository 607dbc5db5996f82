"""ports.Webhooks: signed POSTs as the Standard Webhooks specification (standardwebhooks.com) has them, so that a
receiver verifies them with a library of its language."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
from urllib.parse import SplitResult, urlsplit

from algotrading.adapters.https_post import PostFailed, post, post_in_the_clear
from algotrading.adapters.public_addresses import AddressForbidden, Resolver, is_public, public_address, resolve
from algotrading.ports import Clock, DeliveryRefused

_HTTPS = 443


class HttpWebhooks:
    """Posts to the public internet, over HTTPS, and nowhere else."""

    def __init__(
        self,
        clock: Clock,
        *,
        relay_url: str = "",
        resolver: Resolver = resolve,
        context: ssl.SSLContext | None = None,
        port: int = _HTTPS,
    ) -> None:
        """`relay_url`, in dev: everything is posted there instead, with where it was meant for."""
        self._clock = clock
        self._relay = urlsplit(relay_url) if relay_url else None
        self._resolver = resolver
        self._context = context
        self._port = port

    def check(self, url: str) -> str | None:
        """See ports.Webhooks."""
        parts = _split(url)
        if parts is None:
            return "must be an https:// address on port 443, without a user's name"
        if self._relay is not None and not _names_inside(str(parts.hostname)):
            return None
        try:
            public_address(str(parts.hostname), _HTTPS, self._resolver)
        except AddressForbidden as error:
            return str(error)
        return None

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> None:
        """See ports.Webhooks."""
        parts = _split(url)
        if parts is None:
            raise DeliveryRefused("the address may not be posted to")
        headers = {"Content-Type": "application/json", "User-Agent": "algotrading-webhooks/1"}
        headers |= signature_headers(secret, message_id, int(self._clock.now().timestamp()), body)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        status = self._status(parts, path, body, headers)
        if not 200 <= status < 300:
            raise PostFailed(f"it answered {status}")

    def _status(self, parts: SplitResult, path: str, body: bytes, headers: dict[str, str]) -> int:
        if self._relay is not None:
            host, port = str(self._relay.hostname), self._relay.port or 80
            meant = {**headers, "X-Meant-For": parts.geturl()}
            return post_in_the_clear(host, port, self._relay.path, body, meant)[0]
        try:
            status, _ = post(
                str(parts.hostname),
                path,
                body,
                headers,
                port=self._port,
                resolver=self._resolver,
                context=self._context,
            )
        except AddressForbidden as error:
            raise DeliveryRefused(str(error)) from error
        return status


def signature_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Identity, moment and signature: a receiver refuses what it has seen, and what is older than some minutes."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _split(url: str) -> SplitResult | None:
    """The parts of an address that may be posted to at all."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    is_plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    is_open = parts.username is None and parts.password is None
    if parts.scheme != "https" or not parts.hostname or not is_plain or not is_open or port not in {None, _HTTPS}:
        return None
    return parts


def _names_inside(host: str) -> bool:
    """Whether a host says by itself, without being looked up, that it is not on the public internet."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        # As the system's resolver reads them: 127.1 and 0x7f000001 are addresses, too.
        return not is_public(socket.inet_ntoa(socket.inet_aton(host)))
    except OSError:
        return ":" in host and not is_public(host)
