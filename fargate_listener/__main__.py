"""`python -m fargate_listener` watches until SIGTERM; `--health` asks the running one (container health check)."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable

from algotrading.settings import ListenerSettings, SettingsInvalid
from fargate_listener.health import is_healthy
from fargate_listener.log_format import set_up_logging
from fargate_listener.wiring import build_watcher

logger = logging.getLogger(__name__)


def main() -> int:
    """The exit code: 0 for a good end or good health."""
    arguments = argparse.ArgumentParser(prog="fargate_listener", description=__doc__)
    arguments.add_argument("--health", action="store_true", help="exit with 0 when the running watcher is healthy")
    asked = arguments.parse_args()
    try:
        settings = ListenerSettings.load()
    except SettingsInvalid as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if asked.health:
        return 0 if is_healthy(settings.health_port) else 1
    set_up_logging(settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_watch(settings))
    return 0


async def _watch(settings: ListenerSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await build_watcher(settings).run(stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


if __name__ == "__main__":
    code = 1
    try:
        code = main()
    except SystemExit as asked:  # argparse: --help, or an unknown argument
        code = asked.code if isinstance(asked.code, int) else 1
    except Exception:
        logger.critical("the watcher ended through a fault of its own", exc_info=True)
    finally:
        # Everything owed is done by now. A thread that hangs in a database call must not hold the exit up.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)
