"""`make cost ENV=prod USERS=n STRATEGIES=m`: what an environment costs in a month, from its settings.

Usage: python -m cdk.cost --env prod --users 50 --strategies 200 [--templates build/cdk.out/prod]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cdk.cost.endpoints import pays_from_gib, through_nat_gib
from cdk.cost.estimate import StepCost, estimate, estimate_steps
from cdk.cost.lines import Estimate
from cdk.cost.moving import Workload
from cdk.cost.prices import PriceMissing, PricesInvalid, PriceTable, load_prices
from cdk.cost.standing import unpriced
from cdk.cost.steps import BUSIEST_MINUTE, strategies_carried
from cdk.environments import ENVIRONMENTS, Environment
from cdk.paths import ROOT

_FILE_WIDTH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 2 for a question that makes no sense, 1 when it cannot be answered."""
    parser = argparse.ArgumentParser(prog="python -m cdk.cost", description=__doc__)
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    parser.add_argument("--users", required=True, type=_number, help="traders (USERS=n)")
    parser.add_argument("--strategies", required=True, type=_number, help="strategies of all of them (STRATEGIES=m)")
    parser.add_argument("--templates", type=Path, help="folder of the synthesised templates")
    asked = parser.parse_args(arguments)
    environment = ENVIRONMENTS[asked.env]
    workload = Workload(users=asked.users, strategies=asked.strategies)
    try:
        templates = read_templates(asked.templates or ROOT / "build" / "cdk.out" / asked.env)
        prices = load_prices()
        whole = estimate(environment, workload, templates, prices)
        steps = list(estimate_steps(environment, workload, templates, prices))
    except (PriceMissing, PricesInvalid, FileNotFoundError) as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    _show_services(console, environment, workload, whole)
    _show_steps(console, steps)
    for line in (*_basis(whole, prices), *_shortfalls(environment, workload, unpriced(templates))):
        console.print(line, highlight=False, soft_wrap=True)
    return 0


def read_templates(folder: Path) -> dict[str, Any]:
    """By stack. Raises FileNotFoundError."""
    files = sorted(folder.glob("*.template.json"))
    if not files:
        raise FileNotFoundError(f"there are no templates in {folder}: run make synth first")
    return {path.name.split(".")[0]: json.loads(path.read_text(encoding="utf-8")) for path in files}


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _show_services(console: Console, environment: Environment, workload: Workload, whole: Estimate) -> None:
    title = f"{environment.stage}: {workload.users:,} users, {workload.strategies:,} strategies; US dollars a month"
    table = Table(title=title, title_justify="left")
    table.add_column("service")
    for name in ("standing", "by use", "together"):
        table.add_column(name, justify="right")
    for service, (standing, moving) in whole.by_service().items():
        table.add_row(service, f"{standing:,.2f}", f"{moving:,.2f}", f"{standing + moving:,.2f}")
    table.add_section()
    moving = whole.usd - whole.standing_usd
    table.add_row("total", f"{whole.standing_usd:,.2f}", f"{moving:,.2f}", f"{whole.usd:,.2f}")
    for name, number in (("per user", workload.users), ("per strategy", workload.strategies)):
        shares = (each / number for each in (whole.standing_usd, moving, whole.usd))
        table.add_row(name, *(f"{share:,.3f}" for share in shares))
    console.print(table)


def _show_steps(console: Console, steps: Sequence[StepCost]) -> None:
    table = Table(title="as it grows, with the sizes of docs/scale.md", title_justify="left")
    for name in ("strategies", "users", "cells", "database", "executors", "a month", "per user", "per strategy"):
        table.add_column(name, justify="right")
    for each in steps:
        row = each.step.sizes
        table.add_row(
            f"{each.step.strategies:,}",
            f"{each.workload.users:,}",
            f"{each.step.cells}",
            str(row.get("database_class", "as it is")),
            f"{row['executor_concurrency']:,}" if "executor_concurrency" in row else "as it is",
            f"{each.usd:,.0f}",
            f"{each.usd / each.workload.users:,.2f}",
            f"{each.usd / each.step.strategies:,.3f}",
        )
    console.print(table)


def _basis(whole: Estimate, prices: PriceTable) -> Iterator[str]:
    share = whole.unverified_usd / whole.usd
    yield f"Prices of {prices.region} from {prices.date}, on demand, without tax, free tiers and discounts."
    yield f"To be verified: {share:.0%} of the sum rests on prices that were not looked up (cdk/cost/prices.toml)."
    yield (
        f"An interface endpoint would pay from {pays_from_gib(prices):,.0f} GiB of one service on; through NAT go "
        f"{through_nat_gib(whole):,.1f}, to brokers and every service together."
    )
    yield "Not in it: the brokers' own fees (a Kite Connect app for each trader), support, domain names."


def _shortfalls(environment: Environment, workload: Workload, unknown: Mapping[str, int]) -> Iterator[str]:
    stage, carried = environment.stage, strategies_carried(environment)
    if workload.strategies > carried:
        yield f"{stage} carries {carried:,} strategies, {BUSIEST_MINUTE:.0%} of them in one minute: see docs/scale.md."
    for kind, number in unknown.items():
        yield f"Without a price, and perhaps not free: {number} {kind}."


if __name__ == "__main__":
    sys.exit(main())
