"""The process around the watcher."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import pytest

from fargate_listener import run

HANGING = 20
"""More than the dials of order sockets, full checks and logins of feeds that can hang at once."""


class Watcher:
    """Blocks in many threads, as stores that hang do, and then has one more thing to do in a thread."""

    is_done = False

    async def run(self, stop: asyncio.Event) -> None:
        answered = threading.Event()
        hanging = [asyncio.create_task(asyncio.to_thread(answered.wait, 60)) for _ in range(HANGING)]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(10):
                await asyncio.to_thread(stop.is_set)
            self.is_done = True
        finally:
            answered.set()
            await asyncio.gather(*hanging)


def test_stores_that_hang_leave_a_thread_for_what_else_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher()
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(run, "build_watcher", lambda _settings: watcher)
    settings: Any = None

    asyncio.run(run._watch(settings))

    assert watcher.is_done
