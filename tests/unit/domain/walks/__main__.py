"""`python -m tests.unit.domain.walks`: many walks, or one with all that happened."""

from __future__ import annotations

import argparse
import sys

from tests.unit.domain.walks.trace import Broken
from tests.unit.domain.walks.walk import walk
from tests.unit.domain.walks.weather import Kind


def main(arguments: list[str]) -> int:
    """The exit code: 0 when nothing was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.unit.domain.walks", description=__doc__)
    parser.add_argument("--kind", type=Kind, choices=list(Kind), default=Kind.PROMPT, help="how late orders surface")
    parser.add_argument("--seed", type=int, help="one walk, with its trace")
    parser.add_argument("--walks", type=int, default=10_000, help="how many walks to go")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        sys.stdout.write(f"{walk(options.kind, options.seed)}\n")
        return 0
    broken = 0
    for seed in range(options.first, options.first + options.walks):
        try:
            walk(options.kind, seed)
        except Broken as fault:
            broken += 1
            sys.stdout.write(f"seed {seed}: {fault}\n")
    sys.stdout.write(f"{options.walks} walks, {broken} broken\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
