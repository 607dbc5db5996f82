"""A request's answer, whatever it is, and no exception where none comes."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from algotrading.adapters.web import ask, showing_certificate


class Handler(BaseHTTPRequestHandler):
    """Says back what came; breaks off where it is told to."""

    def do_POST(self) -> None:
        """One request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/breaks":
            self.wfile.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\n{")
            self.close_connection = True
            return
        self.send_response(int(self.path.strip("/")))
        self.end_headers()
        self.wfile.write(self.headers["X-Mark"].encode() + b" " + body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 401, 503])
def test_status_and_body_are_told_whatever_they_are(server: str, status: int) -> None:
    assert ask("POST", f"{server}/{status}", {"X-Mark": "m"}, b"asked") == (status, b"m asked")


def test_an_answer_that_breaks_off_is_told_as_far_as_it_came(server: str) -> None:
    assert ask("POST", f"{server}/breaks", {}, b"") == (401, b"{")


def test_nobody_there_is_no_status() -> None:
    status, why = ask("POST", "http://127.0.0.1:1/", {}, b"")

    assert status == 0
    assert b"refused" in why


# --- certificates of callers --------------------------------------------------------------------------


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def sign(name: str, by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None) -> tuple[Any, Any, Signed]:
    """A certificate for `name`, by itself or by an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    authority, signer = by or (None, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        # Python 3.13 holds certificates to RFC 5280 by itself (ssl.VERIFY_X509_STRICT).
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_usage(is_authority=by is None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made, key, Signed(made.public_bytes(serialization.Encoding.PEM).decode(), private.decode())


@pytest.fixture(scope="module")
def authority() -> tuple[Any, Any, Signed]:
    return sign("authority")


@pytest.fixture
def strict_server(authority: tuple[Any, Any, Signed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that hangs up on whoever shows no certificate of the authority's."""
    certificate, key, trusted = authority
    own = sign("server", (certificate, key))[2]
    for name, text in (("own.pem", own.certificate), ("own.key", own.key), ("trusted.pem", trusted.certificate)):
        (tmp_path / name).write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
    context.load_verify_locations(tmp_path / "trusted.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_a_certificate_is_shown_to_whoever_asks_for_one(strict_server: str, authority: tuple[Any, Any, Signed]) -> None:
    mine = sign("canary", authority[:2])[2]

    context = showing_certificate(mine.certificate, mine.key)

    assert ask("POST", f"{strict_server}/401", {"X-Mark": "m"}, b"", context=context) == (401, b"m ")


def test_without_a_certificate_or_with_a_strangers_there_is_no_answer(strict_server: str) -> None:
    stranger = sign("stranger")[2]

    nothing, _ = ask("POST", f"{strict_server}/401", {"X-Mark": "m"}, b"")
    other, _ = ask(
        "POST",
        f"{strict_server}/401",
        {"X-Mark": "m"},
        b"",
        context=showing_certificate(stranger.certificate, stranger.key),
    )

    assert (nothing, other) == (0, 0)


def test_the_servers_own_certificate_is_checked_as_usual() -> None:
    mine = sign("canary")[2]

    context = showing_certificate(mine.certificate, mine.key)

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(ssl.SSLError):
        showing_certificate("none", "none")
