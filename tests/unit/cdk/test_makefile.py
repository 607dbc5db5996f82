"""What is typed wrong at `make` is told in one sentence, before anything is built, and never taken for a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from algotrading.settings import Stage
from cdk.paths import ROOT


@pytest.fixture
def make(tmp_path: Path) -> list[str]:
    """`make` with this Python in place of the checkout's environment, and without an npm to be waited for."""
    program = shutil.which("make")
    if program is None:
        pytest.skip("there is no make on this machine")
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (tmp_path / ".ready").touch()
    return [program, "--no-print-directory", "--directory", str(ROOT), f"VENV={tmp_path}", "NODE=/nowhere"]


def _run(command: list[str]) -> tuple[int, str]:
    # As from a shell: whoever runs the tests by make hands its own level and flags on.
    around = {name: value for name, value in os.environ.items() if name not in {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}}
    ran = subprocess.run(command, env=around, capture_output=True, text=True, check=False, timeout=120)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("target", "stage"),
    [
        *((target, "qa") for target in ("cost", "deploy", "publish-app")),
        *(("synth", stage) for stage in ("qa", "dev; true", "dev prod", "dev:x", "%")),
    ],
)
def test_an_unknown_environment_is_all_that_is_spoken_of(make: list[str], target: str, stage: str) -> None:
    code, said = _run([*make, target, f"ENV={stage}"])

    first, *rest = said.splitlines()
    assert code == 2
    assert first == f"no environment {stage!r}: choose one of dev, staging, prod"
    assert all(line.startswith("make: ***") for line in rest)


def test_the_rules_know_every_environment_of_the_table() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line.startswith("STAGES")] == [f"STAGES := {' '.join(get_args(Stage))}"]


def test_a_base_is_a_name_and_no_part_of_a_command(make: list[str]) -> None:
    base = "nothing'; echo ran; '"

    code, said = _run([*make, "diff", f"BASE={base}"])

    assert code == 2
    assert f"there is no commit {base}" in said.splitlines()
    assert "ran" not in said.splitlines()
