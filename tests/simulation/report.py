"""Many days over all cores, and what is said about them."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.simulation.day import Found, simulate_day
from tests.simulation.faults import CATALOGUE

_CHUNK = 10
_SHOWN_SEEDS = 10


def _simulate_chunk(seeds: range) -> tuple[Found, float]:
    """In a process of the pool: the days, and the seconds of processor time they took."""
    # A day makes many young objects and few cycles of garbage, and what was imported stays: collected once a day,
    # so that the memory of the day before is used again while the processor still holds it.
    gc.freeze()
    gc.disable()
    begun = time.process_time()
    found = Found()
    for seed in seeds:
        found.add(simulate_day(seed))
        gc.collect()
    return found, time.process_time() - begun


def run_many(seeds: range, *, processes: int | None = None) -> tuple[Found, float, float]:
    """Simulate the days of `seeds`. Also the seconds it took, and the seconds of processor time."""
    chunks = [seeds[at : at + _CHUNK] for at in range(0, len(seeds), _CHUNK)]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process of the pool has one core
    total, cpu, begun = Found(), 0.0, time.perf_counter()
    workers = min(processes or os.cpu_count() or 1, len(chunks))
    columns = (TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        multiprocessing.get_context("spawn").Pool(workers) as pool,
        Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[bad]}")) as progress,
    ):
        task = progress.add_task(f"days on {workers} cores", total=len(seeds), bad="")
        for found, seconds in pool.imap_unordered(_simulate_chunk, chunks):
            total.add(found)
            cpu += seconds
            bad = f"[red]{len(total.violations)} violations" if total.violations else ""
            progress.update(task, advance=found.days, bad=bad)
    total.violations.sort(key=lambda pair: pair[0])
    return total, time.perf_counter() - begun, cpu


def write_report(found: Found, seconds: float, cpu: float, path: Path) -> None:
    """Print what was found, and keep it as JSON."""
    report = summarise(found, seconds, cpu)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
    console = Console()
    console.print(_faults_table(found))
    truth = report["seconds_to_truth"]
    console.print(
        f"{found.days} seeded days, {found.strategy_days} strategy-days, {found.orders} orders, "
        f"{sum(found.faults.values())} faults in {seconds:.1f} s\n"
        f"{report['strategy_days_per_second_per_core']:.0f} strategy-days a second and core\n"
        f"time to truth after an unknown, when the broker had the order: {_words(truth['had_it'])}\n"
        f"time to truth after an unknown, when it never had it: {_words(truth['never_had_it'])}"
    )
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    examples: dict[str, str] = {}
    for seed, violation in found.violations:
        by_name[violation.name].append(seed)
        examples.setdefault(violation.name, str(violation))
    for name, bad in sorted(by_name.items()):
        shown = ", ".join(str(seed) for seed in dict.fromkeys(bad[:_SHOWN_SEEDS]))
        console.print(f"[red]{name}: {len(bad)} violations, seeds {shown}; {examples[name]}", markup=True)
    console.print(f"{len(found.violations)} violations; {path}")


def summarise(found: Found, seconds: float, cpu: float) -> dict[str, Any]:
    """The report as plain values. Speed is by processor time: other work on the machine does not count."""
    return {
        "seeded_days": found.days,
        "strategy_days": found.strategy_days,
        "orders": found.orders,
        "steps": found.steps,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "strategy_days_per_second_per_core": round(found.strategy_days / cpu, 1) if cpu else 0.0,
        "faults": {name: found.faults.get(name, 0) for name in CATALOGUE},
        "seconds_to_truth": {
            "had_it": _percentiles(found.truth_found),
            "never_had_it": _percentiles(found.truth_absent),
        },
        "violations": [{"seed": seed, "name": v.name, "text": str(v)} for seed, v in found.violations],
    }


def _percentiles(values: Sequence[float]) -> dict[str, float | int | None]:
    ordered = sorted(values)
    if not ordered:
        return {"count": 0, "p50": None, "p99": None, "max": None}

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)

    return {"count": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": round(ordered[-1], 3)}


def _words(percentiles: dict[str, float | int | None]) -> str:
    return f"p50 {percentiles['p50']} s, p99 {percentiles['p99']} s, of {percentiles['count']}"


def _faults_table(found: Found) -> Table:
    table = Table("fault", "times", "fault", "times", title="faults injected", show_edge=False)
    names = [f"{name}" for name in CATALOGUE]
    half = (len(names) + 1) // 2
    for left, right in zip(names[:half], [*names[half:], ""], strict=False):
        table.add_row(left, str(found.faults.get(left, 0)), right, str(found.faults.get(right, 0)) if right else "")
    return table
