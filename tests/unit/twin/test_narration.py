"""What the twin says comes in the order in which it happened, on the clock of its reader."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from twin.console import Narrator


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def narrator(output: io.StringIO) -> Narrator:
    return Narrator(Console(file=output, width=100))


def test_what_becomes_known_late_is_told_in_its_place(narrator: Narrator, output: io.StringIO) -> None:
    now = datetime.now(UTC)

    with narrator.in_order():
        narrator.tell(now, "filled")
        narrator.tell(now - timedelta(milliseconds=100), "sent")

    assert [line.split()[-1] for line in output.getvalue().splitlines()] == ["sent", "filled"]


def test_only_what_nothing_can_precede_any_more_is_printed(narrator: Narrator, output: io.StringIO) -> None:
    now = datetime.now(UTC)

    with narrator.in_order():
        narrator.tell(now + timedelta(minutes=1), "later")
        narrator.tell(now - timedelta(minutes=1), "earlier")
        narrator.print_settled()
        settled = output.getvalue()

    assert "earlier" in settled
    assert "later" not in settled
    assert "later" in output.getvalue()


def test_a_failure_hides_nothing_that_was_told(narrator: Narrator, output: io.StringIO) -> None:
    def play_and_fail() -> None:
        with narrator.in_order():
            narrator.tell(datetime.now(UTC), "sold")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        play_and_fail()

    assert "sold" in output.getvalue()


def test_instants_are_told_in_indian_time_to_the_millisecond(narrator: Narrator, output: io.StringIO) -> None:
    narrator.tell(datetime(2026, 1, 5, 3, 45, 0, 7000, UTC), "bought")

    assert output.getvalue() == "09:15:00.007  bought\n"


def test_a_long_step_is_announced_before_it_is_done(narrator: Narrator, output: io.StringIO) -> None:
    with narrator.step("loaded", beginning="loading"):
        begun = output.getvalue()

    assert begun.endswith("loading ...\n")
    assert "loaded (" in output.getvalue()
