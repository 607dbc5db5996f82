"""`python -m twin.chaos` breaks everything around a session of many strategies and judges what became of it."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from twin.__main__ import INTERRUPTED, PLAIN_WIDTH
from twin.console import Narrator
from twin.processes import REPOSITORY

MOST_STRATEGIES = 400
"""More would not be served by one machine's executors in a minute."""


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when nothing was violated."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    narrator = Narrator(Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH))
    narrator.say("the whole product starts on this machine, to be broken (Ctrl-C stops everything)")
    try:
        from twin.chaos.command import run_rounds
        from twin.command import run_to_end
    except KeyboardInterrupt:
        return INTERRUPTED
    return run_to_end(run_rounds(chosen, narrator), narrator, chosen.state / "logs")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m twin.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=_whole(0, 2**31), default=1, help="what the session and its faults are drawn from"
    )
    parser.add_argument(
        "--strategies", type=_whole(1, MOST_STRATEGIES), default=100, help="how many strategies trade (default: 100)"
    )
    parser.add_argument(
        "--rounds", type=_whole(1, 1000), default=1, help="how many sessions, each with the next seed (default: 1)"
    )
    parser.add_argument(
        "--watchers", type=int, choices=(1, 2), default=1, help="how many watch; one is killed at a time (default: 1)"
    )
    parser.add_argument("--no-faults", action="store_true", help="the same session, and nothing is broken")
    parser.add_argument("--state", type=Path, default=REPOSITORY / "build" / "chaos", help="folder for logs and data")
    parser.add_argument(
        "--report", type=Path, default=REPOSITORY / "build" / "chaos.json", help="where the sessions are recorded"
    )
    return parser


def _whole(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number between two, both included."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{number} is not between {least} and {most}")
        return number

    return read


if __name__ == "__main__":
    sys.exit(main())
