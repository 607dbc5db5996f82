"""One run of the twin: start, session, welcome, and an end in good order whatever ends it."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from twin.api_client import ApiRefused
from twin.cloudformation import TemplateFault
from twin.console import Narrator
from twin.exchange import ExchangeRefused
from twin.processes import ChildFailed, TwinRunning
from twin.running import InvocationFailed, Options
from twin.runtime_api import InitFailed
from twin.servers import ServerFailed
from twin.session import play_session
from twin.stage import SessionFailed
from twin.supervisor import run_twin
from twin.synthesis import SynthesisFailed
from twin.welcome import welcome

_FAULTS = (
    TwinRunning,
    TemplateFault,
    SynthesisFailed,
    ServerFailed,
    ChildFailed,
    ExchangeRefused,
    InitFailed,
    InvocationFailed,
    SessionFailed,
    ApiRefused,
)
_INTERRUPTED = 130


def run(arguments: argparse.Namespace, narrator: Narrator) -> int:
    """Run to the end; the process's exit code."""
    return run_to_end(_run(arguments, narrator), narrator, arguments.state / "logs")


def run_to_end(work: Coroutine[Any, Any, int], narrator: Narrator, logs: Path) -> int:
    """Do what needs a twin, and say in a line what went wrong; the process's exit code."""
    try:
        with asyncio.Runner() as runner:
            return runner.run(work)
    except (asyncio.CancelledError, KeyboardInterrupt):
        narrator.say("stopped before the session was over")
        return _INTERRUPTED
    except BaseExceptionGroup as group:
        ours, others = group.split(_FAULTS)
        if ours is None or others is not None:
            raise
        for fault in _leaves(ours):
            narrator.say(str(fault), style="bold red")
    except _FAULTS as fault:
        narrator.say(str(fault), style="bold red")
    narrator.say(f"the logs of every part are in {logs}")
    return 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from _leaves(fault)
        else:
            yield fault


async def _run(arguments: argparse.Namespace, narrator: Narrator) -> int:
    options = Options(
        state=arguments.state,
        templates=arguments.templates,
        port=arguments.port,
        replay=arguments.replay,
        speed=arguments.speed,
        watchers=arguments.watchers,
        app=arguments.app,
        app_port=arguments.app_port,
    )
    cancel_at_interrupt()
    is_good, trader = True, None
    async with run_twin(options, narrator) as twin:
        if not arguments.no_session:
            played = await play_session(
                twin, narrator, report_file=arguments.report, replay=arguments.replay, speed=arguments.speed
            )
            is_good, trader = played.is_good, played.trader
        await twin.settled
        if not arguments.once:
            await welcome(twin, narrator, trader)
            interrupted = asyncio.Event()
            _at_interrupt(interrupted.set)
            await interrupted.wait()
    narrator.say("stopped")
    return 0 if is_good else 1


def cancel_at_interrupt() -> None:
    """Have the present task cancelled by the first Ctrl-C or SIGTERM."""
    main_task = asyncio.current_task()
    assert main_task is not None
    _at_interrupt(_only_once(main_task.cancel))


def _at_interrupt(react: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, react)


def _only_once(react: Callable[[], object]) -> Callable[[], None]:
    """A second Ctrl-C must not cut short the stopping that the first one began."""
    signals: list[None] = []

    def react_to_first() -> None:
        signals.append(None)
        if len(signals) == 1:
            react()

    return react_to_first
