"""`python -m twin` runs the whole product and plays a trading session; `--help` lists the options."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from rich.console import Console

from twin.console import Narrator
from twin.processes import REPOSITORY

INTERRUPTED = 130
PLAIN_WIDTH = 140


def main() -> int:
    """The exit code: 0 when the session went as its script says and ledger and exchange agree."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # A pipe has no width of its own: tables then take what they need.
    narrator = Narrator(Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH))
    narrator.say("the whole product starts on this machine (Ctrl-C stops everything)")
    try:
        # Only now what takes seconds to import: whoever waits has read something by then.
        from twin.command import run
    except KeyboardInterrupt:
        narrator.say("stopped before anything was started")
        return INTERRUPTED
    return run(arguments, narrator)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m twin", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the session")
    parser.add_argument("--no-session", action="store_true", help="only start the product")
    parser.add_argument("--replay", type=_existing_file, help="CSV of minute candles, plain or .gz, as prices")
    parser.add_argument("--speed", type=float, default=60.0, help="how many times faster than life to replay")
    parser.add_argument("--watchers", type=int, choices=(1, 2), default=1, help="how many watch (default: 1)")
    parser.add_argument("--port", type=int, default=0, help="port of the API on loopback (default: a free one)")
    parser.add_argument("--app", type=Path, default=REPOSITORY / "build" / "app", help="folder of the built web app")
    parser.add_argument("--app-port", type=int, default=0, help="port of the app on loopback (default: a free one)")
    parser.add_argument("--state", type=Path, default=REPOSITORY / "build" / "twin", help="folder for logs and data")
    parser.add_argument(
        "--report", type=Path, default=REPOSITORY / "build" / "session.json", help="where the session is recorded"
    )
    parser.add_argument("--templates", type=Path, help="use these synthesised templates as they are")
    return parser


def _existing_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} does not exist")
    return path.resolve()


if __name__ == "__main__":
    sys.exit(main())
