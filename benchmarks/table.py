"""The figures for a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Values


def show(figures: Sequence[Figure], machine: Mapping[str, Any], console: Console) -> None:
    """One table: a line per figure, and under it its peers."""
    load = " ".join(f"{value:g}" for value in machine["load_average"])
    title = f"{machine['date']}, {machine['cores']} cores, Python {machine['python']}, load before the run {load}"
    table = Table(title=title, title_justify="left", header_style="bold", show_edge=False)
    table.add_column("benchmark", no_wrap=True)
    table.add_column("what", min_width=40)
    for heading in ("p50 / median", "p99", "max", "unit", "of", "target"):
        table.add_column(heading, justify="right", no_wrap=True)
    previous: Figure | None = None
    for figure in figures:
        is_first = previous is None or figure.benchmark != previous.benchmark
        if is_first and previous is not None:
            table.add_section()
        name = figure.benchmark if is_first else ""
        table.add_row(name, figure.name, *_cells(figure.values), figure.unit, str(figure.count), _verdict(figure))
        if previous is None or figure.peers != previous.peers:
            for peer, values in figure.peers.items():
                table.add_row("", f"  beside: {peer}", *_cells(values), figure.unit, "", "", style="dim")
        previous = figure
    console.print(table)


def _cells(values: Values) -> tuple[str, str, str]:
    middle = values.get("p50", values.get("median"))
    return _text(middle), _text(values.get("p99")), _text(values.get("max"))


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def _verdict(figure: Figure) -> str:
    target = figure.target
    if target is None:
        return ""
    met = target.is_met(figure.values)
    return (
        f"[{'green' if met else 'red'}]{target}: {figure.values[target.statistic]:.4g} {'met' if met else 'missed'}[/]"
    )
