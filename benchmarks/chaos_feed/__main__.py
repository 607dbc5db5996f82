"""`python -m benchmarks.chaos_feed` misuses a price feed in every known way, and judges what two watchers saw."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.chaos_feed.run import Outcome, run
from benchmarks.chaos_feed.scenarios import SCENARIOS, Scenario
from benchmarks.figures import machine_facts
from twin.processes import REPOSITORY

RESULTS = REPOSITORY / "build" / "chaos-feed.json"
_PLAIN_WIDTH = 130


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when every stop was seen in time and none without reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos_feed", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what prices, stops and garbage are drawn from")
    parser.add_argument("--rounds", type=int, default=1, help="how many runs, each with the next seed")
    parser.add_argument("--seconds", type=float, help="length of every scenario instead of its own")
    parser.add_argument("--only", action="append", help="one scenario, by its name; may be repeated")
    parser.add_argument(
        "--careless", action="store_true", help="with watchers that do not look after their feed: fails"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the figures go")
    options = parser.parse_args(arguments)
    chosen = [each for each in SCENARIOS if not options.only or each.name in options.only]
    if not chosen:
        parser.error(f"no such scenario; there are: {', '.join(each.name for each in SCENARIOS)}")
    if options.seconds is not None:
        chosen = [replace(each, seconds=options.seconds) for each in chosen]
    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    return _run_rounds(options, chosen, console)


def _run_rounds(options: argparse.Namespace, chosen: list[Scenario], console: Console) -> int:
    machine, began, outcomes = machine_facts(), time.monotonic(), list[Outcome]()

    def progress(what: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {what}", highlight=False)

    for seed in range(options.seed, options.seed + options.rounds):
        progress(f"seed {seed}")
        folder = REPOSITORY / "build" / "chaos-feed" / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(run(seed, chosen, folder=folder, progress=progress, is_careless=options.careless))
        outcomes.append(outcome)
        show(console, outcome)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine, "rounds": [asdict(outcome) for outcome in outcomes]}
    options.output.write_text(json.dumps(document, indent=2) + "\n")
    console.print(f"written to {options.output}", soft_wrap=True)
    return 1 if any(outcome.violations for outcome in outcomes) else 0


def show(console: Console, outcome: Outcome) -> None:
    """The table of one run."""
    table = Table(title=f"Chaos of the feed, seed {outcome.seed}", title_justify="left", show_edge=False)
    table.add_column("scenario")
    for heading in ("stops crossed", "blind ms p50", "p99", "max", "bound", "late", "missed"):
        table.add_column(heading, justify="right")
    for each in outcome.judged:
        spread = (f"{each.share(0.5):,.0f}", f"{each.share(0.99):,.0f}", f"{each.share(1.0):,.0f}")
        counted = (f"{each.bound_ms:,.0f}", str(len(each.late)), str(len(each.missed)))
        table.add_row(each.scenario, str(each.crossed), *spread, *counted)
    console.print(table)
    console.print(
        f"{outcome.stops} stops; {len(outcome.false)} hit without reason; {outcome.dials} connections; quotes answered "
        f"{outcome.quotes_answered}, refused {outcome.quotes_refused}; watchers killed {outcome.kills}; "
        f"[{'red' if outcome.violations else 'green'}]{outcome.violations} violations"
    )


if __name__ == "__main__":
    sys.exit(main())
