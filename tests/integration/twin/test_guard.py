"""A twin that is killed outright takes its processes with it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from twin.processes import REPOSITORY, StateFolder, base_environment

if TYPE_CHECKING:
    from pathlib import Path

_TWIN = """
import asyncio, subprocess, sys
from pathlib import Path
from twin.guard import guarded
from twin.processes import StateFolder

async def live():
    state = StateFolder(Path(sys.argv[1]))
    with state.locked():
        async with guarded(state):
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], start_new_session=True)
            state.note(child.pid, "watcher")
            print(child.pid, flush=True)
            await asyncio.sleep(float(sys.argv[2]))
            child.kill()
            child.wait()

asyncio.run(live())
"""
PATIENCE_SECONDS = 30


def start_twin(folder: Path, *, seconds: float) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A twin that lives for a while, and the one process it runs."""
    twin = subprocess.Popen(
        [sys.executable, "-c", _TWIN, str(folder), str(seconds)],
        cwd=REPOSITORY,
        env=base_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert twin.stdout is not None
    return twin, psutil.Process(int(twin.stdout.readline()))


def test_the_processes_of_a_killed_twin_are_stopped(tmp_path: Path) -> None:
    twin, child = start_twin(tmp_path, seconds=120)

    with twin:
        twin.kill()

    child.wait(PATIENCE_SECONDS)
    assert StateFolder(tmp_path).survivors() == []


def test_a_twin_that_ends_in_order_leaves_no_guard(tmp_path: Path) -> None:
    twin, _ = start_twin(tmp_path, seconds=1)
    with twin:
        guards = [child for child in psutil.Process(twin.pid).children() if "twin.guard" in child.cmdline()]

    assert len(guards) == 1
    assert not guards[0].is_running()
