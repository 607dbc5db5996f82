"""`python -m benchmarks` measures everything, one benchmark after another, and writes build/bench.json."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.figures import Figure, Progress, machine_facts
from benchmarks.table import show
from twin.processes import REPOSITORY

ALONE = ("imports", "order_release", "watcher", "audit", "converge")
"""Need nothing but this machine."""
STAGED = ("release", "stop", "api", "blocked")
"""Need the running product. In this order: each leaves behind what the next finds."""
APART = ("neighbour",)
"""Need a running product of their own."""
_FILE_WIDTH = 150
"""Columns when nobody looks: in a log a folded table cannot be read."""
RESULTS = REPOSITORY / "build" / "bench.json"


def main() -> int:
    """The exit code: 0 when everything was measured, whatever the figures are."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    chosen = arguments.only or [*ALONE, *STAGED, *APART]
    machine, began = machine_facts(), time.monotonic()
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH

    def progress(text: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {text}", soft_wrap=True, highlight=False)

    try:
        figures = _measure(chosen, progress, quick=arguments.quick)
    except KeyboardInterrupt:
        progress("stopped")
        return 130
    _write(arguments.output, machine, figures, time.monotonic() - began)
    show(figures, machine, console)
    progress(f"written to {arguments.output}")
    return 0


def _measure(chosen: Sequence[str], progress: Progress, *, quick: bool) -> list[Figure]:
    figures = []
    for name in (name for name in ALONE if name in chosen):
        progress(f"{name}")
        figures += _measure_alone(name, progress, quick=quick)
    staged = [name for name in STAGED if name in chosen]
    if staged:
        figures += asyncio.run(_measure_staged(staged, progress, quick=quick))
    if "neighbour" in chosen:
        from benchmarks import neighbour

        progress("neighbour")
        figures += asyncio.run(neighbour.measure(progress, rounds=1 if quick else 4))
    return figures


def _measure_alone(name: str, progress: Progress, *, quick: bool) -> list[Figure]:
    from benchmarks import audit, converge, imports, order_release
    from benchmarks.watcher import in_process

    match name:
        case "imports":
            return imports.measure(progress, rounds=1 if quick else 3)
        case "order_release":
            return order_release.measure(progress, orders=50 if quick else 200, burst=10 if quick else 50)
        case "audit":
            return audit.measure(
                progress, savers=10 if quick else 50, rounds=1 if quick else 4, records=5_000 if quick else 100_000
            )
        case "converge":
            return converge.measure(progress, sizes=(1_000,) if quick else (1_000, 5_000), rounds=1 if quick else 3)
        case _:
            return in_process.measure(progress, rounds=1 if quick else 3)


async def _measure_staged(chosen: Sequence[str], progress: Progress, *, quick: bool) -> list[Figure]:
    from benchmarks import api, blocked, release, stop
    from benchmarks.stage import open_stage

    figures = []
    count = 10 if quick else 50
    progress("the product starts")
    async with open_stage(progress) as stage:
        for name in chosen:
            progress(name)
            match name:
                case "release":
                    figures += await release.measure(stage, count=count)
                case "stop":
                    figures += await stop.measure(stage, count=count)
                case "blocked":
                    figures += await blocked.measure(stage, count=2 if quick else 10)
                case _:
                    figures += await api.measure(stage, count=count, seconds=5 if quick else 20)
    return figures


def _write(path: Path, machine: dict[str, object], figures: Sequence[Figure], seconds: float) -> None:
    document = {"machine": machine, "wall_seconds": round(seconds, 1), "figures": [f.document() for f in figures]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=[*ALONE, *STAGED, *APART], help="this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="few repetitions: shows that it works, not how fast it is")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the figures go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
