"""`make simulate`: many seeds over all cores with a report, one seed with its trace, or the deliberate bugs' table."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.simulation.day import simulate_day
from tests.simulation.mutations import MUTATIONS, try_out
from tests.simulation.report import run_many, write_report

_REPORT = Path("build/simulation.json")
_MOST_SEEDS = 10**12


def main(arguments: list[str]) -> int:
    """The exit code: 0 when no invariant was violated."""
    options = _parse(arguments)
    if options.bugs:
        return _try_bugs()
    if options.seed is not None:
        return _replay(options.seed, trace=options.trace)
    found, seconds, cpu = run_many(range(options.first, options.first + options.seeds), processes=options.processes)
    write_report(found, seconds, cpu, _REPORT)
    return 1 if found.violations else 0


def _replay(seed: int, *, trace: bool) -> int:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads may have seen enough
    found = simulate_day(seed, _say if trace else None)
    for _, violation in found.violations:
        _say(f"violation: {violation}")
    _say(f"seed {seed}: {found.strategy_days} strategy-days, {found.orders} orders, {len(found.violations)} violations")
    return 1 if found.violations else 0


def _try_bugs() -> int:
    """The rows of docs/simulation.md, as they are today."""
    missed = 0
    for mutation in MUTATIONS.values():
        needed, _ = try_out(mutation)
        missed += needed is None
        names = sorted(mutation.noticed_by, key=_as_numbered)
        _say(f"| {mutation.what} | {', '.join(names)} | {needed or 'none'} of {mutation.within} |")
    return 1 if missed else 0


def _as_numbered(name: str) -> tuple[bool, int, str]:
    """I2 before I10, and both before those that have words for names."""
    number = name.removeprefix("I")
    return not number.isdigit(), int(number) if number.isdigit() else 0, name


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_whole("SEEDS", 1), default=200, help="how many days to simulate")
    parser.add_argument("--first", type=_whole("FIRST", 0), default=0, help="the first seed")
    parser.add_argument("--seed", type=_whole("SEED", 0), help="replay the day of one seed")
    parser.add_argument("--trace", action="store_true", help="with --seed: print everything that happens")
    parser.add_argument("--processes", type=_whole("PROCESSES", 1), help="default: one per core")
    parser.add_argument("--bugs", action="store_true", help="try each deliberate bug, and print the document's table")
    options = parser.parse_args(arguments)
    if options.trace and options.seed is None:
        parser.error("TRACE is for one day: give SEED=<n> as well")
    return options


def _whole(name: str, least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= _MOST_SEEDS:
            raise argparse.ArgumentTypeError(
                f"{name} must be a whole number from {least} to {_MOST_SEEDS}, not {text!r}"
            )
        return int(text)

    return read


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
