"""`python -m fargate_listener` watches until SIGTERM; `--health` asks the running one (container health check)."""

from __future__ import annotations

import argparse
import logging
import os
import sys


def main() -> int:
    """The exit code: 0 for a good end or good health."""
    parser = argparse.ArgumentParser(prog="python -m fargate_listener", description=__doc__)
    parser.add_argument("--health", action="store_true", help="exit with 0 when the running watcher is healthy")
    if parser.parse_args().health:
        from fargate_listener.health_check import is_healthy

        return 0 if is_healthy() else 1
    from fargate_listener.run import run

    return run()


if __name__ == "__main__":
    code = main()
    # Everything owed is done by now. A thread that hangs in a database call must not hold the exit up.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
