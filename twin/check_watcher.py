"""`make check-watcher` (HEALTH=1): `python -m fargate_listener --check` (or `--health`) with all that the watcher
of the running product has in its environment, from another terminal."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from twin.environment_file import read_environment
from twin.processes import REPOSITORY, base_environment

NOT_ASKED = 2
"""Also what the watcher says of wrong settings: in both cases nothing was tried."""


def main(arguments: list[str] | None = None) -> int:
    """The exit code of the watcher's command, or NOT_ASKED where no product runs."""
    parser = argparse.ArgumentParser(prog="python -m twin.check_watcher", description=__doc__)
    parser.add_argument("--health", action="store_true", help="ask the running watcher instead of trying everything")
    parser.add_argument("--watcher", default="watcher", help="whose environment: watcher, or watcher-2 of two")
    parser.add_argument("--state", type=Path, default=REPOSITORY / "build" / "twin", help="the folder of the run")
    options = parser.parse_args(arguments)
    try:
        variables = read_environment(options.state / f"{options.watcher}.env")
    except FileNotFoundError:
        sys.stderr.write(f"no {options.watcher} runs here: start it with make run, and ask from another terminal\n")
        return NOT_ASKED
    command = [sys.executable, "-m", "fargate_listener", "--health" if options.health else "--check"]
    return subprocess.run(command, cwd=REPOSITORY, env=base_environment() | variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
