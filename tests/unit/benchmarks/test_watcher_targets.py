"""What the watcher's benchmark says of its figures."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.watcher.evaluation import Compared, Comparison
from benchmarks.watcher.found import Found
from benchmarks.watcher.shown import Figures, closing_lines, show, words, write
from benchmarks.watcher.storm import Storm
from benchmarks.watcher.targets import Row, cost_ratio, storm_verdicts, times_official, verdicts
from benchmarks.watcher.task import Task

FLOOD = Task(kind="ltp", packets=5, stops=100_000)
PACED = replace(FLOOD, pace=50_000)


def found(rate: int, *, nanoseconds: float = 50.0, **ages: float) -> Found:
    """`rate` ticks a second, for one second."""
    named = {name.replace("_", "."): value for name, value in ages.items()}
    everything = dict.fromkeys(("p50", "p99", "p99.9", "p99.99", "max"), 1.0) | named if named else {}
    return Found(ticks=rate, seconds=1.0, cpu_seconds=rate * nanoseconds / 1e9, ages=everything)


def both(task: Task, official: Found, ours: Found) -> list[Row]:
    """As they are run, one after the other."""
    return [("official", task, official), ("ours", task, ours)]


@pytest.mark.parametrize(
    ("task", "official", "ours", "said"),
    [
        (FLOOD, 100_000, 5_000_000, ["5,000,000 ticks/s: met", "40 times: met"]),
        (FLOOD, 100_001, 4_000_000, ["5,000,000 ticks/s: missed", "40 times: missed"]),
        (FLOOD, 200_000, 6_000_000, ["5,000,000 ticks/s: met", "40 times: missed"]),
        (replace(FLOOD, packets=1), 1, 1_199_999, ["1,200,000 ticks/s: missed"]),
        (replace(FLOOD, kind="full"), 40_000, 2_000_000, ["2,000,000 ticks/s: met", "50 times: met"]),
        (replace(FLOOD, tls="frame"), 1, 600_000, ["600,000 ticks/s: met"]),
        (replace(FLOOD, packets=30), 1, 600_000, []),
        (replace(FLOOD, stops=1_000), 1, 600_000, []),
    ],
)
def test_a_flood_is_held_against_its_targets(task: Task, official: int, ours: int, said: list[str]) -> None:
    rows = both(task, found(official), found(ours))

    assert verdicts(rows[1], rows) == said
    assert verdicts(rows[0], rows) == []
    assert times_official(rows[1], rows) == ours / official
    assert times_official(rows[0], rows) is None


def test_at_a_pace_the_p99_counts() -> None:
    rows = both(PACED, found(50_000, p99=500.0, p99_99=9_000.0), found(50_000, p99=101.0, p99_99=4_999.0))

    assert verdicts(rows[1], rows) == ["p99 5 times lower: missed", "p99 < 100 us: missed", "p99.99 < 5,000 us: met"]
    assert times_official(rows[1], rows) == pytest.approx(500 / 101)
    slower = replace(PACED, pace=10_000)
    assert verdicts(("ours", slower, rows[1][2]), rows) == []


def test_without_the_official_ticker_there_is_nothing_to_be_times_of() -> None:
    row = ("ours", FLOOD, found(6_000_000))

    assert times_official(row, [row, ("official", replace(FLOOD, tls="full"), found(1))]) is None
    assert verdicts(row, [row]) == ["5,000,000 ticks/s: met", "40 times: not measured"]


def test_many_stops_cost_hardly_more_than_few() -> None:
    rows = [
        ("ours", FLOOD, found(1_000, nanoseconds=60.0)),
        ("ours", replace(FLOOD, stops=1_000), found(1_000, nanoseconds=50.0)),
        ("linear", replace(FLOOD, stops=1_000), found(1_000, nanoseconds=5_000.0)),
        ("ours", replace(FLOOD, tls="full"), found(1_000, nanoseconds=500.0)),
    ]

    assert cost_ratio(rows) == pytest.approx(1.2)
    assert cost_ratio(rows[:1]) is None


def test_a_storm_is_decided_and_handed_over_whatever_the_emulator_takes() -> None:
    storm = Storm(hits=10_000, rounds=1, decided_ms=20.0, made_ms=2_000.0, handed_ms=4_000.0)

    assert storm_verdicts(storm) == ("target 20 ms: met", "target 2,000 ms: met")
    assert storm.requests_per_second == pytest.approx(250)
    slower = replace(storm, decided_ms=20.1, made_ms=2_001.0, handed_ms=1.0)
    assert storm_verdicts(slower) == ("target 20 ms: missed", "target 2,000 ms: missed")


def test_both_queues_of_a_storm_are_shown() -> None:
    storm = Storm(hits=10_000, rounds=1, decided_ms=18.0, made_ms=150.0, handed_ms=4_000.0)

    lines = "\n".join(closing_lines(Figures({}, storm=storm)))

    assert "a queue in memory after 150 ms (target 2,000 ms: met" in lines
    assert "the emulated SQS, one Python process on this machine, after 4,000 ms" in lines
    assert "250 requests of ten a second" in lines


def test_the_official_ticker_is_not_said_to_test_stops() -> None:
    assert words("official", FLOOD) == "flood, 5 ltp a frame, no stops"
    assert words("ours", FLOOD) == "flood, 5 ltp a frame, 100,000 stops"
    assert words("linear", FLOOD) == "flood, 5 ltp a frame, 100,000 stops"


def test_table_and_file_say_the_same(tmp_path: Path) -> None:
    figures = Figures(
        {"date": "2026-11-28", "cores": 2, "python": "3.11", "load_average": 1},
        both(FLOOD, found(100_000), found(6_000_000)),
        Storm(hits=10_000, rounds=1, decided_ms=18.0, made_ms=150.0, handed_ms=20_000.0),
        Comparison("1.2", 1, [Compared(1_000, 1, 600_000.0, 20_000.0)]),
    )
    console = Console(file=io.StringIO(), width=200)

    show(console, figures)
    write(tmp_path / "figures.json", figures)

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    (line,) = [line for line in shown.splitlines() if "6,000,000" in line]
    assert "  60 " in line
    assert line.rstrip().endswith("5,000,000 ticks/s: met")
    assert "target 20 ms: met" in shown
    assert "nautilus_trader 1.2" in shown
    document = json.loads((tmp_path / "figures.json").read_text())
    assert document["runs"][1]["times_official"] == 60
    assert document["runs"][1]["targets"] == ["5,000,000 ticks/s: met", "40 times: met"]
    assert document["nautilus_trader"]["rows"][0]["ours"] == 600_000


def test_a_peer_that_is_not_there_is_named() -> None:
    assert any("make bench-watcher PEERS=1" in line for line in closing_lines(Figures({})))
