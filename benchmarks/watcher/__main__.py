"""`make bench-watcher`: the watcher beside its peers, over a socket, one after the other on the same core.

It asserts nothing: it prints one table and writes build/bench-watcher.json. Compare within one run; what else the
machine did at that time moves every figure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.figures import machine_facts
from benchmarks.watcher.certificates import make_certificate
from benchmarks.watcher.found import Found
from benchmarks.watcher.restart import ROUNDS, measure_restart
from benchmarks.watcher.runs import OURS, RunFailed, run
from benchmarks.watcher.storm import Storm, measure_storm
from benchmarks.watcher.task import Task
from twin.processes import REPOSITORY
from twin.servers import start_valkey

RESULTS = REPOSITORY / "build" / "bench-watcher.json"
_SHAPES = [("ltp", 1), ("ltp", 5), ("ltp", 30), ("ltp", 3_000), ("full", 1), ("full", 5), ("full", 30), ("full", 3_000)]
_PACES = (10_000, 50_000, 100_000)
_STORM_ROUNDS = 5


def main() -> int:
    """The exit code: 0 when everything was measured, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second each: shows that it works, not how fast it is")
    parser.add_argument("--restart", action="store_true", help="only: a start with 100,000 stops, until all are armed")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the figures go")
    options = parser.parse_args()
    if options.restart:
        return _show_restart(Console(), quick=options.quick)
    machine, console, began = machine_facts(), Console(), time.monotonic()
    if not console.is_terminal:
        console.width = 150
    rows: list[tuple[str, Task, Found]] = []
    with TemporaryDirectory() as folder, start_valkey(Path(folder)) as valkey:
        certificate, key = make_certificate(Path(folder))
        base = Task(redis_port=valkey.port, certificate=str(certificate), key=str(key))
        for engine, task in _plan(base, quick=options.quick):
            console.print(f"{time.monotonic() - began:6.0f} s  {engine}: {_words(task)}", highlight=False)
            try:
                rows.append((engine, task, run(engine, task)))
            except RunFailed as failed:
                console.print(f"[red]{failed}")
    storm = measure_storm(rounds=1 if options.quick else _STORM_ROUNDS)
    _write(options.output, machine, rows, storm)
    _show(console, machine, rows, storm)
    console.print(f"written to {options.output}")
    return 0


def _plan(base: Task, *, quick: bool) -> Iterator[tuple[str, Task]]:
    """Every run: floods by shape of frame, by number of stops and by TLS; then at a pace. Peers beside each."""
    flood = replace(base, seconds=1.0 if quick else 3.0)
    for kind, packets in _SHAPES:
        shape = replace(flood, kind=kind, packets=packets)
        yield "official", shape
        yield OURS, shape
    for stops in (1_000, 10_000):
        yield OURS, replace(flood, stops=stops)
    for stops in (1_000, 10_000):
        yield "linear", replace(flood, stops=stops)
    for stops in (500, 10_000):
        yield "literal", replace(flood, stops=stops)
    for tls in ("full", "frame"):
        yield "official", replace(flood, tls=tls)
        yield OURS, replace(flood, tls=tls)
    for pace in _PACES:
        paced = replace(base, pace=pace, seconds=2.0 if quick else 10.0)
        yield "official", paced
        yield OURS, paced


def _show_restart(console: Console, *, quick: bool) -> int:
    with TemporaryDirectory() as folder:
        found = measure_restart(Path(folder), rounds=1 if quick else ROUNDS)
    each = ", ".join(f"{seconds:.1f}" for seconds in found.seconds)
    console.print(
        f"{found.stops:,} stops armed {found.median:.2f} s after the start of the process (median of {each}), of which "
        f"it computed {median(found.cpu_seconds):.2f} s; read in {median(found.read_seconds):.2f} s, armed in "
        f"{median(found.armed_seconds):.2f} s; {found.megabytes:.0f} MB. "
        "Without a feed: what its first prices take comes on top. "
        f"Load {machine_facts()['load_average']}"
    )
    return 0


def _words(task: Task) -> str:
    tls = {"no": "", "full": ", TLS", "frame": ", TLS with a frame a record"}[task.tls]
    pace = f"{task.pace:,} ticks/s" if task.pace else "flood"
    return f"{pace}, {task.packets:,} {task.kind} a frame, {task.stops:,} stops{tls}"


def _show(console: Console, machine: dict[str, object], rows: list[tuple[str, Task, Found]], storm: Storm) -> None:
    title = f"{machine['date']}, {machine['cores']} cores, Python {machine['python']}"
    table = Table(title=f"{title}, load before {machine['load_average']}", title_justify="left", show_edge=False)
    table.add_column("what", min_width=48)
    for heading in ("who", "ticks/s", "ns/tick", "MB", "p50 us", "p99", "p99.9", "p99.99", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    for engine, task, found in rows:
        ages = [f"{found.ages[name]:,.0f}" if found.ages else "" for name in ("p50", "p99", "p99.9", "p99.99", "max")]
        figures = (f"{found.rate:,.0f}", f"{found.cpu_nanoseconds:,.0f}", f"{found.megabytes:,.0f}")
        table.add_row(_words(task), engine, *figures, *ages)
    console.print(table)
    console.print(
        f"{storm.hits:,} stops hit by one frame: decided in {storm.decided_ms:.1f} ms (median of {storm.rounds}), "
        f"made into messages and handed to a queue in memory in {storm.handed_ms:.0f} ms"
    )


def _write(path: Path, machine: dict[str, object], rows: list[tuple[str, Task, Found]], storm: Storm) -> None:
    runs = [
        {"engine": engine, "what": _words(task), "kind": task.kind, "packets": task.packets, "stops": task.stops}
        | {"pace": task.pace, "tls": task.tls, "ticks_per_second": found.rate, "cpu_ns_per_tick": found.cpu_nanoseconds}
        | {"megabytes": found.megabytes, "microseconds": found.ages, "frames": found.frames}
        for engine, task, found in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "runs": runs, "storm": asdict(storm)}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
