"""Webhooks: signed so that a receiver knows who speaks and when, and sent to nobody inside."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from algotrading.adapters import https_post
from algotrading.adapters.https_post import PostFailed, post
from algotrading.adapters.public_addresses import AddressForbidden
from algotrading.adapters.webhooks import HttpWebhooks, signature_headers
from algotrading.ports import DeliveryRefused
from tests.fakes.clock import VirtualClock
from tests.unit.brokers.certificates import self_signed

HOST = "hooks.example.com"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
PUBLIC = "8.8.8.8"


class Receiver:
    """Somebody's server, with a certificate for HOST."""

    def __init__(self, folder: Path, answer: str = "HTTP/1.1 204 OK\r\n\r\n") -> None:
        server, self.context = self_signed(folder, HOST)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                named = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append((self.path, named, self.rfile.read(length)))
                self.wfile.write(answer.encode())
                self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = server.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def loopback_is_public() -> Iterator[None]:
    """Only so can a test have a receiver: everything else stays as it is."""
    with mock.patch.object(https_post, "public_address", lambda host, port, resolver: resolver(host, port)[0]):
        yield


def to_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def webhooks(receiver: Receiver) -> HttpWebhooks:
    return HttpWebhooks(VirtualClock(), resolver=to_loopback, context=receiver.context, port=receiver.port)


def test_a_message_is_signed_over_its_id_its_moment_and_its_body(receiver: Receiver, loopback_is_public: None) -> None:
    body = json.dumps({"type": "bought"}).encode()

    webhooks(receiver).post(f"https://{HOST}/trades?key=1", SECRET, "4711", body)

    [(path, headers, received)] = receiver.requests
    moment = headers["webhook-timestamp"]
    assert (path, received, headers["webhook-id"]) == ("/trades?key=1", body, "4711")
    assert int(moment) == int(VirtualClock().now().timestamp())
    # As a receiver verifies it (standardwebhooks.com), by nothing of ours.
    expected = hmac.new(b"k" * 32, f"4711.{moment}.".encode() + received, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the specification's reference libraries.
    headers = signature_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("part", ["id", "moment", "body", "secret"])
def test_whatever_is_altered_the_signature_is_another(part: str) -> None:
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    good = signature_headers(SECRET, "1", 100, b"body")["webhook-signature"]
    altered = {
        "id": signature_headers(SECRET, "2", 100, b"body"),
        "moment": signature_headers(SECRET, "1", 101, b"body"),
        "body": signature_headers(SECRET, "1", 100, b"bodY"),
        "secret": signature_headers(other, "1", 100, b"body"),
    }[part]

    assert altered["webhook-signature"] != good


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com",
        "ftp://hooks.example.com",
        "https://",
        "https:///trades",
        "hooks.example.com",
        "https://user@hooks.example.com",
        "https://user:password@hooks.example.com",
        "https://hooks.example.com:8080",
        "https://hooks.example.com:0",
        "https://hooks.example.com:99999",
        "https://hooks.example.com/a b",
        "https://hooks.example.com\\@inside",
        "https://hooks.example.com/\r\nX-Forged: 1",
        "https://höoks.example.com",
        "https://[::1",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_public_https_address_is_refused(url: str) -> None:
    adapter = HttpWebhooks(VirtualClock(), resolver=lambda host, port: [PUBLIC])

    assert adapter.check(url) is not None
    with pytest.raises(DeliveryRefused):
        adapter.post(url, SECRET, "1", b"{}")


def test_a_good_address_is_taken() -> None:
    adapter = HttpWebhooks(VirtualClock(), resolver=lambda host, port: [PUBLIC])

    assert adapter.check("https://hooks.example.com") is None
    assert adapter.check("https://hooks.example.com:443/trades?key=1") is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]"])
def test_an_address_that_leads_inside_is_refused_when_it_is_set_and_when_it_is_used(host: str) -> None:
    adapter = HttpWebhooks(VirtualClock())

    assert adapter.check(f"https://{host}/") is not None
    with pytest.raises(DeliveryRefused):
        adapter.post(f"https://{host}/", SECRET, "1", b"{}")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "10.0.0.1", "169.254.169.254", "[::1]", "[fe80::1]", "localhost", "a.localhost"]
)
def test_a_host_that_says_itself_that_it_is_inside_is_refused_also_where_all_is_relayed(host: str) -> None:
    adapter = HttpWebhooks(VirtualClock(), relay_url="http://127.0.0.1:1/relay")

    assert adapter.check(f"https://{host}/") is not None
    assert adapter.check("https://93.184.215.14/") is None
    assert adapter.check("https://hooks.example.com/") is None


def test_a_name_that_turns_inside_after_it_was_set_is_refused_then(receiver: Receiver) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    adapter = HttpWebhooks(
        VirtualClock(), resolver=lambda host, port: next(answers), context=receiver.context, port=receiver.port
    )
    assert adapter.check(f"https://{HOST}") is None

    with pytest.raises(DeliveryRefused):
        adapter.post(f"https://{HOST}", SECRET, "1", b"{}")

    assert receiver.requests == []


def test_a_name_is_resolved_once_for_each_message(receiver: Receiver, loopback_is_public: None) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    adapter = HttpWebhooks(VirtualClock(), resolver=resolver, context=receiver.context, port=receiver.port)
    with mock.patch.object(socket, "getaddrinfo", side_effect=lambda host, port, *rest, **more: _numeric(host, port)):
        adapter.post(f"https://{HOST}", SECRET, "1", b"{}")

    assert (asked, len(receiver.requests)) == ([HOST], 1)


def _numeric(host: str, port: int) -> list[Any]:
    assert host == "127.0.0.1", "the name was resolved again"
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]


def test_a_redirection_is_not_followed(tmp_path: Path, loopback_is_public: None) -> None:
    made = Receiver(tmp_path, "HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\n\r\n")

    with pytest.raises(PostFailed, match="302"):
        webhooks(made).post(f"https://{HOST}", SECRET, "1", b"{}")

    assert len(made.requests) == 1
    made.stop()


@pytest.mark.parametrize("status", [400, 404, 410, 500, 503])
def test_any_answer_but_success_is_tried_again(tmp_path: Path, loopback_is_public: None, status: int) -> None:
    made = Receiver(tmp_path, f"HTTP/1.1 {status} No\r\n\r\n")

    with pytest.raises(PostFailed, match=str(status)):
        webhooks(made).post(f"https://{HOST}", SECRET, "1", b"{}")

    made.stop()


def test_somebody_elses_certificate_is_not_taken(receiver: Receiver, loopback_is_public: None) -> None:
    adapter = HttpWebhooks(VirtualClock(), resolver=to_loopback, context=receiver.context, port=receiver.port)

    with pytest.raises(PostFailed):
        adapter.post("https://another.example.com", SECRET, "1", b"{}")
    with pytest.raises(PostFailed):
        HttpWebhooks(VirtualClock(), resolver=to_loopback, port=receiver.port).post(
            f"https://{HOST}", SECRET, "1", b"{}"
        )

    assert receiver.requests == []


def test_whoever_answers_a_byte_at_a_time_is_not_waited_for(
    tmp_path: Path, loopback_is_public: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https_post, "DEADLINE_SECONDS", 0.5)
    context, client = self_signed(tmp_path, HOST)
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def drip() -> None:
        plain, _ = listener.accept()
        try:
            with context.wrap_socket(plain, server_side=True) as peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 204 OK\r\nX-Slow: ")
                while not stopped.wait(0.1):
                    peer.sendall(b"a")
        except (OSError, ssl.SSLError):
            return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    started = time.monotonic()

    try:
        with pytest.raises(PostFailed):
            post(HOST, "/", b"{}", {}, port=listener.getsockname()[1], resolver=to_loopback, context=client)
    finally:
        stopped.set()
        thread.join()
        listener.close()

    assert time.monotonic() - started < 3


def test_nothing_is_connected_to_before_the_address_is_looked_at() -> None:
    with mock.patch.object(socket, "create_connection") as connect, pytest.raises(AddressForbidden):
        post("localhost", "/", b"{}", {})

    connect.assert_not_called()
