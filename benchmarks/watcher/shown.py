"""The figures of the watcher's benchmark, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.watcher import evaluation
from benchmarks.watcher.runs import OURS
from benchmarks.watcher.storm import Storm
from benchmarks.watcher.targets import (
    MOST_COST,
    OFFICIAL,
    Row,
    cost_ratio,
    met,
    storm_verdicts,
    times_official,
    verdicts,
)
from benchmarks.watcher.task import Task

_SHARES = ("p50", "p99", "p99.9", "p99.99", "max")
_NAMES = {OURS: "watcher", OFFICIAL: "official", "linear": "linear", "literal": "literal"}


@dataclass
class Figures:
    """Of one run of the benchmark."""

    machine: dict[str, object]
    rows: list[Row] = field(default_factory=list)
    storm: Storm | None = None
    nautilus: evaluation.Comparison | None = None
    """None where its environment was not there."""


def words(engine: str, task: Task) -> str:
    """What was done. The official ticker alone tests no stops, whatever the watcher beside it has."""
    tls = {"no": "", "full": ", TLS", "frame": ", TLS with a frame a record"}[task.tls]
    pace = f"{task.pace:,} ticks/s" if task.pace else "flood"
    stops = "no stops" if engine == OFFICIAL else f"{task.stops:,} stops"
    return f"{pace}, {task.packets:,} {task.kind} a frame, {stops}{tls}"


def show(console: Console, figures: Figures) -> None:
    """Print everything."""
    console.print(_table(figures))
    for line in closing_lines(figures):
        console.print(line, highlight=False)
    if figures.nautilus is not None:
        evaluation.show(console, figures.nautilus)


def _table(figures: Figures) -> Table:
    machine = figures.machine
    title = f"{machine['date']}, {machine['cores']} cores, Python {machine['python']}"
    table = Table(title=f"{title}, load before {machine['load_average']}", title_justify="left", show_edge=False)
    table.add_column("what", min_width=46)
    table.add_column("who")
    for heading in ("ticks/s", "times official", "ns/tick", "MB", "p50 us", "p99", "p99.9", "p99.99", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("target", min_width=24)
    for row in figures.rows:
        engine, task, found = row
        ages = [f"{found.ages[name]:,.0f}" if found.ages else "" for name in _SHARES]
        numbers = (f"{found.rate:,.0f}", _times(row, figures.rows), f"{found.cpu_nanoseconds:,.0f}")
        targets = "\n".join(verdicts(row, figures.rows))
        table.add_row(words(engine, task), _NAMES[engine], *numbers, f"{found.megabytes:,.0f}", *ages, targets)
    return table


def _times(row: Row, rows: Sequence[Row]) -> str:
    times = times_official(row, rows)
    if times is None:
        return ""
    return f"{times:.1f} (p99)" if row[1].pace else f"{times:.0f}" if times >= 10 else f"{times:.1f}"


def closing_lines(figures: Figures) -> list[str]:
    """What no row of the table tells."""
    lines = ["times official: of its ticks a second; at a pace, how many times lower than its p99"]
    ratio = cost_ratio(figures.rows)
    if ratio is not None:
        lines.append(
            f"a tick at 100,000 stops costs {ratio:.2f} times one at 1,000 "
            f"(target {MOST_COST:g}: {met(is_met=ratio <= MOST_COST)})"
        )
    if figures.storm is not None:
        lines += _storm_lines(figures.storm)
    if figures.nautilus is None:
        lines.append("nautilus_trader was not measured: its environment is not there (make bench-watcher PEERS=1)")
    return lines


def _storm_lines(storm: Storm) -> list[str]:
    decided, handed = storm_verdicts(storm)
    return [
        f"{storm.hits:,} stops hit by one frame: decided in {storm.decided_ms:.1f} ms ({decided}), all of them "
        f"messages in a queue in memory after {storm.made_ms:,.0f} ms ({handed}; medians of {storm.rounds}),",
        f"and in the emulated SQS, one Python process on this machine, after {storm.handed_ms:,.0f} ms: as fast as it "
        f"takes them, {storm.requests_per_second:,.0f} requests of ten a second",
    ]


def write(path: Path, figures: Figures) -> None:
    """As JSON."""
    runs = [
        {"engine": engine, "what": words(engine, task), "kind": task.kind, "packets": task.packets}
        | {"stops": task.stops, "pace": task.pace, "tls": task.tls, "ticks_per_second": found.rate}
        | {"times_official": times_official((engine, task, found), figures.rows)}
        | {"targets": verdicts((engine, task, found), figures.rows), "cpu_ns_per_tick": found.cpu_nanoseconds}
        | {"megabytes": found.megabytes, "microseconds": found.ages, "frames": found.frames}
        for engine, task, found in figures.rows
    ]
    document = {
        "machine": figures.machine,
        "runs": runs,
        "cost_ratio": cost_ratio(figures.rows),
        "storm": None if figures.storm is None else asdict(figures.storm),
        "nautilus_trader": None if figures.nautilus is None else asdict(figures.nautilus),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
