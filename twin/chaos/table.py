"""The figures of a session as a reader sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from twin.chaos.figures import Figures
from twin.console import Narrator

_MOST_VIOLATIONS = 40


def show(figures: Figures, narrator: Narrator, logs: str) -> None:
    """Print one session."""
    table = Table("", "", title=f"Chaos, seed {figures.seed}", box=box.SIMPLE, show_header=False)
    for name, value in _rows(figures):
        table.add_row(name, value)
    narrator.console.print(table)
    for violation in figures.violations[:_MOST_VIOLATIONS]:
        at = f" at {violation['at']}" if violation["at"] else ""
        narrator.say(f"VIOLATION {violation['kind']}: {violation['who']}{at}: {violation['text']}", style="bold red")
    if figures.violations:
        narrator.say(f"{len(figures.violations)} violations; the logs of every part are in {logs}", style="bold red")
    else:
        narrator.say(f"seed {figures.seed}: no violation", style="bold green")


def _rows(figures: Figures) -> Sequence[tuple[str, str]]:
    return (
        ("strategies", f"{figures.strategies} of {figures.traders} traders"),
        ("duration", f"{figures.seconds} s, chaos {figures.chaos_seconds} s, calm {figures.calm_seconds} s"),
        ("faults", _counts(figures.faults)),
        ("without effect", _counts(figures.without_effect)),
        ("orders at the exchange", str(figures.orders)),
        ("orders of unknown fate", str(figures.unknowns)),
        ("  time to truth, s", _spread(figures.time_to_truth)),
        ("  slowest", "\n".join(figures.slowest_truths)),
        ("entries", _counts(figures.entries)),
        ("exits by reason", _counts(figures.exits)),
        ("buy time to entry, s", _spread(figures.entry_delay)),
        ("sell time to sale, s", _spread(figures.exit_delay)),
        ("stop crossed to sale, s", _spread(figures.stop_to_sale)),
        ("  slowest", "\n".join(figures.slowest_sales)),
        ("held without a guard, s", _spread(figures.unguarded)),
        ("  told by", _counts(figures.unguarded_by_alarm)),
        ("repaired by converge", _counts(figures.repaired)),
        ("last at rest", "; ".join(figures.last_at_rest[:3]) or "everything at once"),
        ("alarms", _counts(figures.alarms)),
        ("violations", str(len(figures.violations))),
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items() if number) or "none"


def _spread(values: Mapping[str, float | None]) -> str:
    return f"p50 {values['p50']}  p99 {values['p99']}  max {values['max']}  of {values['count']}"


def show_all(all_figures: Sequence[Figures], narrator: Narrator) -> None:
    """Print several sessions, one a line."""
    table = Table("seed", "s", "faults", "orders", "unknown", "truth p50", "p99", "stop p50", "p99", "violations")
    table.box = box.SIMPLE
    for each in all_figures:
        table.add_row(
            str(each.seed),
            f"{each.seconds:.0f}",
            str(sum(each.faults.values())),
            str(each.orders),
            str(each.unknowns),
            str(each.time_to_truth["p50"]),
            str(each.time_to_truth["p99"]),
            str(each.stop_to_sale["p50"]),
            str(each.stop_to_sale["p99"]),
            str(len(each.violations)),
        )
    narrator.console.print(table)
