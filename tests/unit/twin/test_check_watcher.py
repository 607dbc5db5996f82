"""What a running twin leaves for `make check-watcher`, and what that makes of it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from twin import check_watcher, watcher
from twin.console import Narrator
from twin.environment_file import read_environment, write_environment
from twin.processes import StateFolder
from twin.synthesis import LIBRARY


def test_a_file_holds_what_was_written_for_the_eyes_of_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "watcher.env"
    path.write_text("of an earlier run")
    path.chmod(0o644)

    write_environment(path, {"A": "1", "B": "x=y"})

    assert read_environment(path) == {"A": "1", "B": "x=y"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_value_of_several_lines_is_not_torn_apart(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="B: a value of several lines"):
        write_environment(tmp_path / "watcher.env", {"A": "1", "B": "x\ny"})


def test_where_nothing_runs_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_watcher.main(["--state", str(tmp_path)]) == check_watcher.NOT_ASKED
    assert "start it with make run" in capsys.readouterr().err


def test_the_running_watcher_is_asked_with_its_own_variables(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those of whoever asks are no part of it.
    monkeypatch.setenv("HEALTH_PORT", "2")
    write_environment(tmp_path / "watcher-2.env", {"HEALTH_PORT": "1"})

    assert check_watcher.main(["--health", "--watcher", "watcher-2", "--state", str(tmp_path)]) == 1
    assert capfd.readouterr().out == "no watcher answers on port 1 of this machine: ConnectionRefusedError\n"


def test_with_half_of_its_variables_the_check_names_the_rest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    variables = {"STAGE": "dev", "PYTHONPATH": str(LIBRARY)}
    write_environment(tmp_path / "watcher.env", variables)

    assert check_watcher.main(["--state", str(tmp_path)]) == check_watcher.NOT_ASKED
    assert "FAIL  settings     DATABASE_HOST" in capfd.readouterr().out


async def test_a_watcher_leaves_what_its_process_was_given_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Mapping[str, str]] = []

    async def start_module(*_arguments: Any, environment: Mapping[str, str]) -> SimpleNamespace:
        given.append(environment)

        async def forever() -> int:
            return 0

        async def stop() -> None: ...

        return SimpleNamespace(process=SimpleNamespace(wait=forever), stop=stop)

    monkeypatch.setattr(watcher, "start_module", start_module)
    narrator = Narrator(Console(file=io.StringIO()))
    started = watcher.Watcher(StateFolder(tmp_path), {"STAGE": "dev"}, narrator, restart_seconds=60, name="watcher-2")

    await started.start()

    assert read_environment(tmp_path / "watcher-2.env") == given[0]
    assert given[0]["HEALTH_PORT"] == str(started.health_port)
    await started.stop()
    assert not os.listdir(tmp_path)
