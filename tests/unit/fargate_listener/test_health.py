"""The health endpoint and the check that asks it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from algotrading.settings import ListenerSettings
from fargate_listener.health import UNCHECKED_SECONDS, HealthServer, Loaded
from fargate_listener.health_check import DEFAULT_PORT, run_health_check


class Watched:
    """A health document that a test can change."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.status: str | None = None
        self.server = HealthServer(self.document, 0, stops=lambda: {"guarded": ["a", "b"]})

    def document(self) -> dict[str, object]:
        """As `Health` has it."""
        return {"status": self.status or ("unhealthy" if self.reasons else "healthy"), "reasons": self.reasons}

    async def ask(self, request: bytes) -> bytes:
        """One raw HTTP exchange."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    watched = Watched()
    await watched.server.start()
    monkeypatch.setenv("HEALTH_PORT", str(watched.server.port))
    yield watched
    await watched.server.stop()


async def test_the_check_says_what_the_endpoint_says(watched: Watched) -> None:
    assert await asyncio.to_thread(run_health_check) == 0

    watched.reasons = ["no price feed: refused"]
    assert await asyncio.to_thread(run_health_check) == 1

    watched.reasons = []
    assert await asyncio.to_thread(run_health_check) == 0


async def test_a_watcher_that_waits_for_a_login_is_left_in_peace(watched: Watched) -> None:
    watched.reasons, watched.status = ["no price feed: the feed account has to log in to the broker"], "waiting"

    assert await asyncio.to_thread(run_health_check) == 0
    answer = await watched.ask(b"GET /health HTTP/1.1\r\n\r\n")
    assert b"has to log in" in answer


async def test_nobody_there_is_unhealthy(watched: Watched) -> None:
    await watched.server.stop()

    assert await asyncio.to_thread(run_health_check) == 1


async def test_the_check_prints_what_the_watcher_says(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    await asyncio.to_thread(run_health_check)
    watched.reasons = ["no price feed: refused", "the stops are not loaded yet"]
    await asyncio.to_thread(run_health_check)
    await watched.server.stop()
    await asyncio.to_thread(run_health_check)

    assert capsys.readouterr().out.splitlines() == [
        "healthy",
        "unhealthy: no price feed: refused; the stops are not loaded yet",
        f"no watcher answers on port {os.environ['HEALTH_PORT']} of this machine: ConnectionRefusedError",
    ]


@pytest.mark.parametrize("port", ["abc", "", "0", "-1", "65536", "8081.5"])
def test_a_port_that_is_none_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    monkeypatch.setenv("HEALTH_PORT", port)

    assert run_health_check() == 2
    assert capsys.readouterr().err == f"HEALTH_PORT is {port!r}: it must be a number from 1 to 65535\n"


async def test_the_reasons_are_in_the_answer(watched: Watched) -> None:
    watched.reasons = ["the stops are not loaded yet"]

    answer = await watched.ask(b"GET /health HTTP/1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"the stops are not loaded yet" in answer


async def test_it_tells_who_is_guarded(watched: Watched) -> None:
    answer = await watched.ask(b"GET /stops HTTP/1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"guarded": ["a", "b"]}')


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /health?verbose=1 HTTP/1.1", b"200"),
        (b"GET / HTTP/1.1", b"404"),
        (b"POST /health HTTP/1.1", b"405"),
        (b"nonsense", b"404"),
    ],
)
async def test_other_requests_get_their_status(watched: Watched, request_line: bytes, status: bytes) -> None:
    answer = await watched.ask(request_line + b"\r\n\r\n")

    assert answer.split(b" ")[1] == status


async def test_a_request_without_an_end_is_dropped_and_the_next_one_answered(watched: Watched) -> None:
    assert await watched.ask(b"x" * 100_000 + b"\r\n\r\n") == b""

    assert await asyncio.to_thread(run_health_check) == 0


def test_the_default_port_is_that_of_the_settings() -> None:
    assert ListenerSettings.model_fields["health_port"].default == DEFAULT_PORT


class Shelf:
    """What is loaded, and what time it is."""

    def __init__(self) -> None:
        self.now = 100.0
        self.loaded = Loaded(monotonic=lambda: self.now)

    def check(self) -> None:
        """A full check that takes no time."""
        self.loaded.checked(self.now)


def test_stops_that_were_never_loaded_are_not_current() -> None:
    assert not Shelf().loaded.is_current


def test_without_a_gap_the_stops_are_current_however_old_the_last_check_is() -> None:
    shelf = Shelf()
    shelf.check()

    shelf.now += 3600

    assert shelf.loaded.is_current


def test_after_a_gap_they_are_believed_for_a_moment_since_the_last_check_only() -> None:
    shelf = Shelf()
    shelf.check()
    shelf.now += UNCHECKED_SECONDS - 1
    shelf.loaded.may_have_missed()
    assert shelf.loaded.is_current

    shelf.now += 2

    assert not shelf.loaded.is_current


def test_only_a_check_that_began_after_the_gap_closes_it() -> None:
    shelf = Shelf()
    shelf.check()
    shelf.now += 10
    begun = shelf.now
    shelf.now += 1
    shelf.loaded.may_have_missed()
    shelf.loaded.checked(begun)
    shelf.now += UNCHECKED_SECONDS
    assert not shelf.loaded.is_current

    shelf.check()
    shelf.now += 3600

    assert shelf.loaded.is_current
