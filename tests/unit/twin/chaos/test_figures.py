"""What is counted and measured of a session."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.twin.chaos.test_rest_and_truth import PLAYERS
from tests.unit.twin.chaos.test_verdict import BUY_AT, STRATEGY, intent, order, record, sights
from twin.chaos.cast import Script
from twin.chaos.evidence import NANO, Evidence, Tick
from twin.chaos.figures import Figures, measure
from twin.chaos.session import Round
from twin.chaos.verdict import judge


def figures_of(tmp_path: Path, **changes: object) -> Figures:
    entry, sale = intent("entry"), intent("exit")
    evidence = Evidence(
        strategies={STRATEGY: record()},
        intents=[entry, sale],
        orders=[order(entry), order(sale, after=2)],
        alarms=[],
        sights=sights(),
        ticks={},
        truths={"exit1": 12.5},
        grace_seconds=120,
        is_at_rest=True,
    )
    evidence = replace(evidence, **changes)  # type: ignore[arg-type]
    script = Script(BUY_AT, [PLAYERS[STRATEGY]], [])
    played = Round(evidence, script, {"kill Redis": 2}, {}, 100.0, 20.0, [])
    return measure(played, judge(evidence), seed=3, logs=tmp_path, seconds=160.0)


def test_times_are_measured_at_the_exchange(tmp_path: Path) -> None:
    figures = figures_of(tmp_path)

    assert figures.entry_delay["max"] == pytest.approx(0.001)
    assert figures.exit_delay["max"] == pytest.approx(2.005)
    assert figures.time_to_truth == {"p50": 12.5, "p99": 12.5, "max": 12.5, "count": 1}
    assert figures.slowest_truths[0].startswith("12.5 s: #1 INFY of trader 0")
    assert figures.entries == {"bought": 1}
    assert figures.exits == {"SELL": 1}
    assert figures.violations == []
    json.dumps(figures.document())


def test_the_stop_is_measured_from_its_tick_while_something_is_held(tmp_path: Path) -> None:
    def ns(seconds: float) -> int:
        return int(BUY_AT.timestamp()) * NANO + int(seconds * NANO)

    ticks = [Tick(ns(-1), Decimal(1390)), Tick(ns(5), Decimal(1401)), Tick(ns(17.005), Decimal(1400))]

    assert figures_of(tmp_path, ticks={"INFY": ticks}).stop_to_sale["max"] == pytest.approx(5.0)
    assert figures_of(tmp_path, ticks={"INFY": ticks[:2]}).stop_to_sale["count"] == 0


def test_why_nothing_was_bought_is_said_in_classes(tmp_path: Path) -> None:
    def entries(note: str | None, state: str = "flat") -> dict[str, int]:
        skipped = replace(record(), note=note, state=state)
        return dict(figures_of(tmp_path, strategies={STRATEGY: skipped}, intents=[], orders=[]).entries)

    assert entries("the buy could not be sent until 130 s after its time") == {"missed: later than its grace": 1}
    assert entries("log in to the broker again: dead") == {"missed: no broker login": 1}
    assert entries("funds", state="failed") == {"refused": 1}
    assert entries(None) == {"not bought: stopped before": 1}
    assert entries("something new") == {"not bought: other": 1}


def test_what_converge_had_done_is_counted(tmp_path: Path) -> None:
    lines = [
        {"message": "handled", "cause": "converge", "event_type": "BUY"},
        {"message": "handled", "cause": "start", "event_type": "BUY"},
        {"message": "handled", "cause": "converge", "event_type": "RECONCILE"},
    ]
    (tmp_path / "priority_executor.log").write_text("\n".join(map(json.dumps, lines)))

    assert figures_of(tmp_path).repaired == {"BUY": 1, "RECONCILE": 1}
