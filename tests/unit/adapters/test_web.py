"""A request's answer, whatever it is, and no exception where none comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from algotrading.adapters.web import ask


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
