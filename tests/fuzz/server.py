"""The whole API of tests/unit/api on a loopback port, which notes every refusal that changed something."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from algotrading.domain.logins import CODE_IS_FRESH, DeviceLogin
from algotrading.domain.roles import Role
from tests.unit.api.world import Answer, ApiWorld

_LONGEST_LINE = 2**24
_HOURS = 100_000
"""Hours that the token lives: a fuzz goes on for as long as it likes."""


@dataclass
class FuzzedApi:
    """A world with a connected trader, who is an administrator, too, and what went wrong in it."""

    world: ApiWorld = field(default_factory=lambda: ApiWorld(requests_per_minute=10**9))
    token: str = ""
    logins: dict[UUID, DeviceLogin] = field(default_factory=dict)
    requests: int = 0
    faults: list[str] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        trader = self.world.register()
        self.world.connect(trader)
        self.token = self.world.employed(trader, Role.ADMIN, hours=_HOURS)
        # The second factor was shown, and is asked for again where something asks for a fresh code.
        self.world.clock.sleep(CODE_IS_FRESH.total_seconds())
        self.logins = {
            device_id: replace(login, expires_at=login.expires_at + timedelta(hours=_HOURS))
            for device_id, login in self.world.database.logins.items()
        }

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """One request's answer; a refusal leaves everything as it was."""
        # Whoever ended every login is let in again: there is more to ask.
        self.world.database.logins.update(self.logins)
        before = repr(self.world.snapshot())
        url = urlsplit(target)
        text = body.decode("latin-1")
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        answer = self.world.request(method, url.path, text=text, headers=headers, query=query)
        self.requests += 1
        # A command that is stored and cannot be spread says 503 (docs/decisions/a-stored-change-is-a-success.md).
        if 400 <= answer.status < 500 and repr(self.world.snapshot()) != before:
            self.faults.append(f"{method} {target} was refused with {answer.status} and changed something")
        return answer


@contextmanager
def served() -> Iterator[tuple[FuzzedApi, str]]:
    """A fuzzed API and its URL. It answers one request at a time, over as many connections as there are."""
    api = FuzzedApi()
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield api, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    api: FuzzedApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.api.turn:
            answer = self.api.answer(self.command, self.path, dict(self.headers.items()), body)
        content = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        sent = content.encode()
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(sent))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)

    def handle_one_request(self) -> None:
        """Any method, and a request line of any length: how long one may be is the gateway's business."""
        self.raw_requestline = self.rfile.readline(_LONGEST_LINE)
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            self._answer()
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Thousands of requests are told by their faults only."""
