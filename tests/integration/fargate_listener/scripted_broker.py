"""A broker's socket server that does exactly what a test says."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server


@dataclass
class ScriptedBroker:
    """What the server was told and asked."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    sockets: list[WSTransport] = field(default_factory=list)

    def send(self, frame: bytes, *, kind: WSMsgType = WSMsgType.BINARY, fin: bool = True) -> None:
        """One WebSocket frame to every socket."""
        for socket in self.sockets:
            socket.send(kind, frame, fin)


class _Peer(WSListener):
    def __init__(self, broker: ScriptedBroker) -> None:
        self._broker = broker

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._broker.sockets.append(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            self._broker.messages.append(json.loads(frame.get_payload_as_utf8_text()))
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._broker.sockets.remove(transport)


@asynccontextmanager
async def scripted_broker(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedBroker]:
    """Serve until the block ends."""
    broker = ScriptedBroker()

    def accept(request: WSUpgradeRequest) -> WSListener:
        broker.paths.append(request.path.decode())
        return _Peer(broker)

    server = await ws_create_server(accept, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    broker.url = f"{'ws' if tls is None else 'wss'}://127.0.0.1:{port}"
    try:
        yield broker
    finally:
        server.close()
        for socket in list(broker.sockets):
            socket.disconnect(graceful=False)
        await asyncio.sleep(0)


async def repeat(broker: ScriptedBroker, message: bytes) -> None:
    """Say the same again and again."""
    while True:
        broker.send(message)
        await asyncio.sleep(0.2)


@asynccontextmanager
async def repeated(broker: ScriptedBroker, message: bytes) -> AsyncIterator[None]:
    """The same again and again until the block ends: what is said once is lost where the feed is being dialled anew,
    which a busy machine does at any moment."""
    saying = asyncio.create_task(repeat(broker, message))
    try:
        yield
    finally:
        saying.cancel()
        await asyncio.wait({saying})


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for 127.0.0.1, and the file of its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context, certificate_file
