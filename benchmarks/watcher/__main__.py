"""`make bench-watcher`: the watcher beside its peers, over a socket, one after the other on the same core; where the
peers' environment is there, then beside nautilus_trader's engine.

It asserts nothing: it prints its tables and writes build/bench-watcher.json. Compare within one run; what else the
machine did at that time moves every figure.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.figures import machine_facts
from benchmarks.watcher.certificates import make_certificate
from benchmarks.watcher.evaluation import compare
from benchmarks.watcher.restart import ROUNDS, measure_restart
from benchmarks.watcher.runs import OURS, RunFailed, run
from benchmarks.watcher.shown import Figures, show, words, write
from benchmarks.watcher.storm import measure_storm
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
    parser.add_argument("--peers", type=Path, help="the Python of the environment with nautilus_trader")
    options = parser.parse_args()
    console = Console()
    if options.restart:
        return _show_restart(console, quick=options.quick)
    if not console.is_terminal:
        console.width = 190
    figures = _measure(console, peers=options.peers, quick=options.quick)
    write(options.output, figures)
    show(console, figures)
    console.print(f"written to {options.output}")
    return 0


def _measure(console: Console, *, peers: Path | None, quick: bool) -> Figures:
    figures, began = Figures(machine_facts()), time.monotonic()

    def progress(what: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {what}", highlight=False)

    with TemporaryDirectory() as folder, start_valkey(Path(folder)) as valkey:
        certificate, key = make_certificate(Path(folder))
        base = Task(redis_port=valkey.port, certificate=str(certificate), key=str(key))
        for engine, task in _plan(base, quick=quick):
            progress(f"{engine}: {words(engine, task)}")
            try:
                figures.rows.append((engine, task, run(engine, task)))
            except RunFailed as failed:
                console.print(f"[red]{failed}")
    progress("10,000 stops hit by one frame")
    figures.storm = measure_storm(rounds=1 if quick else _STORM_ROUNDS)
    if peers is not None:
        figures.nautilus = compare(peers, quick=quick, progress=progress)
    return figures


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


if __name__ == "__main__":
    sys.exit(main())
