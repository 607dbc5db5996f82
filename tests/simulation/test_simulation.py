"""120 simulated days, and that a seed replays to the byte. `make simulate` runs as many as are wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from algotrading.ports import Snapshots, Webhooks
from tests.fakes.snapshots import MemorySnapshots
from tests.simulation.day import simulate_days
from tests.simulation.doors import Doors, Outages, Tenancy
from tests.simulation.faults import Weather
from tests.simulation.kernel import Kernel

_ROOT = Path(__file__).parents[2]
_CHUNKS = 4
_DAYS = 30
"""In each chunk, so that the chunks run side by side and none runs long."""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": f"{_ROOT / 'layers/algotrading/python'}:{_ROOT}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_no_day_violates_an_invariant(chunk: int) -> None:
    found = simulate_days(range(chunk * _DAYS, (chunk + 1) * _DAYS))

    assert [f"seed {seed}: {violation}" for seed, violation in found.violations] == []
    assert found.orders > 8 * _DAYS  # 10 to 19 a day, by chunk: not a day in which nothing happens
    assert sum(found.faults.values()) > 50 * _DAYS


@pytest.mark.slow
def test_a_seed_replays_to_the_byte_in_any_process() -> None:
    first = run("--seed", "7", "--trace", PYTHONHASHSEED="1")
    second = run("--seed", "7", "--trace", PYTHONHASHSEED="2")

    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") > 1_000
    assert "FAULT" in first.stdout


def test_a_port_without_faults_opens_no_door() -> None:
    """A world that has one cannot be made: no day runs until somebody has said what can befall it."""
    kernel = Kernel(1, datetime(2026, 11, 27, tzinfo=UTC))
    doors = Doors(kernel, Weather(kernel.random, {}), cast("Outages", None), cast("Tenancy", None))

    doors.open(Snapshots, MemorySnapshots())  # type: ignore[type-abstract]
    with pytest.raises(LookupError, match=r"Webhooks is in no group of faults\.py"):
        doors.open(Webhooks, MemorySnapshots())  # type: ignore[type-abstract]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seeds", "many"), "SEEDS must be a whole number from 1 to"),
        (("--seeds", "0"), "SEEDS must be a whole number from 1 to"),
        (("--seed", "-1"), "SEED must be a whole number from 0 to"),
        (("--trace",), "give SEED=<n> as well"),
    ],
)
def test_what_makes_no_sense_is_said_so(arguments: tuple[str, ...], words: str) -> None:
    answer = run(*arguments)

    assert answer.returncode == 2
    assert words in " ".join(answer.stderr.split())
