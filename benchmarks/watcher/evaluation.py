"""`make bench-peers`: finding the stops that a tick reaches, beside nautilus_trader's engine with resting stops.

The watcher's part is the one between socket and queue: frames of one ltp packet each, decoded, remembered and
compared. Both run on the same core, turn by turn. It asserts nothing, prints a table and writes
build/bench-peers.json. `make bench-watcher` does the same at its end where the peers' environment is there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Progress, machine_facts
from benchmarks.watcher.in_process import frames_per_second, make_frame, make_guard
from twin.processes import REPOSITORY

RESULTS = REPOSITORY / "build" / "bench-peers.json"
_CASES = ((1_000, 1, 5_000), (1_000, 3_000, 50_000), (10_000, 3_000, 50_000), (100_000, 3_000, 20_000))
"""Stops, instruments, and how many ticks the peer gets: as many as it takes in about a second."""
_ROUNDS = 3
_PATIENCE = 600


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians, ticks a second."""

    stops: int
    instruments: int
    ours: float
    nautilus: float

    @property
    def times(self) -> float:
        """How many times ours is as fast."""
        return self.ours / self.nautilus


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything measured beside one version of nautilus_trader; medians of `rounds`."""

    version: str
    rounds: int
    rows: list[Compared]


def main() -> int:
    """The exit code: 0 when everything was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher.evaluation", description=__doc__)
    parser.add_argument("--peers", type=Path, required=True, help="the Python of the environment with the peer")
    parser.add_argument("--quick", action="store_true", help="one round: shows that it works, not how fast it is")
    options = parser.parse_args()
    machine, console = machine_facts(), Console(width=100)
    console.print(f"{machine['date']}, load before {machine['load_average']}", highlight=False)
    found = compare(options.peers, quick=options.quick, progress=lambda what: console.print(what, highlight=False))
    show(console, found)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "nautilus_trader": asdict(found)}, indent=2) + "\n")
    sys.stdout.write(f"written to {RESULTS.relative_to(REPOSITORY)}\n")
    return 0


def compare(peers: Path, *, quick: bool, progress: Progress) -> Comparison:
    """Every case, on one core, which this process is bound to meanwhile."""
    cores = os.sched_getaffinity(0)
    core = max(cores)
    os.sched_setaffinity(0, {core})
    try:
        rounds, rows, version = 1 if quick else _ROUNDS, [], ""
        for stops, instruments, ticks in _CASES:
            progress(f"nautilus_trader: {stops:,} stops over {instruments:,} instruments")
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(_ours(stops, instruments))
                rate, version = _nautilus(peers, core, stops, instruments, ticks)
                theirs.append(rate)
            rows.append(Compared(stops, instruments, median(ours), median(theirs)))
    finally:
        os.sched_setaffinity(0, cores)
    return Comparison(version, rounds, rows)


def show(console: Console, found: Comparison) -> None:
    """As a table."""
    title = f"between socket and queue, 1 ltp a frame, one core (medians of {found.rounds})"
    table = Table(title=title, title_justify="left", show_edge=False)
    for heading in ("stops", "instruments", "watcher, ticks/s", f"nautilus_trader {found.version}", "times"):
        table.add_column(heading, justify="right")
    for row in found.rows:
        values = (row.stops, row.instruments, row.ours, row.nautilus, row.times)
        table.add_row(*(f"{value:,.0f}" for value in values))
    console.print(table)


def _ours(stops: int, instruments: int) -> float:
    tokens = [(number << 8) | 1 for number in range(1, instruments + 1)]
    guard, dice = make_guard(tokens, stops), random.Random(7)
    frames = [make_frame(dice, 8, 1, tokens) for _ in range(600)]
    return frames_per_second(lambda frame: guard.on_frames([frame], 0.0), frames)


def _nautilus(python: Path, core: int, stops: int, instruments: int, ticks: int) -> tuple[float, str]:
    asked = {"core": core, "stops": stops, "instruments": instruments, "ticks": ticks}
    done = subprocess.run(
        [str(python), "-m", "benchmarks.watcher.nautilus"],
        input=json.dumps(asked) + "\n",
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"nautilus_trader: {(done.stderr or done.stdout).strip()[-400:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return float(found["rate"]), str(found["version"])


if __name__ == "__main__":
    sys.exit(main())
