"""Asking again: what passes is waited for, what was refused for its own sake is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from twin.api_client import ApiRefused
from twin.chaos import insistence
from twin.chaos.insistence import LOGGED_OUT, insist


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between the attempts."""
    monkeypatch.setattr(insistence, "_PAUSE_SECONDS", 0.0)


def answering(*answers: str | ApiRefused) -> Callable[[], Awaitable[str]]:
    """A call that gives these answers, one after the other."""
    coming = iter(answers)

    async def call() -> str:
        answer = next(coming)
        if isinstance(answer, ApiRefused):
            raise answer
        return answer

    return call


async def test_a_server_that_is_broken_is_asked_again() -> None:
    assert await insist(answering(ApiRefused("broken", 503, ""), "done")) == "done"


async def test_a_start_waits_for_its_owner_to_log_in_at_the_broker_again() -> None:
    dead = ApiRefused("log in first", 400, LOGGED_OUT)

    assert await insist(answering(dead, dead, "running"), passing={LOGGED_OUT}) == "running"


async def test_any_other_refusal_is_an_answer() -> None:
    with pytest.raises(ApiRefused, match="no such symbol"):
        await insist(answering(ApiRefused("no such symbol", 400, "SYMBOL_UNKNOWN"), "never"), passing={LOGGED_OUT})
