"""Broken frames at the compiled tick path, with every index checked."""

from __future__ import annotations

import subprocess
import sys
from random import Random

import pytest

from benchmarks.watcher.fuzz import TOKENS, Found, Subject, make_frames, throw
from benchmarks.watcher.task import frame, packet


@pytest.mark.timeout(180)
def test_no_frame_makes_it_raise_or_read_beyond_the_end() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.watcher.fuzz", "--seconds", "3", "--seed", "11"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "none raised" in done.stdout


def test_a_table_that_knows_something_else_afterwards_is_found() -> None:
    together, single = Subject(), Subject()
    dice = Random(3)
    throw(together, single, make_frames(dice), dice)

    together.table.rows[0, 0] += 1

    with pytest.raises(Found, match="something else"):
        throw(together, single, [b"\x00\x00"], dice)


def test_an_error_of_the_table_is_found_with_its_frames() -> None:
    together, single = Subject(), Subject()

    def fail(_slot: int, _price: int) -> None:
        raise IndexError("beyond")

    together.table.on_event = fail
    crash = frame([packet("ltp", TOKENS[0], 1)])

    with pytest.raises(Found, match="IndexError: beyond; frames"):
        throw(together, single, [crash], Random(3))
