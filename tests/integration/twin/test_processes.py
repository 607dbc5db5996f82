"""A state folder belongs to one twin, and what a crashed one left running is found and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psutil
import pytest

from twin.processes import StateFolder, TwinRunning

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def test_what_a_crashed_twin_left_running_is_stopped(state: StateFolder, sleeper: subprocess.Popen[bytes]) -> None:
    state.note(sleeper.pid, "watcher")

    assert state.stop_leftovers() == ["watcher"]

    assert not psutil.pid_exists(sleeper.pid)
    assert state.stop_leftovers() == []


def test_a_stranger_with_a_recorded_pid_is_left_alone(state: StateFolder, sleeper: subprocess.Popen[bytes]) -> None:
    started_earlier = psutil.Process(sleeper.pid).create_time() - 3600
    (state.path / "processes").write_text(f"{sleeper.pid} {started_earlier:.3f} watcher\n")

    assert state.stop_leftovers() == []
    assert sleeper.poll() is None


def test_a_second_twin_on_the_same_folder_is_refused_with_the_way_out(state: StateFolder) -> None:
    with state.locked(), pytest.raises(TwinRunning, match=r"--state FOLDER"), StateFolder(state.path).locked():
        pytest.fail("two twins hold one folder")


def test_the_folder_is_free_again_after_its_twin(tmp_path: Path) -> None:
    with StateFolder(tmp_path).locked():
        assert (tmp_path / "logs").is_dir()

    with StateFolder(tmp_path).locked():
        assert (tmp_path / "logs").is_dir()
