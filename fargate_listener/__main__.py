"""`python -m fargate_listener` watches until SIGTERM; `--health` asks the running one (container health check), and
`--check` tries everything it needs and says what is wrong."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys


def main() -> int:
    """The exit code: 0 for a good end, good health, or a watcher that would see; 2 for wrong settings."""
    parser = argparse.ArgumentParser(prog="python -m fargate_listener", description=__doc__)
    parser.add_argument("--health", action="store_true", help="one line, and 0 when the running watcher is healthy")
    parser.add_argument("--check", action="store_true", help="explain the settings and try every connection")
    arguments = parser.parse_args()
    if arguments.health:
        from fargate_listener.health_check import run_health_check

        return run_health_check()
    if arguments.check:
        from fargate_listener.check import run_check

        return run_check()
    # Nothing that is loaded at a start is rubbish; `collector` takes over.
    gc.disable()
    from fargate_listener.run import run

    return run()


if __name__ == "__main__":
    code = main()
    # Everything owed is done by now. A thread that hangs in a database call must not hold the exit up.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
