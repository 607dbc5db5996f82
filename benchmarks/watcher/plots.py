"""`make bench-plots`: pictures of what `make bench-watcher` and `make bench-peers` have written.

Runs in the environment of the peers, where matplotlib is. Writes PNG files into the folder it is given.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

_NAMES = {
    "ours": "watcher",
    "official": "official ticker, no stops",
    "linear": "every stop, every tick",
    "literal": "Redis, every tick",
}
_COLOURS = {"ours": "#0b6e4f", "official": "#c8553d", "linear": "#8d99ae", "literal": "#e0a458"}
_SHARES = ("p50", "p90", "p99", "p99.9", "p99.99", "max")


def main() -> int:
    """The exit code: 0 when the pictures were drawn, 2 when there is nothing to draw them from."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher.plots", description=__doc__)
    parser.add_argument("--figures", type=Path, default=Path("build/bench-watcher.json"))
    parser.add_argument("--folder", type=Path, default=Path("docs/benchmarks"))
    options = parser.parse_args()
    if not options.figures.is_file():
        sys.stderr.write(f"{options.figures} is missing: make bench-watcher writes it\n")
        return 2
    document = json.loads(options.figures.read_text())
    options.folder.mkdir(parents=True, exist_ok=True)
    draw_throughput(document, options.folder / "watcher-throughput.png")
    draw_latency(document, options.folder / "watcher-latency.png")
    sys.stdout.write(f"drawn into {options.folder}\n")
    return 0


def draw_throughput(document: dict[str, Any], path: Path) -> None:
    """Ticks a second by shape of frame, on a logarithmic scale: 100,000 stops, flood, no TLS."""
    plots = _plots()
    floods = [run for run in document["runs"] if not run["pace"] and run["tls"] == "no" and run["stops"] == 100_000]
    shapes = list(dict.fromkeys((run["kind"], run["packets"]) for run in floods))
    figure, axes = plots.subplots(figsize=(9, 4.5))
    engines = [name for name in ("ours", "official") if any(run["engine"] == name for run in floods)]
    for place, engine in enumerate(engines):
        rates = {(r["kind"], r["packets"]): r["ticks_per_second"] for r in floods if r["engine"] == engine}
        bars = [number + 0.4 * place - 0.2 for number in range(len(shapes))]
        axes.bar(bars, [rates.get(shape, 0) for shape in shapes], 0.38, label=_NAMES[engine], color=_COLOURS[engine])
    axes.set_yscale("log")
    axes.set_xticks(range(len(shapes)), [f"{packets:,} {kind}" for kind, packets in shapes])
    axes.set_xlabel("packets a frame")
    axes.set_ylabel("ticks a second, one core")
    axes.set_title(f"Socket to decision, 100,000 stops, flood ({document['machine']['date']})")
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    _save(figure, path)


def draw_latency(document: dict[str, Any], path: Path) -> None:
    """Microseconds from the sending of a frame to its decision, by percentile, one line for each pace and client."""
    plots = _plots()
    paced = [run for run in document["runs"] if run["pace"] and run["microseconds"]]
    paces = sorted({run["pace"] for run in paced})
    figure, all_axes = plots.subplots(1, max(1, len(paces)), figsize=(4 * max(1, len(paces)), 4), sharey=True)
    for axes, pace in zip(all_axes if len(paces) > 1 else [all_axes], paces, strict=False):
        for run in paced:
            if run["pace"] == pace:
                values = [run["microseconds"][share] for share in _SHARES]
                engine = run["engine"]
                axes.plot(_SHARES, values, marker="o", label=_NAMES[engine], color=_COLOURS[engine])
        axes.set_yscale("log")
        axes.set_title(f"{pace:,} ticks/s")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("microseconds")
    figure.axes[0].legend()
    figure.suptitle(f"From the sending of a frame to its decision ({document['machine']['date']})")
    _save(figure, path)


def _plots() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    # Without the version of the library in the file: the same figures give the same picture.
    figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    sys.exit(main())
