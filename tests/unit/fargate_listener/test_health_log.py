"""What the log keeps of the health verdict."""

from __future__ import annotations

import logging

import pytest

from fargate_listener.health_log import HealthLog


class Verdict:
    """One that a test can change."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.reasons: list[str] = []
        self.notes: list[str] = []
        self._caplog = caplog
        self._log = HealthLog(reasons=lambda: self.reasons, notes=lambda: self.notes)

    def look(self) -> list[tuple[str, list[str], list[str]]]:
        """The lines that one look leaves: level, reasons and notes."""
        self._caplog.clear()
        self._log.look()
        return [(line.levelname, vars(line)["reasons"], vars(line)["notes"]) for line in self._caplog.records]


@pytest.fixture
def verdict(caplog: pytest.LogCaptureFixture) -> Verdict:
    caplog.set_level(logging.INFO, "fargate_listener.health_log")
    return Verdict(caplog)


def test_every_reason_that_comes_or_goes_leaves_a_line_and_nothing_else_does(verdict: Verdict) -> None:
    assert verdict.look() == [("INFO", [], [])]
    assert verdict.look() == []

    verdict.reasons = ["no instrument token for NSE:INFY"]
    assert verdict.look() == [("WARNING", ["no instrument token for NSE:INFY"], [])]
    assert verdict.look() == []

    verdict.reasons = ["no price feed: refused", "no instrument token for NSE:INFY"]
    assert len(verdict.look()) == 1

    verdict.reasons = []
    assert verdict.look() == [("INFO", [], [])]


def test_notes_leave_a_line_too(verdict: Verdict) -> None:
    verdict.look()

    verdict.notes = ["feed 2: silent"]

    assert verdict.look() == [("INFO", [], ["feed 2: silent"])]


def test_how_many_there_are_is_no_change(verdict: Verdict) -> None:
    verdict.reasons = ["hits do not reach the queue: 10 hits are being retried"]
    verdict.notes = ["7 instruments have two prices"]
    verdict.look()

    verdict.reasons = ["hits do not reach the queue: 20 hits are being retried"]
    verdict.notes = ["1200 instruments have two prices"]
    assert verdict.look() == []

    verdict.reasons = ["the queue refuses 3 hits"]
    verdict.look()
    verdict.reasons = ["the queue refuses 4 hits"]
    assert verdict.look() == []

    verdict.notes = ["no instrument token for NFO:NIFTY26MAR24000CE"]
    verdict.look()
    verdict.notes = ["no instrument token for NFO:NIFTY26MAR24100CE"]
    assert len(verdict.look()) == 1
