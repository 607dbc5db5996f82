"""The process around the watcher: settings, logging, event loop, signals."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import ListenerSettings, SettingsInvalid
from fargate_listener.wiring import build_watcher

logger = logging.getLogger(__name__)

_THREADS = 32
"""For blocking work. Python's own number is five on one processor: with the stores hanging, the dials of the traders'
order sockets would take all of them, and the broker's quotes and the last flush would wait behind."""
_TURN_SECONDS = 0.0005
"""A thread (a full check, an answer of the queue) leaves the event loop waiting for so long at most, a tenth of what
Python's default allows."""


def run() -> int:
    """Watch until SIGTERM or Ctrl-C. The exit code: 0 after a good end, 1 after a fault, 2 for bad settings."""
    try:
        settings = ListenerSettings.load()
    except SettingsInvalid as error:
        sys.stderr.write(f"{error}\n")
        return 2
    set_up_logging("listener", settings.log_level)
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        # Never closed: closing would wait for threads, of which one may hang in a database call.
        asyncio.Runner(loop_factory=_loop_factory()).run(_watch(settings))
    except Exception:
        logger.critical("the watcher ended through a fault of its own", exc_info=True)
        return 1
    return 0


async def _watch(settings: ListenerSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, "watcher"))
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await build_watcher(settings).run(stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
